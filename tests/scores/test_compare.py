"""Two sets of answers to the same questions, and the file for the leaderboard."""

import json
import math
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectivesft import benchmarks
from collectivesft.common.errors import InputError, UserError
from collectivesft.schema.item import Item, dump_item
from collectivesft.scores.compare import compare, text
from collectivesft.scores.measure.paired import difference, kappa, mcnemar
from collectivesft.scores.submit import submit


def row(id: str, said: str, key: str = "A", model: str = "m", **changes) -> dict:
    found = {
        "id": id, "model": model, "category": "甲", "subcategory": f"科{int(id) % 2}",
        "answer": key, "official": said, "corrected": said, "official_right": said == key,
        "corrected_right": said == key,
    }  # fmt: skip
    return found | changes


def write(path: Path, rows: list[dict]) -> Path:
    path.write_text("".join(json.dumps(one) + "\n" for one in rows), encoding="utf-8")
    return path


def test_mcnemar_by_hand():
    assert mcnemar(0, 0) == 1 == mcnemar(3, 3)
    assert mcnemar(0, 5) == mcnemar(5, 0) == 2 / 32
    assert mcnemar(1, 5) == 2 * (1 + 6) / 64
    # 5 against 15, which any table of the binomial distribution has as 0.0414
    assert mcnemar(5, 15) == pytest.approx(0.041389, abs=1e-6)
    assert 0 < mcnemar(2600, 3000) < 1e-6


def test_kappa_by_hand():
    assert kappa("AABB", "AABB") == 1
    assert kappa("AABB", "ABAB") == 0
    assert kappa("AABB", "BBAA") == -1
    assert kappa("AA", "AA") is None


def test_a_difference_weighs_categories_and_items_as_scores_do():
    groups = [("a", "x")] * 2 + [("b", "y")] * 4
    first = [True, False, False, False, False, False]
    second = [True, True, True, False, False, False]
    found = difference(groups, first, second)
    assert found["micro"]["value"] == round(2 / 6, 6)
    assert found["macro"]["value"] == round((1 / 2 + 1 / 4) / 2, 6)
    assert found["micro"]["low"] <= found["micro"]["value"] <= found["micro"]["high"]
    assert difference(groups[::-1], first[::-1], second[::-1]) == found
    assert difference(groups, first, first)["macro"] == {"value": 0, "low": 0, "high": 0}


def test_a_paired_interval_is_as_wide_as_theory_says_and_narrower_than_two_alone():
    source = random.Random(7)
    first = [source.random() < 0.5 for _ in range(2000)]
    second = [one if source.random() < 0.9 else not one for one in first]
    found = difference([("a", "x")] * 2000, first, second)["micro"]
    wanted = 1.96 * math.sqrt(0.1 / 2000)
    assert found["high"] - found["low"] == pytest.approx(2 * wanted, rel=0.15)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.booleans(), st.booleans()), min_size=1))
def test_two_models_have_one_interval_whichever_is_first(rows):
    groups = [(name, name) for name, _, _ in rows]
    first, second = [one for _, one, _ in rows], [two for _, _, two in rows]
    there, back = difference(groups, first, second), difference(groups, second, first)
    for name, part in there.items():
        assert part["value"] == -back[name]["value"]
        assert (part["low"], part["high"]) == (-back[name]["high"], -back[name]["low"])


def test_comparison_by_hand(tmp_path):
    one = write(tmp_path / "a.jsonl", [row(str(n), "AABBC"[n], model="base") for n in range(5)])
    two = write(tmp_path / "b.jsonl", [row(str(n), "AAAAB"[n], model="tuned") for n in range(5)])
    found = compare(one, two, tmp_path / "out.json")
    assert found == json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert (found["models"], found["items"]) == ({"first": "base", "second": "tuned"}, 5)
    reading = found["corrected"]
    counts = [reading[k] for k in ("both_right", "only_first", "only_second", "both_wrong")]
    assert counts == [2, 0, 2, 1]
    assert (reading["first"], reading["second"], reading["same"]) == (0.4, 0.8, 0.4)
    assert (reading["p"], reading["difference"]["micro"]["value"]) == (0.5, 0.4)
    shown = text(found, "a.jsonl", "b.jsonl")
    assert "A: base (a.jsonl)\nB: tuned (b.jsonl)\n5 questions\n" in shown
    assert "+40.0 (" in shown and all(len(line) <= 80 for line in shown.splitlines())


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ([row("1", "A")], "1 questions are in one file only, 0 first"),
        ([row("0", "A"), row("1", "A", key="B")], "row 1: the key is B here, A in a.jsonl"),
        ([row("0", "A"), row("0", "A")], "question 0 twice"),
        ([], "no answers"),
        ([{"id": "0"}], "not a judged answer"),
    ],
)
def test_answers_to_other_questions_are_refused(tmp_path, second, message):
    one = write(tmp_path / "a.jsonl", [row("0", "A"), row("1", "B")])
    with pytest.raises(InputError, match=message):
        compare(one, write(tmp_path / "b.jsonl", second))


def test_scores_hold_the_comparison_with_the_base(tmp_path):
    from tests.scores.test_score import ROWS, run
    from tests.scores.test_score import write as save

    items = [
        Item(r[0], "cmb", "test", "choice", r[1], r[2], "?", dict.fromkeys("ABCDE", "x"), *r[3:5])
        for r in ROWS
    ]
    (tmp_path / "items.jsonl").write_text("".join(dump_item(i) + "\n" for i in items), "utf-8")
    predictions = [
        {"id": r[0], "benchmark": "cmb", "model": "m", "answer": r[3], "multiple": r[4],
         "options": list("ABCDE"), "prompt": "?", "lead": "", "raw": r[5], "likelihood": None,
         "stopped": True, "method": "generate", "error": None, "limit": None, "sample_seed": 42,
         "shots_dropped": 0, "settled": False}
        for r in ROWS
    ]  # fmt: skip
    files = save(tmp_path / "predictions.jsonl", predictions), tmp_path / "items.jsonl"
    assert run(files, tmp_path)["against"] is None
    base = (tmp_path / "answers.jsonl").rename(tmp_path / "base.jsonl")
    outs = [tmp_path / name for name in ("s.json", "c.csv", "a.jsonl")]
    from collectivesft.scores.score import score

    scores = score(*files, "m", "answer", *outs, base)
    assert scores["against"]["corrected"]["p"] == 1
    assert scores["against"]["corrected"]["same"] == 1


@pytest.fixture
def small(monkeypatch, tmp_path) -> Path:
    """Items of a CMB of three questions."""
    from dataclasses import replace

    module = benchmarks.get("cmb")
    monkeypatch.setattr(module, "SOURCE", replace(module.SOURCE, rows=3))
    items = [Item(str(n), "cmb", "test", "choice", "c", "s", "?", {}, "A") for n in (1, 2, 3)]
    items.append(Item("val-1", "cmb", "val", "choice", "c", "s", "?", {}, "A"))
    path = tmp_path / "items.jsonl"
    path.write_text("".join(dump_item(item) + "\n" for item in items), encoding="utf-8")
    return path


def test_submission_is_what_cmbs_code_reads(small, tmp_path):
    answers = write(tmp_path / "a.jsonl", [row("3", ""), row("1", "AC"), row("2", "B")])
    assert submit(answers, small, "corrected", tmp_path / "model_answer.json") == 1
    written = (tmp_path / "model_answer.json").read_text(encoding="utf-8")
    assert json.loads(written) == [
        {"id": 1, "model_answer": "AC"},
        {"id": 2, "model_answer": "B"},
        {"id": 3, "model_answer": ""},
    ]
    assert len(written.splitlines()) == 3 + 2  # one line a question, and the brackets


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([row("1", "A"), row("2", "A")], "1 of 3 questions have no answer, 3 first"),
        ([row(str(n), "A") for n in (1, 2, 3, 4)], "unknown question 4"),
        ([row(str(n), "A") for n in (1, 2, 3, 1)], "row 4: question 1 twice"),
        ([row("1", "CA"), row("2", "A"), row("3", "B")], "letters 'CA' are not sorted"),
        ([row("1", "H"), row("2", "A"), row("3", "B")], "letters 'H' are not of A to G"),
        ([{"id": "1", "raw": "A"}], "row 1: not a judged answer"),
    ],
)
def test_a_submission_that_would_be_scored_wrongly_is_refused(small, tmp_path, rows, message):
    answers = write(tmp_path / "a.jsonl", rows)
    with pytest.raises(InputError, match=message):
        submit(answers, small, "corrected", tmp_path / "model_answer.json")
    assert {path.name for path in tmp_path.iterdir()} == {"items.jsonl", "a.jsonl"}


def test_a_part_of_the_benchmark_or_another_one_cannot_be_submitted(tmp_path):
    item = Item("1", "cmb", "test", "choice", "c", "s", "?", {}, "A")
    path = tmp_path / "items.jsonl"
    path.write_text(dump_item(item) + "\n", encoding="utf-8")
    answers = write(tmp_path / "a.jsonl", [row("1", "A")])
    with pytest.raises(InputError, match="1 test questions, but the leaderboard has 11200"):
        submit(answers, path, "corrected", tmp_path / "out.json")
    item.benchmark = "cmmlu_medical"
    path.write_text(dump_item(item) + "\n", encoding="utf-8")
    with pytest.raises(UserError, match="no leaderboard that takes files"):
        submit(answers, path, "corrected", tmp_path / "out.json")
