"""Imports of the package's files are found without a look into expressions."""

import ast
from pathlib import Path

import code_files

PACKAGE = Path(__file__).parents[2] / "src/collectivesft"


def every_import(path: Path) -> set[str]:
    """Names that a file imports, by a walk over every node."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {name for name in names if name.startswith("collectivesft.")}


def test_every_import_of_the_package_is_found():
    for path in PACKAGE.rglob("*.py"):
        found = {file.relative_to(PACKAGE.parent) for file in code_files.imports(PACKAGE, path)}
        for name in every_import(path):
            file = Path(*name.split("."))
            for own in (file.with_suffix(".py"), file / "__init__.py"):
                assert not (PACKAGE.parent / own).is_file() or own in found, (path, name)


def test_imports_inside_any_statement_are_found(tmp_path):
    (tmp_path / "a.py").write_text(
        "def f(x):\n    try:\n        pass\n    except OSError:\n        import collectivesft.b\n"
        "    match x:\n        case 1:\n            from collectivesft import c\n"
        "class D:\n    if True:\n        pass\n    else:\n        from collectivesft.d import e\n",
        "utf-8",
    )
    for name in "bcd":
        (tmp_path / f"{name}.py").touch()
    found = code_files.imports(tmp_path, tmp_path / "a.py")
    assert [path.name for path in found] == ["b.py", "c.py", "d.py"]
