"""One file per dataset: where it comes from (``SOURCE``) and how a raw row becomes an example.

To add a dataset, add a file with ``SOURCE``, ``PROMPT`` (the template of the user's turn, see
``schema.prompts.fill``; several by kind as a dict) and ``read(raw)``; nothing else lists the names.
"""

import importlib
import pkgutil
from types import ModuleType

from collectivesft.common.errors import UserError


def names() -> list[str]:
    """Names of all datasets, sorted."""
    found = (module.name for module in pkgutil.iter_modules(__path__))
    return sorted(name for name in found if not name.startswith("_"))


def get(name: str) -> ModuleType:
    """The module of a dataset: ``SOURCE``, ``PROMPT`` and ``read(raw: RawFolder)``, which yields
    examples and drops.

    A reader with choices lists them in ``OPTIONS`` and takes each as a keyword argument. One that
    can read whole columns has ``read_tables`` too, which gives the same examples as Arrow tables,
    or None where the files need ``read``.

    Raises:
        UserError: unknown; the message lists the known ones.
    """
    if name not in names():
        raise UserError(f"unknown dataset {name!r}. Known are: {', '.join(names())}.")
    return importlib.import_module(f"{__name__}.{name}")
