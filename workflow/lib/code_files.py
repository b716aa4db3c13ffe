"""Find the package's files that a command runs: its module and all imports.

Rules list them as input, so that an edit reruns the affected rules only. Modules that are
loaded by name (a dataset's reader, a benchmark) cannot be seen here; rules name those themselves.
"""

import ast
import atexit
import contextlib
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

PACKAGE = "collectivesft"
# Plumbing that decides calls and messages of a command, not its results: a better
# message must not retrain a model. After a change of results by these, run with --forcerun.
PLUMBING = {
    "common/errors.py",
    "common/files.py",
    "common/progress.py",
    "common/validation.py",
    "models/quiet_transformers.py",
    "common/temporary.py",
}


# Names that each content imports, kept between runs: reading them is a fifth of a plan's time.
KEPT = Path(".snakemake/imports.json")


def files(root: Path, modules: list[str]) -> list[Path]:
    """Files of the modules (``curated/clean.py``) and of their imports, sorted.

    Args:
        root: folder of the package.

    Raises:
        FileNotFoundError: a module is not there.
    """
    found: set[Path] = set()
    waiting = [root / module for module in modules]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += imports(root, path)
    return sorted(path for path in found if not _is_plumbing(path.relative_to(root)))


def source_file(root: Path, kind: str, name: str) -> str:
    """Return a dataset's or benchmark's file below the package, ``NAME.py`` or ``NAME.yaml``.

    Args:
        kind: ``datasets`` or ``benchmarks``.
    """
    yaml = Path(kind, f"{name}.yaml")
    return str(yaml if (root / yaml).is_file() else yaml.with_suffix(".py"))


def _is_plumbing(path: Path) -> bool:
    """Tell plumbing by its path: a room may have a ``files.py`` with a different meaning."""
    return path.name in ("__init__.py", "cli.py") or path.as_posix() in PLUMBING


@cache
def imports(root: Path, path: Path) -> tuple[Path, ...]:
    """The package's own files that a file imports, inside functions too."""
    if path.suffix == ".yaml":  # a dataset or benchmark without code
        return (root / "readers/described.py",)
    content, kept = path.read_bytes(), _kept()
    digest = hashlib.sha256(content).hexdigest()
    if digest not in kept:
        kept[digest] = _names(content)
    own = (name.split(".")[1:] for name in kept[digest])
    candidates = (_file(root.joinpath(*parts)) for parts in own if parts)
    return tuple(sorted({candidate for candidate in candidates if candidate}))


def _names(content: bytes) -> list[str]:
    """Names of the package that a file's content imports, sorted."""
    names: set[str] = set()
    for node in _statements(ast.parse(content).body):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return sorted(name for name in names if name.split(".")[0] == PACKAGE)


@cache
def _kept() -> dict[str, list[str]]:
    """Names by the sha256 of the content, as this very file found them; written at the end."""
    by = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
    names: dict[str, list[str]] = {}
    # A file of a different shape is as none: each name of these may be absent or of a wrong type.
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        content = json.loads(KEPT.read_bytes())
        if content["by"] == by:
            names = {
                digest: [str(name) for name in found] for digest, found in content["names"].items()
            }
    atexit.register(_keep, KEPT.absolute(), by, names, len(names))
    return names


def _keep(path: Path, by: str, names: dict[str, list[str]], known: int) -> None:
    if len(names) == known:
        return
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    with contextlib.suppress(OSError):  # a folder that cannot be written keeps nothing
        partial.write_text(json.dumps({"by": by, "names": names}), encoding="utf-8")
        partial.replace(path)


def _statements(body: Sequence[ast.AST]) -> Iterator[ast.AST]:
    """Yield statements and those inside them. Expressions hold no import and are most of a tree."""
    for node in body:
        yield node
        for part in ("body", "orelse", "finalbody", "handlers", "cases"):
            yield from _statements(getattr(node, part, ()))


def _file(stem: Path) -> Path | None:
    for candidate in (stem.with_suffix(".py"), stem / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None
