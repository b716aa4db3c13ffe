"""Print the name of the run that a configuration describes: run_name.py CONFIG."""

import sys
from pathlib import Path

import configuration


def run_name(overlay: Path) -> str:
    """``run`` of the configuration, or of config/config.yaml, which it lies over.

    Raises:
        ConfigurationError: a file that is missing or no YAML.
    """
    base = Path(__file__).parents[1] / "config/config.yaml"
    settings = configuration.read_yaml(base) | (configuration.read_yaml(overlay) or {})
    return str(settings["run"])


if __name__ == "__main__":
    try:
        print(run_name(Path(sys.argv[1])))
    except configuration.ConfigurationError as error:
        sys.exit(f"error: config: {error}")
