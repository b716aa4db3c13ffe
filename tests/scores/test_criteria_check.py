"""Yes/no criteria of clinical answers: lists, verdicts, and every reply that is neither."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import JSONResponse

from collectivesft.common.errors import InputError
from collectivesft.scores.cases.criteria import listed, reference_key, verdicts
from collectivesft.scores.criteria_check import check, list_criteria
from collectivesft.scores.engines import http_client
from collectivesft.scores.engines.chat_judge import Judge
from collectivesft.scores.measure.shares import clustered, wilson
from collectivesft.scores.report.clinical_table import tables
from collectivesft.scores.score_cases import score_cases
from collectivesft.scores.table import write_tables
from tests.helpers.completions_server import CompletionsServer
from tests.helpers.scores_inputs import case, rows, write_items

LIST = json.dumps({"criteria": ["说出诊断", "说出首选药物", "说出一项检查"]}, ensure_ascii=False)
YES_YES_NO = '{"1": "yes", "2": "yes", "3": "no"}'


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(http_client, "BACKOFF_S", 0.0)
    found = CompletionsServer(name="gpt")
    found.url = found.start()
    found.reply = lambda body: LIST if is_list(body) else YES_YES_NO
    yield found
    found.stop()


def is_list(body: dict) -> bool:
    return "<criteria>" not in body["messages"][1]["content"]


@pytest.fixture
def items(tmp_path) -> Path:
    return write_items(tmp_path / "items.jsonl", [case(1), case(2)])


def write_answers(path: Path, **changes: str) -> Path:
    found = [
        {"id": id, "turn": turn, "benchmark": "cmb_clin", "model": "m", "reference": f"答{turn}。",
         "answer": changes.get(f"t{id}{turn}", f"{id}号答{turn}"), "stopped": True, "error": None}
        for id in "12" for turn in (1, 2)
    ]  # fmt: skip
    path.write_text("".join(json.dumps(row) + "\n" for row in found), encoding="utf-8")
    return path


@pytest.fixture
def answers(tmp_path) -> Path:
    return write_answers(tmp_path / "answers.jsonl")


def make_lists(server, items: Path, folder: Path, model: str = "gpt", **more) -> dict:
    by = Judge(server.url, model, concurrency=1, input_price=2.5, output_price=10, **more)
    return list_criteria(items, folder / "lists.jsonl", folder / "criteria.jsonl", by)


def mark(server, items: Path, answers: Path, folder: Path, model: str = "gpt", **more) -> dict:
    by = Judge(server.url, model, concurrency=1, input_price=2.5, output_price=10, **more)
    lists, cache = folder / "criteria.jsonl", folder / f"{model}.cache.jsonl"
    return check(answers, items, lists, cache, folder / f"{model}.checks.jsonl", by)


def test_criteria_are_listed_once_for_every_model_and_judge(server, items, tmp_path):
    assert make_lists(server, items, tmp_path) == {
        "asked": 4, "retried": 0, "kept": 0, "unparsed": 0, "cut": 0, "unanswered": 0,
    }  # fmt: skip
    found = rows(tmp_path / "criteria.jsonl")
    assert [(row["id"], row["turn"], row["listed_by"]) for row in found] == [
        ("1", 1, "gpt"), ("1", 2, "gpt"), ("2", 1, "gpt"), ("2", 2, "gpt"),
    ]  # fmt: skip
    assert found[0]["criteria"] == json.loads(LIST)["criteria"]
    assert found[0]["cost"] == pytest.approx((100 * 2.5 + 10 * 10) / 1e6)
    user = server.seen[0]["messages"][1]["content"]
    assert "<reference>\n答1。\n</reference>" in user and "<answer>" not in user
    # Another judge takes the lists that are there, and pays for none.
    assert make_lists(server, items, tmp_path, "other")["asked"] == 0
    again = rows(tmp_path / "criteria.jsonl")
    assert {(row["listed_by"], row["cost"]) for row in again} == {("gpt", 0.0)}
    # Another reference has a list of its own.
    changed = [case(1), case(2)]
    changed[0].turns[0]["reference"] = "别的"
    assert reference_key(changed[0], 1) != reference_key(case(1), 1)
    assert make_lists(server, write_items(items, changed), tmp_path)["asked"] == 1


def test_the_score_is_the_share_met_with_an_interval_over_cases(server, items, answers, tmp_path):
    said = iter([YES_YES_NO, '{"1": "no", "2": "no", "3": "no"}', YES_YES_NO, YES_YES_NO])
    server.reply = lambda body: LIST if is_list(body) else next(said)
    make_lists(server, items, tmp_path)
    mark(server, items, answers, tmp_path)
    user = server.seen[5]["messages"][1]["content"]
    assert "<earlier_answer>\n1号答1\n</earlier_answer>" in user
    assert "<criteria>\n1. 说出诊断\n2. 说出首选药物\n3. 说出一项检查\n</criteria>" in user
    assert "reference" not in user
    scores = score_cases(answers, "m", tmp_path / "s.json", checks=tmp_path / "gpt.checks.jsonl")
    assert scores["criteria"] == {
        "judge": "gpt", "listed_by": "gpt", "share": clustered([[2 / 3, 0], [2 / 3, 2 / 3]]),
        "cases": 2, "answers": 4, "unchecked": 0, "criteria": 12, "met": 6, "cost": 0.0014,
        "uncounted": 0,
    }  # fmt: skip
    assert scores["criteria"]["share"]["value"] == 0.5 and scores["judged"] is None
    places = [tmp_path / name for name in ("t.csv", "t.md", "t.tex")]
    write_tables([tmp_path / "s.json"], Path("none"), *places)
    assert "| m | cmb_clin | gpt | gpt | 50.0 (17.3 to 82.7) | 2 | 4 | 12 | 6 | 0 |" in (
        places[1].read_text()
    )


def test_the_interval_has_a_width_where_every_criterion_is_met(server, items, answers, tmp_path):
    server.reply = lambda body: LIST if is_list(body) else YES_YES_NO.replace("no", "yes")
    make_lists(server, items, tmp_path)
    mark(server, items, answers, tmp_path)
    scores = score_cases(answers, "m", tmp_path / "s.json", checks=tmp_path / "gpt.checks.jsonl")
    assert scores["criteria"]["share"] == wilson(2, 2)


def choice(content, reason="stop", **message) -> JSONResponse:
    chosen = {"message": {"content": content, **message}, "finish_reason": reason}
    return JSONResponse({"choices": [chosen]})


# A reply to one answer, and the error of its row: "" where it is taken as verdicts.
REPLIES = [
    (choice(YES_YES_NO), ""),
    (choice(f"Marked:\n```json\n{YES_YES_NO}\n```"), ""),
    (choice('{"1": true, "2": "Yes.", "3": "否", "note": "fine"}'), ""),
    (choice([{"type": "text", "text": YES_YES_NO}]), ""),
    (choice("I cannot mark medical answers."), "no judgement"),
    (choice('{"1": "yes", "2": "yes", "3": "no"'), "no judgement"),
    (choice('{"1": "yes", "2": "yes"}'), "no judgement"),  # one is missing
    (choice('{"1": "yes", "2": "yes", "3": null}'), "no judgement"),
    (choice('{"1": "yes", "2": "yes", "3": "partly"}'), "no judgement"),
    (choice('{"1": "yes", "2": "yes", "3": 1}'), "no judgement"),
    (choice('{"1": "yes", "2": "yes", "3": "no", "4": "yes"}'), "no judgement"),
    (choice('["yes", "yes", "no"]'), "no judgement"),
    (choice(f"<think>{YES_YES_NO}"), "no judgement"),
    (choice('{"1": "yes", "2":', "length"), "cut short"),
    (choice(None, refusal="I will not"), "unanswered: .*refusal: I will not"),
    (choice(""), "unanswered: .*an empty message"),
    (choice(YES_YES_NO, "content_filter"), "unanswered: .*content_filter"),
    (JSONResponse({"error": {"message": "content policy"}}, 400), "unanswered: .*HTTP 400"),
    (JSONResponse({"error": {"message": "validation error"}}), "unanswered: .*with an error"),
    (JSONResponse({"choices": []}), "unanswered: .*without choices"),
]


@pytest.mark.parametrize(("reply", "error"), REPLIES)
def test_a_reply_without_every_verdict_is_counted_and_never_kept(
    server, items, answers, tmp_path, reply, error
):
    make_lists(server, items, tmp_path)
    server.faults.append(reply)
    done = mark(server, items, answers, tmp_path)
    found = rows(tmp_path / "gpt.checks.jsonl")
    assert [row["met"] for row in found[1:]] == [[True, True, False]] * 3
    assert found[0]["met"] == (None if error else [True, True, False])
    assert re.fullmatch(f"{error}.*" if error else "None", str(found[0]["error"]))
    assert (done["asked"], done["unparsed"]) == (4, int(bool(error)))
    assert done["cut"] == (error == "cut short")
    assert done["unanswered"] == error.startswith("unanswered")
    kept = rows(tmp_path / "gpt.cache.jsonl")
    assert len(kept) == 4 - bool(error)
    assert all(verdicts(row["reply"]["reply"], 3) for row in kept)
    scores = score_cases(answers, "m", tmp_path / "s.json", checks=tmp_path / "gpt.checks.jsonl")
    assert (scores["criteria"]["answers"], scores["criteria"]["unchecked"]) == (
        4 - bool(error), int(bool(error)),
    )  # fmt: skip
    # It is asked again, alone.
    assert mark(server, items, answers, tmp_path)["asked"] == bool(error)
    assert all(row["met"] for row in rows(tmp_path / "gpt.checks.jsonl"))


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (choice("Here they are: a diagnosis, a drug."), "no judgement"),
        (choice('{"criteria": []}'), "no judgement"),
        (choice('{"criteria": ["a", "a"]}'), "no judgement"),
        (choice('{"criteria": ["a", 2]}'), "no judgement"),
        (choice('{"criteria": ["a", " "]}'), "no judgement"),
        (choice(json.dumps({"criteria": list(map(str, range(16)))})), "no judgement"),
        (choice(json.dumps({"criteria": ["x" * 301]})), "no judgement"),
        (choice('{"criteria": ["a", "b', "length"), "cut short"),
        (choice(None, refusal="no"), "unanswered"),
        (JSONResponse({"error": "filter"}, 400), "unanswered"),
    ],
)
def test_a_reference_without_criteria_leaves_its_answers_unchecked(
    server, items, answers, tmp_path, reply, error
):
    server.faults.append(reply)
    done = make_lists(server, items, tmp_path)
    assert (done["unparsed"], len(rows(tmp_path / "lists.jsonl"))) == (1, 3)
    first = rows(tmp_path / "criteria.jsonl")[0]
    assert first["criteria"] is None and first["error"].startswith(error)
    assert mark(server, items, answers, tmp_path)["asked"] == 3
    row = rows(tmp_path / "gpt.checks.jsonl")[0]
    assert (row["met"], row["error"], row["cost"]) == (None, "no criteria", 0)
    scores = score_cases(answers, "m", tmp_path / "s.json", checks=tmp_path / "gpt.checks.jsonl")
    assert scores["criteria"]["unchecked"] == 1
    # A later run asks for it, and for it only.
    assert make_lists(server, items, tmp_path)["asked"] == 1
    assert mark(server, items, answers, tmp_path)["asked"] == 1


def test_an_empty_answer_meets_nothing_and_one_that_never_came_is_unchecked(
    server, items, tmp_path
):
    answers = write_answers(tmp_path / "answers.jsonl", t11=" ", t22="")
    found = rows(answers)
    found[3]["error"] = "unanswered: HTTP 400"
    answers.write_text("".join(json.dumps(row) + "\n" for row in found))
    make_lists(server, items, tmp_path)
    assert mark(server, items, answers, tmp_path)["asked"] == 2
    marked = rows(tmp_path / "gpt.checks.jsonl")
    assert (marked[0]["met"], marked[0]["error"]) == ([False] * 3, "empty")
    assert (marked[3]["met"], marked[3]["error"]) == (None, "unanswered: HTTP 400")
    both = (tmp_path / "gpt.checks.jsonl",) * 2
    scores = score_cases(answers, "m", tmp_path / "s.json", None, None, *both)
    assert scores["criteria_agreement"]["criteria"] == 6  # of the two that a judge saw


def test_two_judges_are_compared_criterion_by_criterion(server, items, answers, tmp_path):
    make_lists(server, items, tmp_path)
    mark(server, items, answers, tmp_path)
    said = iter([YES_YES_NO] * 3 + ['{"1": "no", "2": "yes", "3": "yes"}'])
    server.reply = lambda body: next(said)
    mark(server, items, answers, tmp_path, "second")
    files = [tmp_path / f"{name}.checks.jsonl" for name in ("gpt", "second")]
    scores = score_cases(answers, "m", tmp_path / "s.json", None, None, *files)
    assert scores["criteria_agreement"] == {
        "criteria": 12, "same": round(10 / 12, 6),
        "kappa": round((10 / 12 - 5 / 9) / (1 - 5 / 9), 6),
    }  # fmt: skip
    assert scores["second_criteria"]["judge"] == "second"
    words = [cell for _, _, cells, _ in tables([scores], None) for row in cells for cell in row]
    assert "gpt, second" in words and "83.3" in words
    # Verdicts on other criteria are no second opinion.
    changed = rows(files[1])
    changed[0]["criteria"] = ["a", "b", "c"]
    files[1].write_text("".join(json.dumps(row) + "\n" for row in changed))
    with pytest.raises(InputError, match="checks by criteria of a different file"):
        score_cases(answers, "m", tmp_path / "s.json", None, None, *files)


def test_files_that_do_not_belong_together_are_refused(server, items, answers, tmp_path):
    make_lists(server, items, tmp_path)
    changed = [case(1), case(2)]
    changed[1].turns[1]["reference"] = "别的"
    other = write_items(tmp_path / "other.jsonl", changed)
    with pytest.raises(InputError, match="no row for turn 2 of 2 with its present reference"):
        mark(server, other, answers, tmp_path)
    with pytest.raises(InputError, match="no checks of answers to cases"):
        score_cases(answers, "m", tmp_path / "s.json", checks=tmp_path / "criteria.jsonl")
    (tmp_path / "criteria.jsonl").write_text('{"key": "a"}\n')
    with pytest.raises(InputError, match="row 1: not the criteria of a question"):
        mark(server, items, answers, tmp_path)


def test_a_verdict_that_was_edited_in_the_cache_is_asked_again(server, items, answers, tmp_path):
    make_lists(server, items, tmp_path)
    mark(server, items, answers, tmp_path)
    cache = tmp_path / "gpt.cache.jsonl"
    cache.write_text(cache.read_text().replace("yes", "maybe", 1))
    assert mark(server, items, answers, tmp_path)["asked"] == 1


@given(st.lists(st.booleans(), min_size=1, max_size=15), st.text(), st.text())
def test_verdicts_are_found_between_other_words(met, before, after):
    said = {str(number): "yes" if one else "no" for number, one in enumerate(met, 1)}
    words = before.replace("{", "").replace("<", "") + json.dumps(said) + after.replace("{", "")
    assert verdicts(words, len(met)) == met
    assert verdicts(words, len(met) + 1) is None


def test_criteria_lose_blanks_and_line_ends():
    assert listed('{"criteria": [" a\\nb ", "c"]}') == ["a b", "c"]


def test_the_commands_say_what_was_listed_and_checked(server, items, answers, tmp_path, start):
    server.reply = lambda body: LIST if is_list(body) else "No."
    judge = ("--url", server.url, "--model", "gpt", "--max-tokens", 900)
    lists = ("--cache", tmp_path / "a.jsonl", "--out", tmp_path / "criteria.jsonl")
    process = start("scores", "criteria", "--items", items, *lists, *judge)
    told, problem = process.communicate(timeout=500)
    assert process.returncode == 0, problem
    assert "4 lists of criteria now (0 tries again), 0 before; 0 questions without" in told
    process = start(
        "scores", "check", "--answers", answers, "--items", items, "--criteria",
        tmp_path / "criteria.jsonl", "--cache", tmp_path / "b.jsonl", "--out", tmp_path / "c.jsonl",
        *judge,
    )  # fmt: skip
    told, problem = process.communicate(timeout=500)
    assert process.returncode == 0, problem
    assert "4 answers checked now (0 tries again), 0 before; 4 answers without verdicts." in told
    assert {body["max_tokens"] for body in server.seen} == {900}
    assert (tmp_path / "b.jsonl").read_bytes() == b""
