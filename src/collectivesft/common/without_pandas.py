"""Keep pandas out of processes that have no use for it.

pyarrow imports pandas, if it is installed, at the first array that it makes: about a second of CPU
time in each process. The data environment has no pandas, the development environment has.
"""

import sys
from importlib.abc import MetaPathFinder


class _NoPandas(MetaPathFinder):
    """Answers for pandas that it is not installed."""

    def find_spec(self, name: str, *_: object) -> None:
        """Refuse pandas; leave every other name to the finders after this one.

        Raises:
            ModuleNotFoundError: the name is pandas.
        """
        if name == "pandas":
            raise ModuleNotFoundError("pandas is not used in this process", name=name)


def skip_pandas() -> None:
    """Let pyarrow find no pandas in this process; one that is imported already stays."""
    if not pandas_skipped():
        sys.meta_path.insert(0, _NoPandas())


def pandas_skipped() -> bool:
    """Return whether ``skip_pandas`` was called in this process."""
    return any(isinstance(finder, _NoPandas) for finder in sys.meta_path)
