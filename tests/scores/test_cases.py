"""Clinical cases: answers turn by turn, and their overlap with references computed by hand."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectivesft.common.errors import InputError
from collectivesft.scores import answer_cases as module
from collectivesft.scores.answer_cases import answer_cases
from collectivesft.scores.measure.bleu_rouge import bleu, rouge_l
from collectivesft.scores.score_cases import score_cases
from tests.helpers.scores_inputs import case, rows, tiny_model, write_items


@pytest.fixture(scope="session")
def model(tmp_path_factory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("cases") / "model", longest=200)


def answer(model: Path, items: Path, out: Path, limit: int | None = None) -> list[dict]:
    answer_cases(
        model, "tiny", items, out, max_new_tokens=5, limit=limit, sample_seed=42, threads=1
    )
    return rows(out)


def test_earlier_answers_stand_in_the_next_prompt(model, tmp_path):
    items = write_items(tmp_path / "items.jsonl", [case(1), case(2, turns=1)])
    found = answer(model, items, tmp_path / "answers.jsonl")
    assert [(row["id"], row["turn"]) for row in found] == [("1", 1), ("1", 2), ("2", 1)]
    first, second = found[0], found[1]
    start = "<|user|>以下是一位病人的病例：\n病例1\n问1？<|end|><|assistant|>"
    assert first["prompt"] == start
    assert second["prompt"] == f"{start}{first['answer']}<|end|><|user|>问2？<|end|><|assistant|>"
    assert (second["question"], second["reference"]) == ("问2？", "答2。")
    assert set(first) == {
        "id", "benchmark", "model", "turn", "prompt", "question", "reference", "answer", "stopped",
        "error",
    }  # fmt: skip


def test_too_long_cases_are_told(model, tmp_path):
    items = write_items(tmp_path / "items.jsonl", [case(1, turns=12)])
    found = answer(model, items, tmp_path / "answers.jsonl")
    assert found[0]["error"] is None
    assert (found[-1]["error"], found[-1]["answer"]) == ("prompt_too_long", "")


def test_limit_takes_some_cases(model, tmp_path):
    items = write_items(tmp_path / "items.jsonl", [case(n, turns=1) for n in range(6)])
    assert len(answer(model, items, tmp_path / "answers.jsonl", limit=2)) == 2


def test_a_broken_off_run_resumes_after_the_last_case(model, tmp_path, monkeypatch):
    items = write_items(tmp_path / "items.jsonl", [case(n) for n in range(4)])
    whole = tmp_path / "whole.jsonl"
    answer(model, items, whole)
    real, asked = module._converse, []

    def break_at_third(*arguments):
        if len(asked) == 2:
            raise KeyboardInterrupt
        asked.append(arguments[2].id)
        return real(*arguments)

    out = tmp_path / "broken.jsonl"
    monkeypatch.setattr(module, "TOGETHER", 1)
    monkeypatch.setattr(module, "_converse", break_at_third)
    with pytest.raises(KeyboardInterrupt):
        answer(model, items, out)
    assert not out.exists()
    monkeypatch.setattr(module, "_converse", lambda *a: asked.append(a[2].id) or real(*a))
    answer(model, items, out)
    assert asked == ["0", "1", "2", "3"]
    assert out.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize("together", [1, 2, 3])
def test_cases_asked_together_are_answered_as_single_ones(model, tmp_path, monkeypatch, together):
    cases = [case(n, turns=turns) for n, turns in enumerate((1, 3, 2, 12))]
    items = write_items(tmp_path / "items.jsonl", cases)
    whole = answer(model, items, tmp_path / "whole.jsonl")
    monkeypatch.setattr(module, "TOGETHER", together)
    assert answer(model, items, tmp_path / "answers.jsonl") == whole
    assert {row["error"] for row in whole} == {None, "prompt_too_long"}


def test_an_edit_of_what_asks_cases_starts_a_broken_off_run_anew(model, tmp_path, monkeypatch):
    items, out = write_items(tmp_path / "items.jsonl", [case(1)]), tmp_path / "out.jsonl"
    headers = []

    class Stopped(module.ResumeLog):
        def __init__(self, out, header):
            headers.append(header)
            raise KeyboardInterrupt

    monkeypatch.setattr(module, "ResumeLog", Stopped)
    for names in (module.CODE, module.CODE, ("scores/prompt/prompts",)):
        monkeypatch.setattr(module, "CODE", names)
        with pytest.raises(KeyboardInterrupt):
            answer(model, items, out)
    assert headers[0] == headers[1]
    assert {key for key in headers[0] if headers[0][key] != headers[2][key]} == {"code"}


def test_questions_with_options_are_refused(model, tmp_path):
    item = case(1)
    item.kind = "choice"
    with pytest.raises(InputError, match="no clinical test cases"):
        answer(model, write_items(tmp_path / "items.jsonl", [item]), tmp_path / "out.jsonl")


def test_bleu_by_hand():
    # 1: 2 of 3; 2: (1+1)/(2+1); 3: (0+1)/(1+1); 4: (0+1)/(0+1); lengths are equal
    assert bleu(["甲乙 丙"], ["甲乙\n丁"]) == pytest.approx((2 / 3 * 2 / 3 * 1 / 2) ** 0.25)
    # two answers are one corpus: 1: 3 of 4; 2: (1+1)/(2+1); 3: (0+1)/(1+1); 4: 1
    # lengths 4 and 5, so the penalty is exp(1 - 5/4)
    two = bleu(["甲乙丙", "戊"], ["甲乙丁", "戊己"])
    assert two == pytest.approx(0.778800783 * (3 / 4 * 2 / 3 * 1 / 2) ** 0.25)
    assert bleu(["甲乙丙丁戊"], ["甲乙丙丁戊"]) == pytest.approx(1)
    # a character counts at most as often as the reference has it: 1 of 2, then 1/2, 1, 1
    assert bleu(["甲甲"], ["甲乙"]) == pytest.approx((1 / 2 * 1 / 2) ** 0.25)


LETTERS = st.text("甲乙丙丁", min_size=1, max_size=80)


def test_bleu_of_nothing_is_nothing():
    assert bleu([""], ["甲"]) == 0
    assert bleu(["乙"], ["甲"]) == 0


def test_rouge_by_hand():
    # the longest common subsequence is 甲丙: precision 2/4, recall 2/3
    assert rouge_l("甲乙 丙丁", "甲丙戊") == pytest.approx(2 * (2 / 4) * (2 / 3) / (2 / 4 + 2 / 3))
    assert rouge_l("甲", "甲") == 1
    assert rouge_l("", "甲") == rouge_l("甲", " ") == 0


@given(LETTERS, LETTERS)
def test_rouge_agrees_with_the_usual_table(one, other):
    table = [[0] * (len(other) + 1) for _ in range(len(one) + 1)]
    for i, a in enumerate(one):
        for j, b in enumerate(other):
            table[i + 1][j + 1] = (
                table[i][j] + 1 if a == b else max(table[i][j + 1], table[i + 1][j])
            )
    assert rouge_l(one, other) == 2 * table[-1][-1] / (len(one) + len(other))


def write_answers(path: Path, *answers: tuple[str, int, str, str]) -> Path:
    names = ("id", "turn", "reference", "answer")
    found = [
        {"benchmark": "cmb_clin", "model": "m", "stopped": True, "error": None}
        | dict(zip(names, row, strict=True))
        for row in answers
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in found), encoding="utf-8")
    return path


def test_scores_of_cases(tmp_path):
    answers = write_answers(
        tmp_path / "a.jsonl",
        ("1", 1, "甲乙丁", "甲乙丙"),
        ("1", 2, "戊", " "),
        ("2", 1, "甲", "甲"),
    )
    scores = score_cases(answers, "m", tmp_path / "scores.json")
    assert scores == json.loads((tmp_path / "scores.json").read_text())
    assert scores["rouge"] == round((2 / 3 + 0 + 1) / 3, 6)
    # 1: 3 of 4; 2: 2/3; 3: 1/2; 4: 1; lengths 4 and 5
    assert scores.pop("bleu") == round(0.7788007830714 * (3 / 4 * 2 / 3 * 1 / 2) ** 0.25, 6)
    del scores["rouge"]
    assert scores == {
        "model": "m", "benchmark": "cmb_clin", "kind": "clinical", "cases": 2, "answers": 3,
        "empty": 1, "endless": 0, "too_long": 0, "unanswered": 0, "judged": None,
        "second": None, "agreement": None, "criteria": None, "second_criteria": None,
        "criteria_agreement": None,
    }  # fmt: skip


def test_answers_that_did_not_end_and_questions_that_did_not_fit_are_counted(tmp_path):
    answers = write_answers(tmp_path / "a.jsonl", *(("1", n, "甲", "乙") for n in range(1, 5)))
    found = [json.loads(line) for line in answers.read_text().splitlines()]
    found[1]["stopped"] = False
    found[2] |= {"stopped": False, "answer": "", "error": "prompt_too_long"}
    found[3] |= {"answer": " "}
    answers.write_text("".join(json.dumps(row) + "\n" for row in found))
    scores = score_cases(answers, "m", tmp_path / "scores.json")
    assert {key: scores[key] for key in ("empty", "endless", "too_long")} == {
        "empty": 1, "endless": 1, "too_long": 1,
    }  # fmt: skip
    del found[0]["stopped"]
    answers.write_text(json.dumps(found[0]) + "\n")
    with pytest.raises(InputError, match="row 1: not an answer to a case"):
        score_cases(answers, "m", tmp_path / "scores.json")


def test_answers_that_do_not_fit_are_refused(tmp_path):
    out = tmp_path / "scores.json"
    twice = write_answers(tmp_path / "a.jsonl", ("1", 1, "甲", "甲"), ("1", 1, "甲", "乙"))
    with pytest.raises(InputError, match="row 2: turn 1 of 1 twice"):
        score_cases(twice, "m", out)
    with pytest.raises(InputError, match="an answer of m, not of n"):
        score_cases(twice, "n", out)
    with pytest.raises(InputError, match="no answers"):
        score_cases(write_answers(tmp_path / "b.jsonl"), "m", out)
    assert not out.exists()
