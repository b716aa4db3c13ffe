"""A tiny random model writes free text: in words of its own task, to the end, and goes on."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from collectivesft.common.errors import InputError, UserError
from collectivesft.schema.item import Item
from collectivesft.scores.engines.resume_log import ResumeLog
from collectivesft.scores.predict import Protocol, predict
from collectivesft.scores.prompt.prompts import few_shot, lead_of
from tests.helpers.scores_inputs import tiny_model, write_items

QUICK = Protocol(max_new_tokens=6, batch_size=2, stop="early")


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("text") / "model")


def item(number: int, split: str = "test", task: str = "task18_x") -> Item:
    return Item(
        id=f"{task}-{split}-{number}", benchmark="meds_bench", split=split, kind="text",
        category="Explanation and rationale", subcategory=task, question=f"Concept {number}",
        metric="overlap", references=["a thing"],
        meta={"instruction": "Explain.", "file": "x", "task": "task18", "output": "a thing"},
    )  # fmt: skip


ITEMS = [item(0, "val"), item(1, "val", "task46_y"), *(item(n) for n in range(5))]


def rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_text_is_asked_without_lead_and_written_to_its_end(model, tmp_path):
    items, out = write_items(tmp_path / "i.jsonl", ITEMS), tmp_path / "p.jsonl"
    predict(model, "tiny", items, out, replace(QUICK, template="plain", shots=2))
    found = rows(out)
    assert [row["id"] for row in found] == [f"task18_x-test-{n}" for n in range(5)]
    # One solved example: there is one of the task, and another task's explains nothing.
    said = "Explain.\nConcept 0\na thing\n\nExplain.\nConcept 3\n"
    assert (found[3]["prompt"], found[3]["lead"], found[3]["shots"]) == (said, "", 1)
    assert all(row["options"] == [] and not row["settled"] for row in found)
    assert any(row["raw"] for row in found)


def test_rows_are_the_same_at_any_batch_size(model, tmp_path):
    items = write_items(tmp_path / "i.jsonl", ITEMS)
    for size in (1, 2, 5):
        predict(model, "tiny", items, tmp_path / f"{size}.jsonl", replace(QUICK, batch_size=size))
    assert len({(tmp_path / f"{size}.jsonl").read_bytes() for size in (1, 2, 5)}) == 1


def test_a_cut_run_goes_on_to_the_same_bytes(model, tmp_path, monkeypatch):
    items, whole, cut = (tmp_path / name for name in ("i.jsonl", "whole.jsonl", "cut.jsonl"))
    write_items(items, ITEMS)
    predict(model, "tiny", items, whole, QUICK)
    append, written = ResumeLog.append, []

    def stop(self: ResumeLog, record: dict) -> None:
        append(self, record)
        written.append(record)
        if len(written) == 2:  # the header and a batch
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ResumeLog, "append", stop)
        with pytest.raises(KeyboardInterrupt):
            predict(model, "tiny", items, cut, QUICK)
    assert not cut.exists()
    predict(model, "tiny", items, cut, QUICK)
    assert cut.read_bytes() == whole.read_bytes()


def test_examples_of_free_text_are_of_its_task():
    pool = ITEMS[:2]
    assert [one.id for one in few_shot(item(3), pool, 3)] == ["task18_x-val-0"]
    assert few_shot(item(3, task="task50_z"), pool, 3) == []


def test_examples_that_a_task_does_not_have_were_not_left_out(model, tmp_path):
    items = write_items(tmp_path / "i.jsonl", ITEMS)
    predict(model, "tiny", items, tmp_path / "p.jsonl", replace(QUICK, shots=3))
    lines = (tmp_path / "p.jsonl").read_text(encoding="utf-8").splitlines()
    found = [json.loads(line) for line in lines]
    assert {row["shots"] for row in found} == {1} and {row["shots_dropped"] for row in found} == {0}


def test_free_text_has_no_likelihood(model, tmp_path):
    items = write_items(tmp_path / "i.jsonl", ITEMS)
    with pytest.raises(UserError, match="Free text has no letters to compare"):
        predict(model, "tiny", items, tmp_path / "p", Protocol(method="likelihood"))
    assert lead_of("generate", "answer_only", "plain", "text") == ""


def test_kinds_do_not_mix(model, tmp_path):
    items = write_items(tmp_path / "i.jsonl", [*ITEMS, replace(item(9), kind="choice")])
    with pytest.raises(InputError, match="no test questions with options or in free text"):
        predict(model, "tiny", items, tmp_path / "p", QUICK)
