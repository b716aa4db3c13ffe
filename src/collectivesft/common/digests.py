"""Digests of the inputs of a result: a result of other inputs is made again."""

import ast
import hashlib
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from collectivesft.common.files import dump_json


def digest(facts: Any) -> str:
    """Of values that JSON can say."""
    return hashlib.sha256(dump_json(facts).encode()).hexdigest()


def software(modules: Iterable[str], libraries: Iterable[str] = ()) -> str:
    """Digest of modules' code, without comments and layout, and of libraries' versions.

    Args:
        modules: files of this package without their ending, such as ``sft/loop/trainer``.
    """
    paths = (Path(__file__).parents[1] / f"{name}.py" for name in modules)
    code = [ast.dump(ast.parse(path.read_text(encoding="utf-8"))) for path in paths]
    return digest([code, {name: version(name) for name in libraries}])
