"""One file per benchmark: its items, prompt, extraction and score.

To add a benchmark, add a file with ``SOURCE``, ``items(raw)`` and, for questions with options and
for free text, ``prompt(item, style, preset)``, ``target(item, style)`` and ``CATEGORIES``; nothing
else lists the names (docs/extend-benchmark.md is a walk-through). Where there is more to say,
``KINDS`` names how a configuration may run it (choice, clinical, text, upload; without it in any
way), ``KEY_DATES`` dates answer keys by their digest, ``apart(item)`` names the group of a question
that is reported apart, and ``submission(item, answer)`` is a record of the leaderboard's file; for
free text ``UPLOAD`` names that file's format (jsonl or csv). Files whose name begins with an
underscore are shared helpers.
"""

import importlib
import pkgutil
from types import ModuleType

from collectivesft.common.errors import UserError


def names() -> list[str]:
    """Names of all benchmarks, sorted."""
    found = (module.name for module in pkgutil.iter_modules(__path__))
    return sorted(name for name in found if not name.startswith("_") and name != "item")


def get(name: str) -> ModuleType:
    """The module of a benchmark: ``SOURCE`` and ``items(raw: RawFolder) -> Iterator[Item]``.

    Raises:
        UserError: unknown; the message lists the known ones.
    """
    if name not in names():
        raise UserError(f"unknown benchmark {name!r}. Known are: {', '.join(names())}.")
    return importlib.import_module(f"{__name__}.{name}")
