"""The version of protocols changes with prompts and readings."""

import hashlib
import json
from pathlib import Path

from collectivesft.scores.extract.letters import corrected, official
from collectivesft.scores.measure.protocol_version import VERSION, versioned
from collectivesft.scores.prompt.prompts import lead_of, render, turns
from tests.helpers.scores_inputs import question

READING = Path(__file__).parents[2] / "resources/reading/answers.jsonl"
# Digests of prompts and of readings by version. Where one of them changes, raise VERSION in
# measure/protocol_version.py and add its digests here.
PINNED = {
    2: ("96e1958d1702cbed", "b2a848398f96e2b4"),
    3: ("96e1958d1702cbed", "e1a8bb10e02c91fe"),
    4: ("96e1958d1702cbed", "125665e9d435d104"),
    5: ("96e1958d1702cbed", "afa1ea4768d4018e"),
    6: ("96e1958d1702cbed", "169a18b46ae423ad"),
}


def digest(found: object) -> str:
    return hashlib.sha256(json.dumps(found, ensure_ascii=False).encode()).hexdigest()[:16]


def prompts() -> list[str]:
    """Return prompts of a question in each style, preset and template without a tokenizer."""
    items = [question(n, "val") for n in range(2)]
    found = []
    for style in ("answer_only", "cot"):
        for preset in ("official", "corrected"):
            for template in ("plain", "cmb"):
                conversation = turns(question(5), items, style, preset)
                lead = lead_of("generate", style, template)
                found.append(render(None, conversation, template, lead).text)
    return [*found, lead_of("likelihood", "answer_only", "chat")]


def readings() -> list[tuple[str, str]]:
    """Return the letters of both readings of the project's own answers."""
    rows = [json.loads(line) for line in READING.read_text("utf-8").splitlines()]
    return [
        (
            official(row["text"], row["multiple"]),
            corrected(
                row["text"], row["multiple"], row["options"], "", row["question"], row["stopped"]
            ),
        )
        for row in rows
    ]


def test_the_version_changes_with_prompts_and_readings():
    assert (digest(prompts()), digest(readings())) == PINNED[VERSION]
    assert max(PINNED) == VERSION


def test_a_protocol_is_named_with_its_version():
    assert versioned("cmb", "answer") == f"cmb:answer@{VERSION}"
