"""Print the name of the run that a configuration describes, in the clone.

Use: run_name.py CONFIG [report], with ``report`` for the path of the run's HTML report.
"""

import sys
from pathlib import Path

import config_check
from layout import Layout

if __name__ == "__main__":
    try:
        config = config_check.load(Path.cwd(), Path(sys.argv[1]))
    except config_check.ConfigurationError as error:
        sys.exit(error.report())
    print(Layout.of(config).report if sys.argv[2:] == ["report"] else config["run"])
