"""Write a new dataset, benchmark, base model or experiment with its test."""

import re
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from string import Template
from typing import Literal

from collectivesft.common.errors import UserError
from collectivesft.common.files import atomic_path

Kind = Literal["dataset", "benchmark", "model", "experiment"]
WITHOUT_CODE = ("dataset", "benchmark")


@dataclass(frozen=True)
class _Form:
    """One kind of file.

    Attributes:
        files: path in the clone by name of a template; ``$name`` and ``$test`` are filled in.
        names: pattern of a name.
        allowed: the same in words.
        next: the next steps, in order.
    """

    files: dict[str, str]
    names: str
    allowed: str
    next: tuple[str, ...]


_MODULE = ("[a-z][a-z0-9_]*", "small letters, digits and _, a letter first")
_FILE = ("[a-z0-9][a-z0-9._-]*", "small letters, digits, dot, - and _")

# By kind; ``KIND --yaml`` is the form of one that needs no code.
FORMS: dict[str, _Form] = {
    "dataset": _Form(
        {
            "dataset.py": "src/collectivesft/datasets/$name.py",
            "dataset_test.py": "tests/datasets/test_$test.py",
        },
        *_MODULE,
        (
            "Edit SOURCE, PROMPT and read(), and the rows of the test.",
            "collectivesft check datasets/$name FILE",
            "pytest tests/datasets/test_$test.py",
            "collectivesft raw sources --into docs/data.md",
        ),
    ),
    "benchmark": _Form(
        {
            "benchmark.py": "src/collectivesft/benchmarks/$name.py",
            "benchmark_test.py": "tests/benchmarks/test_$test.py",
        },
        *_MODULE,
        (
            "Edit SOURCE, CATEGORIES and items(), and the rows of the test.",
            "collectivesft check benchmarks/$name FILE",
            "pytest tests/benchmarks/test_$test.py",
            "collectivesft raw sources --into docs/data.md",
        ),
    ),
    "dataset --yaml": _Form(
        {
            "dataset.yaml": "src/collectivesft/datasets/$name.yaml",
            "dataset_yaml_test.py": "tests/datasets/test_$test.py",
        },
        *_MODULE,
        (
            "Edit the file: docs/extend.md lists all keys. Edit the rows of the test.",
            "collectivesft check datasets/$name FILE",
            "pytest tests/datasets/test_$test.py",
            "collectivesft raw sources --into docs/data.md",
        ),
    ),
    "benchmark --yaml": _Form(
        {
            "benchmark.yaml": "src/collectivesft/benchmarks/$name.yaml",
            "benchmark_yaml_test.py": "tests/benchmarks/test_$test.py",
        },
        *_MODULE,
        (
            "Edit the file: docs/extend.md lists all keys. Edit the rows of the test.",
            "collectivesft check benchmarks/$name FILE",
            "pytest tests/benchmarks/test_$test.py",
            "collectivesft raw sources --into docs/data.md",
        ),
    ),
    "model": _Form(
        {
            "model.yaml": "config/models/$name.yaml",
            "model_test.py": "tests/models/test_base_$test.py",
        },
        *_FILE,
        (
            "Edit the file: config/models/README.md lists all keys.",
            "pytest tests/models/test_base_$test.py",
            "Name it as `base` in an experiment.",
        ),
    ),
    "experiment": _Form(
        {
            "experiment.yaml": "config/experiments/$name.yaml",
            "experiment_test.py": "tests/config/test_experiment_$test.py",
        },
        *_FILE,
        (
            "Edit the file: docs/configuration.md lists all keys.",
            "pytest tests/config/test_experiment_$test.py",
            "Name it under `experiments` in a configuration.",
        ),
    ),
}


def write_new(kind: Kind, name: str, root: Path, described: bool = False) -> list[Path]:
    """Write the file of a new dataset, benchmark, base model or experiment, and its test.

    Args:
        root: the clone.
        described: write a YAML file in place of code.

    Returns:
        The files, relative to the clone.

    Raises:
        UserError: the folder is no clone, the name cannot be used, a file is there already, or the
            kind has no form without code.
    """
    form = _form(kind, described)
    if not (root / "src/collectivesft").is_dir() or not (root / "config").is_dir():
        raise UserError(f"{root}: no clone of this package. Name its folder with --root.")
    if not re.fullmatch(form.names, name):
        raise UserError(f"{kind} {name!r}: the name may have {form.allowed}. Choose another name.")
    texts = {
        Path(_fill(path, name)): _fill(_template(file), name) for file, path in form.files.items()
    }
    for path in texts:
        same = [path, *(path.with_suffix(other) for other in (".py", ".yaml"))]
        if path := next((one for one in same if (root / one).exists()), None):
            raise UserError(f"{path}: there already. Choose another name, or edit that file.")
    for path, text in texts.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(root / path) as partial:
            partial.write_text(text, encoding="utf-8")
    return list(texts)


def next_steps(kind: Kind, name: str, described: bool = False) -> list[str]:
    """Return the next steps after ``write_new``, one line each."""
    return [_fill(line, name) for line in _form(kind, described).next]


def _form(kind: Kind, described: bool) -> _Form:
    if described and kind not in WITHOUT_CODE:
        raise UserError(f"--yaml: a {kind} is a YAML file anyway. Leave the option out.")
    return FORMS[f"{kind} --yaml" if described else kind]


def _template(file: str) -> str:
    return resources.files(__package__).joinpath("templates", f"{file}.txt").read_text("utf-8")


def _fill(text: str, name: str) -> str:
    """Fill in a template: ``$name``, ``$test`` (the name in a test's file), ``$title``."""
    test = re.sub(r"[^a-z0-9]+", "_", name)
    fields = {"name": name, "test": test, "title": re.sub("[_-]+", " ", name).capitalize()}
    return Template(text).substitute(fields)
