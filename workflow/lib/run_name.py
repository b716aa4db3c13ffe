"""Print the name of the run that a configuration describes: run_name.py CONFIG, in the clone."""

import sys
from pathlib import Path

import config_check

if __name__ == "__main__":
    try:
        print(config_check.load(Path.cwd(), Path(sys.argv[1]))["run"])
    except config_check.ConfigurationError as error:
        sys.exit(error.report())
