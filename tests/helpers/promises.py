"""Check the promises of every example that a reader gives, whatever its dataset."""

import json
import os
from pathlib import Path

import pytest

from collectivesft import datasets
from collectivesft.readers.mcqa import letters
from collectivesft.schema.example import LANGUAGES, STYLES, Drop, Example
from collectivesft.sources.folder import RawFolder


def read(name: str, raw: RawFolder) -> list[Example | Drop]:
    """All results of a dataset's reader."""
    return list(datasets.get(name).read(raw))


def reasons(results: list[Example | Drop]) -> list[str]:
    """For each result why it was dropped, or ``kept``."""
    return [result.reason if isinstance(result, Drop) else "kept" for result in results]


def check(result: Example | Drop, name: str) -> None:
    """Assert what every example and every drop promises."""
    assert result.id.startswith(f"{name}:")
    if isinstance(result, Drop):
        assert result.reason and len(result.text) <= 500 and "row" in result.detail
        return
    assert result.dataset == name
    assert result.style in STYLES and result.language in LANGUAGES
    roles = [role for role, _ in result.messages]
    assert roles == ["user", "assistant"] * (len(roles) // 2) and roles
    assert all(text.strip() for _, text in result.messages)
    assert not result.meta["file"].startswith("/") and result.meta["row"] >= 1
    if result.style == "mcqa":
        check_exam(result)
    json.dumps(result.to_row(), ensure_ascii=False).encode()


def check_exam(example: Example) -> None:
    """Assert that question, options and answer of an exam question stand in its messages."""
    prompt, reply = example.messages[0][1], example.messages[1][1]
    gold, options = example.meta["answer"], example.meta["options"]
    assert gold and set(gold) <= set(options) and gold == letters(gold)
    assert example.meta["question"] in prompt
    assert all(f"\n{letter}: {text}" in prompt for letter, text in options.items())
    assert reply.endswith((f"答案是{gold}。", f"The answer is {gold}."))
    assert example.meta["exam"]


def real(*names: str) -> Path:
    """A path below the folder of real files; skips where there is none."""
    root = os.environ.get("COLLECTIVESFT_REAL_DATA")
    if not root:
        pytest.skip("COLLECTIVESFT_REAL_DATA is not set")
    return Path(root).joinpath(*names)
