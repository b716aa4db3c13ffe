"""Hold the rooms: imports run down only, and no module name occurs twice by chance."""

import ast
from collections import Counter
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "src/collectivesft"

# Lowest first; a room imports from rooms in rows above its own only.
LEVELS = """
common
sources schema models hub/client
config
readers raw/fetching models/convert curated/text scores/cases sft/distributed hub/evidence hub/fake
datasets sft/kernels hub/card scores/report curated/contamination
benchmarks raw sft/batches curated/storage
curated/duplicates curated/mixture sft/loop scores/extract scores/prompt figures/style hub
curated figures sft scores/engines scores/measure
scores paper extend
scores/commands
"""
LEVEL = {room: n for n, row in enumerate(LEVELS.strip().splitlines()) for room in row.split()}

# A stage's command line, a dataset and the benchmark of its name, and the field's own pairs.
TWICE = {"__init__", "cli", "cmb", "cmmlu_medical", "registry", "pangu", "sources", "verify"}
TWICE |= {
    "contamination",
    "diversity",
    "fetch",
    "compare",
    "prompts",
    "statistics",
    "download",
    "mixture",
    "run",
    "manifest",
}


def room_of(path: Path) -> str:
    """Return a module's room as a path below the package."""
    return path.parent.relative_to(PACKAGE).as_posix()


def imported(path: Path) -> set[Path]:
    """Return the package's modules that a file imports, inside functions too."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("collectivesft"):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    found = set()
    for name in names:
        parts = name.split(".")[1:]
        for size in range(len(parts), 0, -1):
            stem = PACKAGE.joinpath(*parts[:size])
            if stem.with_suffix(".py").is_file() or (stem / "__init__.py").is_file():
                one = stem.with_suffix(".py")
                found.add(one if one.is_file() else stem / "__init__.py")
                break
    return found


def modules() -> list[Path]:
    """Return all modules but the entry points, which may import any room."""
    found = sorted(PACKAGE.rglob("*.py"))
    return [path for path in found if path.name != "cli.py" and room_of(path) != "."]


def test_every_room_has_a_level():
    assert {room_of(path) for path in modules()} == set(LEVEL)


def test_imports_run_down_only():
    upwards = [
        f"{path.relative_to(PACKAGE)} imports {other.relative_to(PACKAGE)}"
        for path in modules()
        for other in sorted(imported(path))
        if room_of(other) not in (".", room_of(path))
        and LEVEL[room_of(other)] >= LEVEL[room_of(path)]
    ]
    assert upwards == []


def test_no_module_name_occurs_twice_by_chance():
    names = Counter(path.stem for path in modules())
    assert {name for name, count in names.items() if count > 1} - TWICE == set()
