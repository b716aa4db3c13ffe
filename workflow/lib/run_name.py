"""Print the name of the run that a configuration describes: run_name.py CONFIG."""

import sys
from pathlib import Path

import config_check

if __name__ == "__main__":
    try:
        print(config_check.load(Path(__file__).resolve().parents[2], Path(sys.argv[1]))["run"])
    except config_check.ConfigurationError as error:
        sys.exit(error.report())
