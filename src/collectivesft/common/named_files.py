"""Files of a package that a name chooses: ``NAME.py``, or ``NAME.yaml`` where no code is needed."""

from collections.abc import Iterable
from pathlib import Path

from collectivesft.common.errors import UserError


def named_files(folders: Iterable[str]) -> dict[str, Path]:
    """Return the file of each name in a package's folders (its ``__path__``).

    Raises:
        UserError: a name has both forms.
    """
    found: dict[str, Path] = {}
    for folder in map(Path, folders):
        for path in sorted([*folder.glob("[a-z]*.py"), *folder.glob("[a-z]*.yaml")]):
            if path.stem in found:
                raise UserError(f"{path}: {found[path.stem].name} is there too. Keep one of both.")
            found[path.stem] = path
    return found
