"""Completion of items by a base: the last tokens that greedy decoding writes word for word."""

from pathlib import Path

import pytest

from collectivesft.common.errors import InputError
from collectivesft.common.files import read_json
from collectivesft.scores.completion import measure_completion
from collectivesft.scores.engines import decode
from collectivesft.scores.engines import language_model as models
from collectivesft.scores.report import completion_table
from tests.helpers.scores_inputs import case, question, tiny_model, write_items


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("tiny") / "model")


def continued(model: Path, text: str, tokens: int) -> str:
    """Return a text with the tokens that the model's greedy decoding adds to it."""
    loaded = models.load(model, 1)
    ids = models.encode(loaded, text, "plain")
    (written,) = decode.generate(loaded, decode.Prefix((), None), [ids], tokens)
    return models.text_of(loaded, [*ids, *written.tokens])


def remembered(model: Path, tokens: int) -> str:
    """Return a question whose end the model writes itself, in whole characters."""
    for number in range(300):
        text = continued(model, f"Question {number}", tokens)
        loaded = models.load(model, 1)
        if "\ufffd" not in text and text.isprintable():
            ids = models.encode(loaded, text, "plain")
            if len(ids) == len(models.encode(loaded, f"Question {number}", "plain")) + tokens:
                return text
    raise AssertionError("no readable continuation")


def test_an_item_that_the_model_writes_itself_is_completed_and_no_other(model, tmp_path):
    own = question(1, question=remembered(model, 2))
    path = write_items(tmp_path / "items.jsonl", [question(0), own, question(2)])
    found = measure_completion(model, "tiny", path, tmp_path / "c.json", 2)
    assert found == read_json(tmp_path / "c.json")
    assert (found["items"], found["too_long"], found["ngram"]) == (3, 0, 2)
    assert (found["question"]["asked"], found["question"]["completed"]) == (3, 1)
    assert found["question"]["share"]["value"] == pytest.approx(1 / 3, abs=1e-6)
    assert found["question"]["share"]["low"] > 0
    assert found["options"]["completed"] == 0


def test_too_short_and_too_long_items_are_counted_apart(tmp_path):
    short = tiny_model(tmp_path / "short", longest=120)
    asked = [question(0, question="a"), question(1, question="很" * 60)]
    path = write_items(tmp_path / "items.jsonl", asked)
    found = measure_completion(short, "tiny", path, tmp_path / "c.json", 5)
    assert (found["items"], found["too_long"]) == (2, 1)
    assert found["question"] == {"asked": 0, "completed": 0, "share": None}
    assert found["options"]["asked"] == 1


def test_a_benchmark_without_options_is_refused(model, tmp_path):
    path = write_items(tmp_path / "items.jsonl", [case(1)])
    with pytest.raises(InputError, match="no test questions with options"):
        measure_completion(model, "tiny", path, tmp_path / "c.json", 5)


def test_the_table_shows_shares_and_their_intervals():
    share = {"asked": 9, "completed": 1, "share": {"value": 0.1111, "low": 0.02, "high": 0.43}}
    none = {"asked": 0, "completed": 0, "share": None}
    facts = {"model": "base", "benchmark": "cmb", "ngram": 5, "items": 9}
    (row,) = completion_table.rows([{**facts, "question": share, "options": none}])
    assert row == ["base", "cmb", "5", "9", "11.11 (2.00 to 43.00)", "-"]


def test_the_end_of_greedy_decoding_is_completed_at_any_length(model):
    from collectivesft.scores.completion import _completes

    loaded = models.load(model, 1)
    ids = models.encode(loaded, "问题：发热的病人", "plain")
    (written,) = decode.generate(loaded, decode.Prefix((), None), [ids], 12)
    assert len(written.tokens) == 12
    whole = [*ids, *written.tokens]
    assert all(_completes(loaded, whole, n) for n in (1, 5, 12))
    assert not _completes(loaded, [*whole[:-1], (whole[-1] + 1) % 200 + 5], 5)
