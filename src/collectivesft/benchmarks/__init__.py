"""One file per benchmark: its items, prompt, extraction and score.

To add a benchmark, add a file with ``SOURCE``, ``items(raw)`` and, for questions with options and
for free text, ``prompt(item, style, preset)``, ``target(item, style)`` and ``CATEGORIES``; nothing
else lists the names (docs/extend-benchmark.md is a walk-through). Where there is more to say,
``KINDS`` names how a configuration may run it (choice, clinical, text, upload; without it in any
way), ``KEY_DATES`` dates answer keys by their digest, ``apart(item)`` names the group of a question
that is reported apart, and ``submission(item, answer)`` is a record of the leaderboard's file; for
free text ``UPLOAD`` names that file's format (jsonl or csv). An exam that needs no code is a YAML
file (see ``readers.described``). Files whose name begins with an
underscore are shared helpers.
"""

import importlib
from functools import cache
from pathlib import Path
from types import ModuleType

from collectivesft.common.errors import UserError
from collectivesft.common.named_files import named_files


def names() -> list[str]:
    """Return the names of all benchmarks, sorted."""
    return sorted(named_files(__path__))


def get(name: str) -> ModuleType:
    """The module of a benchmark: ``SOURCE`` and ``items(raw: RawFolder) -> Iterator[Item]``.

    Raises:
        UserError: unknown; the message lists the known ones.
    """
    path = named_files(__path__).get(name)
    if path is None:
        raise UserError(f"unknown benchmark {name!r}. Known are: {', '.join(names())}.")
    if path.suffix == ".py":
        return importlib.import_module(f"{__name__}.{name}")
    return _described(path, path.stat().st_mtime_ns)


@cache
def _described(path: Path, changed: int) -> ModuleType:
    # By name, so that only rules on such a file depend on its reader (workflow/lib/code_files.py).
    described = importlib.import_module("collectivesft.readers.described")
    return described.exam(path)
