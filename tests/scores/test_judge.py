"""A chat model grades clinical answers: what it is asked, what is read, kept, counted and paid."""

import json
import signal
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import JSONResponse, PlainTextResponse

from collectivesft.common.errors import InputError, UserError
from collectivesft.scores.cases.reply_cache import ReplyCache
from collectivesft.scores.cases.rubric import ASPECTS, grades
from collectivesft.scores.engines import http_client
from collectivesft.scores.judge import Judge, judge
from collectivesft.scores.measure.paired import weighted_kappa
from collectivesft.scores.report.clinical_table import tables
from collectivesft.scores.score_cases import judges_agree, score_cases
from collectivesft.scores.table import write_tables
from tests.helpers.completions_server import CompletionsServer
from tests.helpers.scores_inputs import case, rows, write_items

GOOD = {"fluency": 5, "relevance": 4, "completeness": 3, "proficiency": 2}
SECRET = "sk-judge-0123456789"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(http_client, "BACKOFF_S", 0.01)


@pytest.fixture
def server():
    found = CompletionsServer(name="gpt")
    found.url = found.start()
    found.reply = lambda body: json.dumps(GOOD)
    yield found
    found.stop()


@pytest.fixture
def items(tmp_path) -> Path:
    return write_items(tmp_path / "items.jsonl", [case(1), case(2)])


def write_answers(path: Path, **changes: str) -> Path:
    """Answers to two cases of two turns; ``t12`` is the answer to turn 2 of case 1."""
    found = [
        {
            "id": id, "turn": turn, "benchmark": "cmb_clin", "model": "m",
            "question": f"问{turn}？", "reference": f"答{turn}。",
            "answer": changes.get(f"t{id}{turn}", f"{id}号答{turn}"), "stopped": True,
            "error": None,
        }
        for id in "12"
        for turn in (1, 2)
    ]  # fmt: skip
    path.write_text("".join(json.dumps(row) + "\n" for row in found), encoding="utf-8")
    return path


def ask(server, items: Path, answers: Path, folder: Path, **more) -> dict:
    by = Judge(server.url, "gpt", concurrency=2, input_price=2.5, output_price=10, **more)
    return judge(answers, items, folder / "cache.jsonl", folder / "grades.jsonl", by)


@pytest.fixture
def answers(tmp_path) -> Path:
    return write_answers(tmp_path / "answers.jsonl")


def test_grades_are_read_and_counted(server, items, answers, tmp_path):
    assert ask(server, items, answers, tmp_path) == {
        "asked": 4, "retried": 0, "kept": 0, "unparsed": 0, "cut": 0, "unanswered": 0,
    }  # fmt: skip
    found = rows(tmp_path / "grades.jsonl")
    assert [(row["id"], row["turn"]) for row in found] == [
        ("1", 1), ("1", 2), ("2", 1), ("2", 2)
    ]  # fmt: skip
    first = found[0]
    assert (first["grades"], first["judge"], first["reply"]) == (GOOD, "gpt", json.dumps(GOOD))
    # 100 tokens read at 2.5 and 10 written at 10 for a million
    assert first["cost"] == pytest.approx((100 * 2.5 + 10 * 10) / 1e6)


def test_what_the_judge_is_asked(server, items, answers, tmp_path):
    ask(server, items, answers, tmp_path)
    body = next(b for b in server.seen if "1号答2\n</answer>" in b["messages"][1]["content"])
    assert (body["model"], body["temperature"]) == ("gpt", 0)
    system, user = (message["content"] for message in body["messages"])
    assert all(aspect in system for aspect in ASPECTS)
    assert user == (
        "<case>\n病例1\n</case>\n"
        "<earlier_question>\n问1？\n</earlier_question>\n<earlier_answer>\n1号答1\n"
        "</earlier_answer>\n<question>\n问2？\n</question>\n<reference>\n答2。\n</reference>\n"
        "<answer>\n1号答2\n</answer>"
    )


def test_nothing_is_asked_twice(server, items, answers, tmp_path):
    ask(server, items, answers, tmp_path)
    whole = (tmp_path / "grades.jsonl").read_bytes()
    assert ask(server, items, answers, tmp_path) == {
        "asked": 0, "retried": 0, "kept": 4, "unparsed": 0, "cut": 0, "unanswered": 0,
    }  # fmt: skip
    assert len(server.seen) == 4
    assert (tmp_path / "grades.jsonl").read_bytes() == whole
    # Another answer to turn 1 is in the prompt of turn 2 as well; the other case stays.
    other = write_answers(tmp_path / "other.jsonl", t11="别的")
    assert ask(server, items, other, tmp_path)["asked"] == 2


def test_replies_without_grades_are_counted_and_not_asked_again(server, items, answers, tmp_path):
    replies = iter(["I cannot.", "Sorry.", json.dumps(GOOD | {"fluency": 6}), json.dumps(GOOD)])
    server.reply = lambda body: next(replies)
    assert ask(server, items, answers, tmp_path)["unparsed"] == 3
    assert ask(server, items, answers, tmp_path) == {
        "asked": 0, "retried": 0, "kept": 4, "unparsed": 3, "cut": 0, "unanswered": 0,
    }  # fmt: skip
    scores = score_cases(answers, "m", tmp_path / "s.json", tmp_path / "grades.jsonl")
    assert scores["judged"] == {
        "judge": "gpt", "fluency": 5, "relevance": 4, "completeness": 3, "proficiency": 2,
        "average": 3.5, "good": None, "graded": 1, "unparsed": 3, "cost": 0.0014, "uncounted": 0,
    }  # fmt: skip


def test_a_server_that_counts_no_tokens_leaves_a_gap_in_the_cost_that_is_told(
    server, items, answers, tmp_path
):
    real, counted = server._reply, iter([True, False, False, True])
    server._reply = lambda body: {
        key: value for key, value in real(body).items() if key != "usage" or next(counted)
    }
    ask(server, items, answers, tmp_path)
    judged = score_cases(answers, "m", tmp_path / "s.json", tmp_path / "grades.jsonl")["judged"]
    assert (judged["uncounted"], judged["cost"]) == (2, 0.0007)


def cut_short(words: str | None) -> dict:
    """A chat's answer that its limit ended, as of a judge that thinks where no one reads."""
    choice = {"message": {"content": words, "reasoning_content": "Hm"}, "finish_reason": "length"}
    return {"choices": [choice], "usage": {"prompt_tokens": 100, "completion_tokens": 256}}


def test_replies_that_were_cut_short_are_told_and_not_kept(server, items, answers, tmp_path):
    cut = iter([None, json.dumps(GOOD), "<think>Let me see", "Fluency: 4 because"])
    server._reply = lambda body: cut_short(next(cut))
    assert ask(server, items, answers, tmp_path) == {
        "asked": 4, "retried": 0, "kept": 0, "unparsed": 3, "cut": 3, "unanswered": 0,
    }  # fmt: skip
    found = rows(tmp_path / "grades.jsonl")
    assert sorted(str(row["error"]) for row in found) == ["None", *["cut short"] * 3]
    assert {row["grades"] is None for row in found if row["error"]} == {True}
    assert all(row["cost"] == pytest.approx((100 * 2.5 + 256 * 10) / 1e6) for row in found)
    del server._reply
    # The limit is raised: what had been said whole is not paid for again.
    assert ask(server, items, answers, tmp_path, max_tokens=2048) == {
        "asked": 3, "retried": 0, "kept": 1, "unparsed": 0, "cut": 0, "unanswered": 0,
    }  # fmt: skip
    assert [body["max_tokens"] for body in server.seen] == [256] * 4 + [2048] * 3


def test_the_command_says_what_was_cut_short_and_the_remedy(
    server, items, answers, tmp_path, start
):
    server._reply = lambda body: cut_short(None)
    arguments = (
        "scores", "judge", "--answers", answers, "--items", items, "--cache", tmp_path / "c.jsonl",
        "--out", tmp_path / "g.jsonl", "--url", server.url, "--model", "gpt", "--max-tokens", 9,
    )  # fmt: skip
    process = start(*arguments, "--body", '{"reasoning_effort": "low"}')
    told, problem = process.communicate(timeout=500)
    assert process.returncode == 0, problem
    assert "4 replies without grades, 4 of them cut short: raise max_tokens.\n" in told
    assert {(body["max_tokens"], body["reasoning_effort"]) for body in server.seen} == {(9, "low")}
    process = start(*arguments, "--body", "[1]")
    _, problem = process.communicate(timeout=500)
    assert "not a JSON object" in problem and process.returncode == 2


def test_a_field_that_a_server_refuses_is_replaced_or_left_out(server, items, answers, tmp_path):
    words = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
    server.faults += [JSONResponse({"error": {"message": words}}, 400)] * 4
    with pytest.raises(UserError, match=r"HTTP 400 Unsupported parameter: 'max_tokens'.* body"):
        ask(server, items, answers, tmp_path)
    fields = {"max_tokens": None, "max_completion_tokens": 900, "temperature": None}
    server.seen.clear()
    ask(server, items, answers, tmp_path, body=fields)
    assert {frozenset(body) for body in server.seen} == {
        frozenset({"model", "messages", "max_completion_tokens"})
    }
    assert ask(server, items, answers, tmp_path, body=fields)["kept"] == 4
    # Another limit is no other question; another field may be.
    more = fields | {"max_completion_tokens": 9000}
    assert ask(server, items, answers, tmp_path, body=more)["kept"] == 4
    assert ask(server, items, answers, tmp_path, body=more | {"seed": 1})["asked"] == 4


def test_an_empty_answer_costs_nothing_and_gets_the_lowest(server, items, tmp_path):
    answers = write_answers(tmp_path / "answers.jsonl", t21=" \n")
    assert ask(server, items, answers, tmp_path)["asked"] == 3
    row = rows(tmp_path / "grades.jsonl")[2]
    assert (row["error"], row["cost"], set(row["grades"].values())) == ("empty", 0, {1})


def test_faults_pass_or_are_told_and_what_was_graded_is_kept(server, items, answers, tmp_path):
    server.faults += [PlainTextResponse("", 500), JSONResponse({}, 429, {"Retry-After": "0"})]
    done = ask(server, items, answers, tmp_path)
    assert (done["asked"], done["retried"]) == (4, 2)
    assert len(server.seen) == 6
    other = write_answers(tmp_path / "other.jsonl", t11="别的", t21="还有")
    by = Judge(server.url, "gpt", concurrency=1)

    async def grade():
        return JSONResponse(server._reply({}))

    server.faults += [grade, JSONResponse({"error": {"message": "quota"}}, 402)]
    with pytest.raises(UserError, match="HTTP 402 quota"):
        judge(other, items, tmp_path / "cache.jsonl", tmp_path / "other.grades.jsonl", by)
    assert not (tmp_path / "other.grades.jsonl").exists()
    done = judge(other, items, tmp_path / "cache.jsonl", tmp_path / "other.grades.jsonl", by)
    assert (done["asked"], done["kept"]) == (3, 1)
    server.faults.append(JSONResponse({"choices": [{"text": "no chat"}]}))
    third = write_answers(tmp_path / "third.jsonl", t12="三")
    with pytest.raises(UserError, match="an answer without a message"):
        ask(server, items, third, tmp_path)


def test_the_key_stands_in_no_file(server, items, answers, tmp_path, monkeypatch):
    server.key = SECRET
    monkeypatch.setenv("JUDGE_KEY", SECRET)
    ask(server, items, answers, tmp_path, key_env="JUDGE_KEY")
    assert set(server.keys) == {f"Bearer {SECRET}"}
    assert not any(SECRET.encode() in path.read_bytes() for path in tmp_path.glob("*.jsonl"))


def test_answers_to_other_cases_and_grades_of_other_answers_are_refused(server, items, tmp_path):
    answers = write_answers(tmp_path / "answers.jsonl")
    few = write_items(tmp_path / "few.jsonl", [case(1, turns=1)])
    with pytest.raises(InputError, match="turn 2 of 1 is no question of these"):
        ask(server, few, answers, tmp_path)
    assert not server.seen
    ask(server, items, answers, tmp_path)
    short = tmp_path / "short.jsonl"
    short.write_text("".join(answers.read_text("utf-8").splitlines(keepends=True)[:3]), "utf-8")
    with pytest.raises(InputError, match="grades of other answers"):
        score_cases(short, "m", tmp_path / "s.json", tmp_path / "grades.jsonl")


def test_a_killed_judge_pays_for_nothing_twice(server, items, answers, tmp_path, start):
    server.slow = (0.0, 3.0)  # every other reply is late
    process = start(
        "scores", "judge", "--answers", answers, "--items", items, "--cache", tmp_path / "c.jsonl",
        "--out", tmp_path / "g.jsonl", "--url", server.url, "--model", "gpt", "--concurrency", 1,
    )  # fmt: skip
    cache, deadline = tmp_path / "c.jsonl", time.monotonic() + 500
    while not cache.exists() or not cache.read_bytes():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "g.jsonl").exists()
    kept = cache.read_bytes().count(b"\n")
    cache.write_bytes(cache.read_bytes() + b'{"key": "ab')  # killed while writing
    server.slow = (0.0, 0.0)
    done = judge(answers, items, cache, tmp_path / "g.jsonl", Judge(server.url, "gpt"))
    assert (done["asked"], done["kept"]) == (4 - kept, kept)
    assert all(json.loads(line) for line in cache.read_text().splitlines())


def test_a_cache_is_for_one_process_and_damage_is_told(tmp_path):
    path = tmp_path / "cache.jsonl"
    with ReplyCache(path) as cache:
        cache.add("a", {"reply": "甲"})
        with pytest.raises(UserError, match="another process uses it"):
            ReplyCache(path)
    with ReplyCache(path) as cache:
        assert cache["a"] == {"reply": "甲"}
    path.write_text("nonsense\n")
    with pytest.raises(UserError, match="a line is no reply"):
        ReplyCache(path)


@pytest.mark.parametrize(
    ("reply", "wanted"),
    [
        (json.dumps(GOOD), GOOD),
        (f"Here:\n```json\n{json.dumps(GOOD, indent=2)}\n```\nDone.", GOOD),
        ("{'fluency': 5, 'relevance': '4', 'completeness': 3.0, 'proficiency': 2}", GOOD),
        (f'{{"fluency": 1}} no, {json.dumps(GOOD)}', GOOD),
        (json.dumps(GOOD | {"note": "fine"}), GOOD),
        (json.dumps(GOOD | {"note": "the patient's {answer}"}), GOOD),
        (json.dumps({"note": "so } it is", **GOOD}), GOOD),
        (json.dumps({"grades": GOOD, "note": {"why": "x"}}), GOOD),
        (json.dumps({key.capitalize(): value for key, value in GOOD.items()}), GOOD),
        (json.dumps(GOOD | {"note": "it's"})[:-1] + ",\n}", GOOD),
        (json.dumps(GOOD | {"fluency": "5/5", "relevance": "4 / 5"}), GOOD),
        (json.dumps(GOOD | {"fluency": "5/10"}), None),
        (f"{json.dumps(GOOD | {'fluency': 1})} and {GOOD!s}", GOOD),
        (f"<think>{json.dumps(GOOD | {'fluency': 1})}</think>{json.dumps(GOOD)}", GOOD),
        (f"<think>Perhaps {json.dumps(GOOD)}, but", None),
        (json.dumps(GOOD | {"note": "<think> is left in"}), GOOD),
        ('{"fluency": 5, "relevance": 4, "completeness": 3}', None),
        (json.dumps(GOOD | {"fluency": 0}), None),
        (json.dumps(GOOD | {"fluency": 3.5}), None),
        (json.dumps(GOOD | {"fluency": True}), None),
        (json.dumps(GOOD | {"fluency": None}), None),
        (json.dumps(GOOD | {"fluency": float("nan")}), None),
        (json.dumps(GOOD).replace("5", "1e999"), None),
        (json.dumps(GOOD).replace("5", "-Infinity"), None),
        (json.dumps(GOOD).replace("5", "9" * 5000), None),
        (json.dumps(GOOD).replace("5", "[" * 50_000), None),
        (f'{json.dumps(GOOD)} {{"fluency": NaN}}', GOOD),
        ("5 4 3 2", None),
        ("", None),
        ("{" * 2000, None),
    ],
)
def test_grades_in_a_reply(reply, wanted):
    assert grades(reply) == wanted


@given(st.fixed_dictionaries(dict.fromkeys(ASPECTS, st.integers(1, 5))), st.text(), st.text())
def test_grades_are_found_between_other_words(values, before, after):
    words = before.replace("{", "").replace("}", "")
    assert grades(words + json.dumps(values) + after.replace("{", "")) == values


def test_the_table_shows_grades_where_a_judge_gave_them(server, items, answers, tmp_path):
    ask(server, items, answers, tmp_path)
    with_grades, without = tmp_path / "a.json", tmp_path / "b.json"
    score_cases(answers, "m", with_grades, tmp_path / "grades.jsonl")
    assert score_cases(answers, "m", without)["judged"] is None
    places = [tmp_path / name for name in ("t.csv", "t.md", "t.tex")]
    write_tables([without], Path("none"), *places)
    assert "Judge" not in places[1].read_text()
    write_tables([with_grades], Path("none"), *places)
    line = "| m | cmb_clin | gpt | 5.00 | 4.00 | 3.00 | 2.00 | 3.50 | 0.0 (0.0 to 65.8) | 4 | 0 |"
    assert f"{line} 0.0014 |" in places[1].read_text()


def test_two_judges_are_compared_and_good_cases_have_wilson_s_interval(
    server, items, answers, tmp_path
):
    strict = {**dict.fromkeys(GOOD, 5), "completeness": 2}
    replies = [dict.fromkeys(GOOD, 5), dict.fromkeys(GOOD, 4), strict, dict.fromkeys(GOOD, 3)]
    for name, said in (("first", replies), ("second", [replies[0], *replies[:0:-1]])):
        waiting = iter(said)
        server.reply = lambda body, waiting=waiting: json.dumps(next(waiting))
        by = Judge(server.url, name, concurrency=1)
        judge(answers, items, tmp_path / f"{name}.cache", tmp_path / f"{name}.jsonl", by)
    files = (tmp_path / "first.jsonl", tmp_path / "second.jsonl")
    scores = score_cases(answers, "m", tmp_path / "s.json", *files)
    # Case 1 has the averages 5 and 4, case 2 has 4.25 and 3.
    good = scores["judged"]["good"]
    assert (good["cases"], good["value"]) == (2, 0.5)
    assert good["low"] < 0.1 < 0.9 < good["high"]
    assert (scores["judged"]["judge"], scores["second"]["judge"]) == ("first", "second")
    agreement = scores["agreement"]
    assert agreement["answers"] == 4 and agreement["fluency"]["same"] == 0.5
    own = score_cases(answers, "m", tmp_path / "s.json", files[0], files[0])["agreement"]
    assert own["fluency"] == {"same": 1.0, "kappa": 1.0, "weighted_kappa": 1.0}
    words = [cell for _, _, rows, _ in tables([scores], None) for row in rows for cell in row]
    assert "50.0 (9.5 to 90.5)" in words and "first, second" in words


def test_weighted_kappa_counts_distant_grades_more():
    near, far = [1, 2, 3, 4, 5], [2, 1, 4, 3, 5]
    assert weighted_kappa(near, near) == 1.0
    assert weighted_kappa(near, far) == pytest.approx(0.8, abs=1e-6)
    assert weighted_kappa(near, [5, 4, 3, 2, 1]) == -1.0
    assert weighted_kappa([3, 3], [3, 3]) is None


def test_an_empty_answer_is_no_agreement_of_two_judges():
    lowest = dict.fromkeys(ASPECTS, 1)
    rows = [{"grades": GOOD, "error": None}, {"grades": lowest, "error": "empty"}]
    other = [{"grades": lowest, "error": None}, rows[1]]
    found = judges_agree(rows, other)
    assert (found["answers"], found["fluency"]["same"]) == (1, 0.0)
