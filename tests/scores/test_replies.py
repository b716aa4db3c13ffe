"""Answers of servers that are no answers: refused, filtered, empty, broken off, in other forms."""

import json
import re
from dataclasses import replace

import pytest
from starlette.responses import JSONResponse

from collectivesft.common.errors import UserError
from collectivesft.scores.cases import rubric
from collectivesft.scores.engines import http_client, replies
from collectivesft.scores.engines.http_client import Unanswered
from collectivesft.scores.engines.openai_server import Server
from collectivesft.scores.judge import Judge, judge
from collectivesft.scores.predict import predict
from tests.helpers.completions_server import CompletionsServer
from tests.helpers.scores_inputs import QUICK, case, question, tiny_model, write_items

GRADES = '{"fluency": 3, "relevance": 3, "completeness": 3, "proficiency": 3}'


def choice(content="x", reason="stop", **message):
    """An answer that a chat and a completion can both be read from."""
    chosen = {"text": content, "message": {"content": content, **message}, "finish_reason": reason}
    return JSONResponse({"choices": [chosen]})


# What a server answers once: the reason that is counted, or "" where its words are taken.
FORMS = [
    (JSONResponse({"error": {"message": "content policy"}}, 400), "HTTP 400 content policy"),
    (JSONResponse({"error": "context length"}, 422), "HTTP 422 context length"),
    (JSONResponse({"error": {"message": "[{'type': 'int_type'}]"}}, 500), "HTTP 500"),
    (JSONResponse({"error": {"message": "validation error"}}), "HTTP 200 with an error"),
    (JSONResponse({"choices": []}), "an answer without choices"),
    (JSONResponse({"choices": None}), "an answer without choices"),
    (choice(None), "(an answer without a text|an empty message)"),
    (choice({"a": 1}), "(an answer without a text|an empty message)"),
    (choice([]), "(an answer without a text|an empty message)"),
    (choice(None, refusal="I will not"), "(an answer without a text|refusal: I will not)"),
    (choice("half", "content_filter"), "finish_reason content_filter"),
    (choice("half", "error"), "finish_reason error"),
    (choice("half", "abort"), "finish_reason abort"),
    (choice([{"type": "text", "text": GRADES[:9]}, {"type": "text", "text": GRADES[9:]}]), ""),
    (choice(GRADES), ""),
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_model(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture
def server(folder, monkeypatch):
    monkeypatch.setattr(http_client, "BACKOFF_S", 0.0)
    found = CompletionsServer(folder)
    found.url = found.start()
    yield found
    found.stop()


def read_rows(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_each_form_is_counted_or_read_and_ends_no_run(folder, server, tmp_path):
    """All forms for the engine and for the judge; the next question is always answered."""
    for number, (form, reason) in enumerate(FORMS):
        items = write_items(tmp_path / f"{number}.jsonl", [question(n) for n in (1, 2)])
        server.faults.append(form)
        out = tmp_path / f"{number}.out.jsonl"
        predict(folder, "tiny", items, out, QUICK, Server(server.url, "tiny", concurrency=1))
        rows = read_rows(out)
        errors = [row["error"] for row in rows if row["error"]]
        _is_counted(errors, reason)
        assert all(row["raw"] == "" for row in rows if row["error"])
        assert reason or GRADES in {row["raw"] for row in rows}
    for number, (form, reason) in enumerate(FORMS):
        server.reply = lambda body: GRADES
        cases = write_items(tmp_path / f"{number}.cases.jsonl", [case(number, turns=2)])
        answers = write_case_answers(tmp_path / f"{number}.answers.jsonl", number)
        cache, out = tmp_path / f"{number}.cache.jsonl", tmp_path / f"{number}.grades.jsonl"
        by = Judge(server.url, "judge", concurrency=1)
        server.faults.append(form)
        done = judge(answers, cases, cache, out, by)
        rows = read_rows(out)
        _is_counted([row["error"] for row in rows if row["error"]], reason)
        assert done["unanswered"] == bool(reason)
        assert [row["grades"] is None for row in rows].count(True) == bool(reason)
        assert len(read_rows(cache)) >= 2 - bool(reason)  # a failure is never kept as a grade
        assert judge(answers, cases, cache, out, by)["asked"] == bool(reason)
        assert rubric.grades(GRADES)


def _is_counted(errors, reason):
    assert len(errors) == bool(reason)
    assert all(re.match("unanswered: ", error) and re.search(reason, error) for error in errors)


def write_case_answers(path, number):
    found = [
        {"id": str(number), "turn": turn, "benchmark": "cmb_clin", "model": "m", "question": "问",
         "reference": f"答{turn}。", "answer": f"答{turn}", "stopped": True, "error": None}
        for turn in (1, 2)
    ]  # fmt: skip
    path.write_text("".join(json.dumps(row) + "\n" for row in found), encoding="utf-8")
    return path


def test_a_run_ends_where_no_request_is_answered(folder, server, tmp_path):
    items = write_items(tmp_path / "items.jsonl", [question(n) for n in range(1, 4)])
    server.faults += [JSONResponse({"error": "unknown field"}, 400)] * 3
    with pytest.raises(UserError, match=r"unknown field.*extensions: false.*No request was"):
        predict(folder, "tiny", items, tmp_path / "o.jsonl", QUICK, Server(server.url, "tiny"))
    assert not (tmp_path / "o.jsonl").exists()


@pytest.mark.parametrize("like", ["", "llama-cpp-python", "llama.cpp"])
def test_likelihoods_are_right_from_each_kind_of_server(folder, server, tmp_path, like):
    """Few alternatives: letters are scored by echo, or asked for again where ids are named."""
    items = write_items(tmp_path / "items.jsonl", [question(n) for n in range(6)])
    asked = replace(QUICK, method="likelihood", template="chat")
    predict(folder, "tiny", items, tmp_path / "own.jsonl", asked)
    server.like = like
    server.alternatives = None if like == "llama.cpp" else 1
    send = "tokens" if like else "text"
    by = Server(server.url, "tiny", concurrency=2, extensions=not like, prompt_format=send)
    predict(folder, "tiny", items, tmp_path / "served.jsonl", asked, by)
    pairs = zip(
        read_rows(tmp_path / "own.jsonl"), read_rows(tmp_path / "served.jsonl"), strict=True
    )
    for own, served in pairs:
        assert served["likelihood"] == pytest.approx(own["likelihood"], abs=2e-5)


def test_a_value_of_another_token_is_no_letters():
    """The entry after the letter, which servers that leave out BOS have at the letter's place."""
    given = {"tokens": ["案", "是", "B", "x"], "token_logprobs": [-1.0, -2.0, -3.0, -4.0]}
    asked = {"last": (66, "B"), "before": (9, "是")}
    assert replies.echoed({"logprobs": given}, 4, **asked) == -3.0
    assert replies.echoed({"logprobs": given}, 3, **asked) == -3.0
    assert replies.echoed({"logprobs": given}, 5, **asked) is None
    assert replies.echoed({"logprobs": {"token_logprobs": [-1.0] * 4}}, 4, **asked) is None
    named = {"tokens": [f"token_id:{n}" for n in (7, 9, 66, 5)], "token_logprobs": [0, -1, -2, -3]}
    assert replies.echoed({"logprobs": named}, 3, **asked) == -2.0
    assert replies.echoed({"logprobs": named}, 3, (67, "B"), (9, "是")) is None


def test_texts_count_only_where_no_ids_are_named():
    assert replies.several({5: -1.0, 6: -2.0}, [(6, "B"), (7, "C")]) == [-2.0, None]
    assert replies.several({"B": -1.0}, [(6, "B"), (7, "C")]) == [-1.0, None]
    with pytest.raises(Unanswered):
        replies.completion({"choices": [{"message": {"content": "chat"}}]})


def test_a_server_that_adds_a_bos_gets_the_text_without(folder, server, tmp_path):
    """The tiny chat template writes no BOS, so the check of the count tells."""
    items = write_items(tmp_path / "items.jsonl", [question(1)])
    server.adds_bos = True
    with pytest.raises(UserError, match="text_without_bos for a server"):
        predict(folder, "tiny", items, tmp_path / "o.jsonl", QUICK, Server(server.url, "tiny"))


@pytest.mark.parametrize("listed", [JSONResponse({"data": []}), JSONResponse({}, 500)])
def test_a_server_without_a_list_of_models_is_believed(server, listed, capfd):
    server.listed = listed
    with Server(server.url, "tiny").open() as opened:
        opened.check_serves("tiny")
    assert "warning: " in capfd.readouterr().err
