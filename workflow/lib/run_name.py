"""Print the name of the run that a configuration describes: run_name.py CONFIG."""

import sys
from pathlib import Path

import config_check


def run_name(overlay: Path) -> str:
    """``run`` of the configuration, or of config/config.yaml, which it lies over.

    Raises:
        ConfigurationError: a file that is missing or no YAML.
    """
    base = Path(__file__).parents[2] / "config/config.yaml"
    settings = config_check.read_yaml(base) | (config_check.read_yaml(overlay) or {})
    return str(settings["run"])


if __name__ == "__main__":
    try:
        print(run_name(Path(sys.argv[1])))
    except config_check.ConfigurationError as error:
        sys.exit(f"error: config: {error}")
