"""Imports of the package's files are found without a look into expressions."""

import ast
import json
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


def test_kept_imports_follow_the_content(tmp_path, monkeypatch):
    monkeypatch.setattr(code_files, "KEPT", tmp_path / "imports.json")
    monkeypatch.setattr(code_files.atexit, "register", lambda *call: ends.append(call))
    for name in "bc":
        (tmp_path / f"{name}.py").touch()

    def found(text: str) -> list[str]:
        code_files.imports.cache_clear()
        code_files._kept.cache_clear()
        (tmp_path / "a.py").write_text(text, "utf-8")
        names = [path.name for path in code_files.imports(tmp_path, tmp_path / "a.py")]
        keep, *arguments = ends.pop()
        keep(*arguments)
        return names

    ends: list = []
    assert found("import collectivesft.b\n") == ["b.py"]
    parsed = []
    monkeypatch.setattr(code_files, "_names", lambda text: parsed.append(text) or [])
    assert found("import collectivesft.b\n") == ["b.py"] and not parsed
    monkeypatch.undo()
    monkeypatch.setattr(code_files, "KEPT", tmp_path / "imports.json")
    monkeypatch.setattr(code_files.atexit, "register", lambda *call: ends.append(call))
    assert found("import collectivesft.c\n") == ["c.py"]
    # Names that another version of the code has found count for nothing.
    kept = json.loads((tmp_path / "imports.json").read_text("utf-8"))
    wrong = {"by": "other", "names": {key: ["collectivesft.c"] for key in kept["names"]}}
    (tmp_path / "imports.json").write_text(json.dumps(wrong), "utf-8")
    assert found("import collectivesft.b\n") == ["b.py"]
    shapes = ["{}", "[]", "null", "1", '"by"']
    shapes += [json.dumps({"by": kept["by"]} | more) for more in ({}, {"names": []})]
    shapes += [json.dumps({"by": kept["by"], "names": {"a": 1}})]
    for text in ("{", *shapes):
        (tmp_path / "imports.json").write_text(text, "utf-8")
        assert found("import collectivesft.b\n") == ["b.py"], text
    code_files.imports.cache_clear()
    code_files._kept.cache_clear()
