"""One file per dataset: where it comes from (``SOURCE``) and how a raw row becomes an example.

To add a dataset, add a file with ``SOURCE``, ``PROMPT`` (the template of the user's turn, see
``schema.prompts.fill``; several by kind as a dict) and ``read(raw)``, or a YAML file that names the
keys of a row (``readers.described``); nothing else lists the names.
"""

import importlib
from functools import cache
from pathlib import Path
from types import ModuleType

from collectivesft.common.errors import UserError
from collectivesft.common.named_files import named_files


def names() -> list[str]:
    """Return the names of all datasets, sorted."""
    return sorted(named_files(__path__))


def get(name: str) -> ModuleType:
    """The module of a dataset: ``SOURCE``, ``PROMPT`` and ``read(raw: RawFolder)``, which yields
    examples and drops.

    A reader with choices lists them in ``OPTIONS`` and takes each as a keyword argument. One that
    can read whole columns has ``read_tables`` too, which gives the same examples as Arrow tables,
    or None where the files need ``read``.

    Raises:
        UserError: unknown; the message lists the known ones.
    """
    path = named_files(__path__).get(name)
    if path is None:
        raise UserError(f"unknown dataset {name!r}. Known are: {', '.join(names())}.")
    if path.suffix == ".py":
        return importlib.import_module(f"{__name__}.{name}")
    return _described(path, path.stat().st_mtime_ns)


@cache
def _described(path: Path, changed: int) -> ModuleType:
    # By name, so that only rules on such a file depend on its reader (workflow/lib/code_files.py).
    described = importlib.import_module("collectivesft.readers.described")
    return described.dataset(path)
