"""Scripts that no test runs still call our functions as these are today."""

import ast
import importlib
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted([*ROOT.glob("benchmarks/*.py"), *ROOT.glob("workflow/lib/*.py")])


def imported(tree: ast.Module) -> dict[str, object]:
    """Return by its name in the script each thing of ours that it imports."""
    found: dict[str, object] = {}
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom) or node.module is None:
            continue
        if node.module.partition(".")[0] != "collectivesft":
            continue
        for alias in node.names:
            name = alias.asname or alias.name
            module = importlib.import_module(node.module)
            if not hasattr(module, alias.name):
                module = importlib.import_module(f"{node.module}.{alias.name}")
                found[name] = module
            else:
                found[name] = getattr(module, alias.name)
    return found


def calls(tree: ast.Module, known: dict[str, object]) -> Iterator[tuple[ast.Call, Callable]]:
    """Yield each call of a function of ours, by its name or as an attribute of a module."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        if isinstance(called, ast.Name):
            target = known.get(called.id)
        elif isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name):
            module = known.get(called.value.id)
            target = getattr(module, called.attr, None) if inspect.ismodule(module) else None
        else:
            continue
        if inspect.isfunction(target):
            yield node, target


def problem(call: ast.Call, target: Callable) -> str | None:
    """Say what the function does not take, or lacks; what `*` and `**` bring is not looked at."""
    words = {word.arg: None for word in call.keywords if word.arg}
    places = [one for one in call.args if not isinstance(one, ast.Starred)]
    whole = len(places) == len(call.args) and len(words) == len(call.keywords)
    signature = inspect.signature(target)
    try:
        (signature.bind if whole else signature.bind_partial)(*places, **words)
    except TypeError as error:
        return f"{target.__name__}: {error}"
    return None


def test_scripts_call_our_functions_by_the_parameters_that_they_have():
    found = {}
    for path in SCRIPTS:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for call, target in calls(tree, imported(tree)):
            found[f"{path.name}:{call.lineno}:{call.col_offset}"] = problem(call, target)
    assert not {place: said for place, said in found.items() if said}
    assert len(found) > 50


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("f(1, b=2)", None),
        ("f(1)", "f: missing a required argument: 'b'"),
        ("f(*rows, c=2)", "f: got an unexpected keyword argument 'c'"),
        ("f(*rows, b=2)", None),
    ],
)
def test_a_wrong_parameter_is_named(text, said):
    def f(a: int, b: int) -> None: ...

    ((call, target),) = calls(ast.parse(text), {"f": f})
    assert problem(call, target) == said
