"""Read a release's manifest that anybody may have written: every name and number has a bound."""

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from collectivesft.common.errors import UserError
from collectivesft.common.files import read_json
from collectivesft.hub.client.names import is_inside

LARGEST_BYTES = 64 << 20
MOST_FILES = 10_000
LARGEST_FILE = 1 << 44  # 16 TiB
MOST_TOKENS = 4096
LONGEST_QUESTION = 20_000
_SHA256 = re.compile(r"[0-9a-f]{64}")


class NoRelease(UserError):
    """A JSON file that is no manifest of a release of this package."""


def read_manifest(path: Path) -> dict[str, Any]:
    """Parse a manifest and check all that is read from it: names, digests, sizes, the answer.

    Names of files stay inside the folder they are joined to; see ``names.is_inside``.

    Raises:
        NoRelease: a file of a different kind, as web applications have one of this name.
        UserError: a manifest of a release with a name, digest or number that cannot be.
    """
    if path.stat().st_size > LARGEST_BYTES:
        raise NoRelease(f"{path}: larger than {LARGEST_BYTES:,} bytes: {_NO_RELEASE}.")
    content = read_json(path)
    model = content.get("model") if isinstance(content, dict) else None
    if not isinstance(model, dict) or not isinstance(model.get("files"), dict):
        raise NoRelease(f"{path}: lists no files of a model: {_NO_RELEASE}.")
    for problem in _problems(content):
        raise UserError(f"{path}: {problem}. Do not use this release; ask whoever published it.")
    return content


_NO_RELEASE = "it is no manifest of a release of this package"


def listed(content: dict[str, Any]) -> dict[str, str]:
    """Return name to sha256 of every file that a manifest lists.

    Args:
        content: of ``read_manifest``.
    """
    both = content["model"]["files"] | (content.get("files") or {})
    return {name: facts["sha256"] for name, facts in both.items()}


def _problems(content: dict[str, Any]) -> Iterator[str]:
    base = content.get("base")
    if not isinstance(base, dict | None):
        yield "base is no mapping"
        return
    for where, files in (
        ("model.files", content["model"]["files"]),
        ("files", content.get("files")),
        ("base.files", (base or {}).get("files")),
    ):
        yield from _file_problems(where, {} if files is None else files)
    if base:
        yield from _base_problems(base)
    if content.get("answer") is not None:
        yield from _answer_problems(content["answer"])


def _file_problems(where: str, files: Any) -> Iterator[str]:
    if not isinstance(files, dict):
        yield f"{where} is no mapping"
        return
    if len(files) > MOST_FILES:
        yield f"{where} has {len(files):,} entries, at most {MOST_FILES:,} are read"
        return
    for name, facts in files.items():
        if not is_inside(name):
            yield f"{where}: {name[:80]!r} leads out of the release or is no file's name"
        elif not isinstance(facts, dict) or not _is_digest(facts.get("sha256")):
            yield f"{where}: {name!r} has no sha256 of 64 small hexadecimal digits"
        elif not _is_count(facts.get("size", 0), LARGEST_FILE):
            yield f"{where}: {name!r} has no size in bytes"


def _is_digest(value: Any) -> bool:
    return isinstance(value, str) and _SHA256.fullmatch(value) is not None


def _is_count(value: Any, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most


def _base_problems(base: dict[str, Any]) -> Iterator[str]:
    source = base.get("source") or {}
    if not isinstance(base.get("name", ""), str) or not isinstance(source, dict):
        yield "base: name or source is of a different kind"
    elif not all(isinstance(source.get(key), str | None) for key in ("repo", "revision")):
        yield "base.source: repo or revision is no text"


def _answer_problems(answer: Any) -> Iterator[str]:
    """The recorded answer: the question goes to the model, and new_tokens bounds its work."""
    answer = answer if isinstance(answer, dict) else {}
    question, tokens, margins = (answer.get(key) for key in ("question", "tokens", "margins"))
    if not isinstance(question, str) or len(question) > LONGEST_QUESTION:
        yield f"answer.question is no text of at most {LONGEST_QUESTION:,} characters"
    elif not _is_list(tokens, lambda n: _is_count(n, 1 << 32)):
        yield f"answer.tokens is no list of at most {MOST_TOKENS:,} token ids"
    elif not _is_list(margins, _is_number):
        yield f"answer.margins is no list of at most {MOST_TOKENS:,} numbers"
    elif not _is_count(answer.get("new_tokens"), MOST_TOKENS) or answer["new_tokens"] < 1:
        yield f"answer.new_tokens is no number from 1 to {MOST_TOKENS:,}"


def _is_list(value: Any, fits: Any) -> bool:
    return isinstance(value, list) and len(value) <= MOST_TOKENS and all(map(fits, value))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
