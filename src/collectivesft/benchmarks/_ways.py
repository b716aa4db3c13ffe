"""How a benchmark can be run: as questions with letters, as cases, as text, as an upload."""

import ast
from pathlib import Path


def ways(path: Path) -> set[str]:
    """Some of choice, clinical, text (its answers are at hand), upload (it takes a file of them).

    Read from the text of a benchmark's file, as its items say their kind and may not be here yet.
    Empty where that does not tell: then anything may be tried.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    given = [_keywords(one) for one in calls if getattr(one.func, "id", "") == "Item"]
    kinds = {getattr(one.get("kind"), "value", None) for one in given}
    if len(kinds) != 1 or kinds - {"choice", "clinical", "text"}:
        return set()
    if kinds != {"text"}:
        return kinds
    names = {getattr(target, "id", "") for node in tree.body for target in _targets(node)}
    kept = all("references" not in one and None not in one for one in given)
    return ({"upload"} & {name.lower() for name in names}) | (set() if kept else {"text"})


def _keywords(call: ast.Call) -> dict[str | None, ast.expr]:
    """Arguments by name; under None is what a mapping holds."""
    return {keyword.arg: keyword.value for keyword in call.keywords}


def _targets(node: ast.stmt) -> list[ast.expr]:
    if isinstance(node, ast.AnnAssign):
        return [node.target]
    return node.targets if isinstance(node, ast.Assign) else []
