"""Run the installed `snakemake` with a pandas that is imported only when something uses it.

    python workflow/lib/start_snakemake.py [arguments of snakemake]

Snakemake imports every installed plugin when it starts. The one for Slurm imports pandas, for a
report after the last job: half a second of a processor in each plan.
"""

import importlib
import os
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

REMEDY = "envs/install workflow .venv-workflow; source .venv-workflow/bin/activate"


class WaitingPandas(ModuleType):
    """Stands in for pandas until one of its names is asked for, or one of its modules.

    `importlib.util.LazyLoader` would import it for any attribute: `inspect`, which Snakemake uses,
    asks every module for its file.
    """

    def __getattr__(self, name: str) -> object:
        """Import pandas and return its attribute.

        Raises:
            AttributeError: pandas has no such name, or Python itself asks for it.
        """
        if name.startswith("__") and name != "__path__":
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)


def defer_pandas() -> None:
    """Let `import pandas` import nothing yet, where pandas is installed."""
    spec = find_spec("pandas")
    if spec is not None and "pandas" not in sys.modules:
        sys.modules["pandas"] = WaitingPandas("pandas")
        sys.modules["pandas"].__spec__ = spec


def main() -> None:
    """Become `snakemake`: within this interpreter where it is that of the command on PATH."""
    command = shutil.which("snakemake")
    if command is None:
        sys.exit(f"error: snakemake is not on PATH. Run: {REMEDY}")
    if Path(command).parent.absolute() != Path(sys.executable).parent.absolute():
        os.execv(command, [command, *sys.argv[1:]])
    sys.argv[0] = command
    defer_pandas()
    from snakemake.cli import main as run
    from snakemake.persistence import PersistenceBase

    # Snakemake compares each parameter with the classes of pandas; no rule here has such a one.
    PersistenceBase._serialize_param_pandas = PersistenceBase._serialize_param_builtin
    sys.exit(run())


if __name__ == "__main__":
    main()
