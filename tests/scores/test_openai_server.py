"""A model behind an OpenAI-compatible server: the same prompts and answers, and what may fail."""

import asyncio
import email.utils
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from starlette.responses import JSONResponse, PlainTextResponse, Response

from collectivesft.common import retry
from collectivesft.common.errors import UserError
from collectivesft.scores.answer_cases import answer_cases
from collectivesft.scores.engines import http_client, openai_server
from collectivesft.scores.engines.openai_server import Server
from collectivesft.scores.engines.server_process import connected
from collectivesft.scores.predict import predict
from tests.helpers.completions_server import CompletionsServer
from tests.helpers.scores_inputs import QUICK, case, question, rows, tiny_model, write_items

SECRET = "sk-loopback-0123456789"
NOW = 1_800_000_000.25


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Waits of a hundredth of a second."""
    monkeypatch.setattr(http_client, "BACKOFF_S", 0.01)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("served") / "model")


@pytest.fixture(scope="module")
def running(folder):
    server = CompletionsServer(folder)
    server.url = server.start()
    yield server
    server.stop()


@pytest.fixture
def server(running):
    """The server without faults, as if just started, once what failed before has left it."""
    while running.now:
        time.sleep(0.01)
    running.faults.clear()
    running.seen.clear()
    running.keys.clear()
    running.key, running.slow, running.most = "", (0.0, 0.0), 0
    running.alternatives, running.echoes, running.extra_tokens = None, True, 0
    return running


@pytest.fixture
def items(tmp_path) -> Path:
    found = [question(n, "val") for n in range(8)] + [question(n) for n in range(10)]
    return write_items(tmp_path / "items.jsonl", found)


def ask(folder, items, out, options=QUICK, **server) -> list[dict]:
    predict(folder, "tiny", items, out, options, Server(**{"model": "tiny", **server}))
    return rows(out)


def without_engine(path: Path) -> list[dict]:
    return [{k: v for k, v in row.items() if k != "engine"} for row in rows(path)]


@pytest.mark.parametrize("template", ["chat", "plain", "cmb"])
@pytest.mark.parametrize("prompt_format", ["text", "tokens"])
def test_rows_are_those_of_transformers_but_for_the_engine(
    folder, items, server, tmp_path, template, prompt_format
):
    options = replace(QUICK, template=template, shots=1)
    predict(folder, "tiny", items, tmp_path / "own.jsonl", options)
    found = ask(
        folder, items, tmp_path / "s.jsonl", options, url=server.url, prompt_format=prompt_format
    )
    assert without_engine(tmp_path / "s.jsonl") == without_engine(tmp_path / "own.jsonl")
    assert {row["engine"] for row in found} == {"openai"}
    if prompt_format == "text":
        assert sorted(body["prompt"] for body in server.seen) == sorted(r["prompt"] for r in found)
    body = server.seen[0]
    assert (body["temperature"], body["repetition_penalty"], body["max_tokens"]) == (0, 1, 6)
    assert body["model"] == "tiny"


@pytest.mark.parametrize("alternatives", [261, 1])
@pytest.mark.parametrize("extensions", [True, False])
def test_likelihoods_are_those_of_transformers_by_either_way(
    folder, items, server, tmp_path, alternatives, extensions
):
    """With one alternative most letters are scored as the end of a prompt."""
    options = replace(QUICK, method="likelihood")
    server.alternatives = alternatives
    predict(folder, "tiny", items, tmp_path / "own.jsonl", options)
    own = rows(tmp_path / "own.jsonl")
    found = ask(
        folder, items, tmp_path / "served.jsonl", options, url=server.url, extensions=extensions,
        prompt_format="text" if extensions else "tokens",
    )  # fmt: skip
    for one, other in zip(found, own, strict=True):
        assert one["likelihood"] == pytest.approx(other["likelihood"], abs=2e-5)
        assert (one["raw"], one["stopped"]) == ("", True)
    assert ({"echo"} <= set(server.seen[-1])) is (alternatives == 1)
    assert any("repetition_penalty" in body for body in server.seen) is extensions


def test_a_server_without_log_probabilities_is_refused(folder, items, server, tmp_path):
    options = replace(QUICK, method="likelihood")
    server.alternatives = 0
    with pytest.raises(UserError, match=r"gives no log probabilities\. Use a protocol with method"):
        ask(folder, items, tmp_path / "out.jsonl", options, url=server.url)
    server.alternatives, server.echoes = 1, False
    with pytest.raises(UserError, match=r"does not repeat the prompt.*\(echo\)"):
        ask(folder, items, tmp_path / "out.jsonl", options, url=server.url)
    assert not (tmp_path / "out.jsonl").exists()


def test_a_server_that_reads_other_tokens_is_refused(folder, items, server, tmp_path):
    server.extra_tokens = 1
    with pytest.raises(
        UserError, match=r"it read \d+ tokens of a prompt that has \d+.* set \w+: tokens"
    ):
        ask(folder, items, tmp_path / "out.jsonl", url=server.url)


def test_the_order_in_which_answers_come_does_not_matter(folder, items, server, tmp_path):
    """Every other request waits longer than the next one."""
    one = ask(folder, items, tmp_path / "one.jsonl", url=server.url, concurrency=1)
    assert server.most == 1
    server.slow = (0.3, 0.0)
    many = ask(folder, items, tmp_path / "many.jsonl", url=server.url, concurrency=10)
    assert 1 < server.most <= 10
    assert one == many
    assert (tmp_path / "one.jsonl").read_bytes() == (tmp_path / "many.jsonl").read_bytes()


def test_what_passes_is_tried_again(folder, items, server, tmp_path):
    server.faults += [
        JSONResponse({"error": {"message": "slow down"}}, 429, {"Retry-After": "0.01"}),
        PlainTextResponse("bad gateway", 502),
        JSONResponse({"detail": "loading"}, 503),
        Response(b'{"choices": [{"te', headers={"Content-Length": "400"}),
    ]
    found = ask(folder, items, tmp_path / "out.jsonl", url=server.url, concurrency=1)
    assert len(server.seen) == len(found) + 4
    assert server.seen[0] == server.seen[4]


@pytest.mark.parametrize(
    ("asked", "seconds"), [("2", 2), (email.utils.formatdate(NOW + 3, usegmt=True), 2.75)]
)
def test_waits_as_long_as_the_server_asks(server, monkeypatch, asked, seconds):
    """A date is in whole seconds, so the wait for it ends by up to a second before."""
    monkeypatch.setattr(retry, "time", SimpleNamespace(time=lambda: NOW))
    server.faults.append(Response(status_code=429, headers={"Retry-After": asked}))
    with Server(server.url, "tiny").open() as opened:
        waited = []
        monkeypatch.setattr(opened._closed, "wait", waited.append)
        body = {"prompt": "x", "temperature": 0, "max_tokens": 1}
        assert opened.post("/completions", body)["choices"]
    assert waited == [seconds]


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (JSONResponse({"error": {"message": "no model tiny"}}, 404), "HTTP 404 no model tiny$"),
        (PlainTextResponse("<html>Sign in</html>"), "the answer is no JSON object"),
        (JSONResponse([1]), "the answer is no JSON object"),
        (Response(status_code=307, headers={"Location": "http://other"}), "HTTP 307"),
    ],
)
def test_what_does_not_pass_is_told_at_once(folder, items, server, tmp_path, fault, message):
    server.faults += [fault] * 3
    with pytest.raises(UserError, match=message):
        ask(folder, items, tmp_path / "out.jsonl", url=server.url, concurrency=1)
    assert len(server.seen) == 1
    assert not (tmp_path / "out.jsonl").exists()


def test_a_broken_server_is_given_up(folder, items, server, tmp_path, monkeypatch):
    server.faults += [PlainTextResponse("", 500)] * http_client.ATTEMPTS
    with pytest.raises(UserError, match=r"HTTP 500. Tried 6 times"):
        ask(folder, items, tmp_path / "out.jsonl", url=server.url, concurrency=1)
    monkeypatch.setattr(http_client, "ATTEMPTS", 2)

    async def silent() -> Response:
        await asyncio.sleep(0.5)
        return PlainTextResponse("")

    server.faults += [silent] * 2
    with pytest.raises(UserError, match=r"no answer in time\. Raise the timeout"):
        ask(folder, items, tmp_path / "o.jsonl", url=server.url, concurrency=1, timeout_s=0.1)
    with pytest.raises(UserError, match=r"no connection \(.*refused\)\. Start the server"):
        ask(folder, items, tmp_path / "out.jsonl", url="http://127.0.0.1:9/v1")


def test_an_unknown_model_and_a_bad_address_are_told(folder, items, server, tmp_path):
    with pytest.raises(UserError, match=r"does not serve a model 'big' \(it has: tiny\)"):
        ask(folder, items, tmp_path / "out.jsonl", url=server.url, model="big")
    assert not server.seen
    with pytest.raises(UserError, match="not an address"):
        ask(folder, items, tmp_path / "out.jsonl", url="localhost:8000")
    with pytest.raises(UserError, match="holds a user or password") as found:
        ask(folder, items, tmp_path / "out.jsonl", url=f"http://me:{SECRET}@localhost/v1")
    assert SECRET not in str(found.value)


def test_the_key_is_sent_and_stands_nowhere(folder, items, server, tmp_path, monkeypatch, capfd):
    """Neither in files nor in messages, although this server repeats it in its refusal."""
    server.key, out = SECRET, tmp_path / "out.jsonl"
    asked = {"url": server.url, "key_env": "MY_KEY"}
    with pytest.raises(UserError, match="The environment variable MY_KEY is not set"):
        ask(folder, items, out, **asked)
    monkeypatch.setenv("MY_KEY", "sk-wrong-key")
    with pytest.raises(
        UserError, match=r"it refuses the key in MY_KEY\. Set the variable"
    ) as error:
        ask(folder, items, out, **asked)
    monkeypatch.setenv("MY_KEY", SECRET)
    ask(folder, items, out, **asked)
    assert server.keys[-1] == f"Bearer {SECRET}"
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert out in written
    assert not any(SECRET.encode() in path.read_bytes() for path in written)
    said = "".join(capfd.readouterr()) + str(error.value)
    assert re.search(r"^\w+, [\w.]+: questions: 10/10 ", said, re.M)
    assert SECRET not in said and "sk-wrong-key" not in said
    monkeypatch.setenv("MY_KEY", "schlüssel")
    with pytest.raises(UserError, match="MY_KEY holds no key"):
        ask(folder, items, out, **asked)


def test_a_servers_own_words_do_not_repeat_the_key(server, monkeypatch):
    monkeypatch.setenv("MY_KEY", SECRET)
    server.faults.append(JSONResponse({"error": f"bad {SECRET}"}, 400))
    with (
        Server(server.url, "tiny", key_env="MY_KEY").open() as opened,
        pytest.raises(UserError, match=r"bad \*\*\*"),
    ):
        opened.post("/completions", {})


def test_a_killed_run_goes_on_with_the_same_bytes(folder, server, tmp_path, start):
    items = write_items(tmp_path / "items.jsonl", [question(n) for n in range(40)])
    ask(folder, items, tmp_path / "whole.jsonl", url=server.url)
    out, journal = tmp_path / "killed.jsonl", tmp_path / ".killed.jsonl.partial.jsonl"
    server.slow = (0.05, 0.05)
    process = start(
        "scores", "predict", "--model", folder, "--name", "tiny", "--items", items, "--out", out,
        "--url", server.url, "--concurrency", 3, "--max-new-tokens", 6,
    )  # fmt: skip
    deadline = time.monotonic() + 500
    while not journal.exists() or journal.read_bytes().count(b"\n") < 5:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not out.exists()
    done = journal.read_bytes().count(b"\n") - 1
    assert done < 40
    server.slow = (0.0, 0.0)
    server.wait_for_clients_to_leave()
    server.seen.clear()
    # Another number of requests at once and another address of the same server go on all the same.
    address = server.url.replace("127.0.0.1", "localhost")
    ask(folder, items, out, url=address, concurrency=7)
    assert len(server.seen) == 40 - done
    assert out.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


def test_answers_that_are_settled_are_not_asked_for_whole(
    folder, items, server, tmp_path, monkeypatch
):
    monkeypatch.setattr(openai_server, "FIRST", 4)
    monkeypatch.setattr(openai_server, "is_final", lambda text, *_: len(text) % 2 == 0)
    found = ask(folder, items, tmp_path / "some.jsonl", url=server.url)
    asked = [body["max_tokens"] for body in server.seen]
    assert asked.count(4) == 10
    settled_rows = [row for row in found if row["settled"] and len(row["raw"]) <= 4]
    assert 0 < len(settled_rows) == 20 - len(asked)
    server.seen.clear()
    whole = ask(folder, items, tmp_path / "all.jsonl", replace(QUICK, stop="end"), url=server.url)
    assert [body["max_tokens"] for body in server.seen] == [6] * 10
    assert not any(row["settled"] for row in whole)
    for short, long in zip(found, whole, strict=True):
        assert long["raw"].startswith(short["raw"].rstrip("\ufffd"))


def test_too_long_prompts_are_told_and_not_sent(tmp_path, server):
    short = tiny_model(tmp_path / "short", longest=400)
    path = write_items(tmp_path / "items.jsonl", [question(0), question(1, question="很" * 200)])
    found = ask(short, path, tmp_path / "out.jsonl", url=server.url)
    assert [row["error"] for row in found] == [None, "prompt_too_long"]
    assert len(server.seen) == 1


def test_cases_are_answered_turn_by_turn(folder, server, tmp_path):
    path = write_items(tmp_path / "cases.jsonl", [case(n) for n in range(4)])
    options = {"max_new_tokens": 5, "limit": None, "sample_seed": 42, "threads": 1}
    answer_cases(folder, "tiny", path, tmp_path / "own.jsonl", **options)
    asked = Server(server.url, "tiny", concurrency=3)
    answer_cases(folder, "tiny", path, tmp_path / "served.jsonl", **options, server=asked)
    assert rows(tmp_path / "served.jsonl") == rows(tmp_path / "own.jsonl")


SERVE = f"{sys.executable} {Path(__file__).parents[1] / 'helpers/completions_server.py'}"


def test_a_command_serves_the_model_as_long_as_it_is_needed(folder, items, tmp_path):
    line = SERVE + " --name {name} --port {port} --says {model}"
    with connected(folder, line, Server(None, "tiny", concurrency=2)) as asked:
        predict(folder, "tiny", items, tmp_path / "out.jsonl", QUICK, asked)
    assert {row["raw"] for row in rows(tmp_path / "out.jsonl")} == {str(folder)}
    with pytest.raises(UserError, match="no connection"):
        predict(folder, "tiny", items, tmp_path / "gone.jsonl", QUICK, asked)


def test_a_command_that_does_not_serve_is_told(folder):
    def serve(line: str) -> None:
        with connected(folder, line, Server(None, "tiny")):
            raise AssertionError("not reached")

    with pytest.raises(UserError, match="ended with code 3 before it answered"):
        serve(f"{sys.executable} -c 'raise SystemExit(3)'")
    with pytest.raises(UserError, match="no-such-program: the server cannot be started"):
        serve("no-such-program --port {port}")
    with pytest.raises(UserError, match=r"not a command \('gpu'\)\. It may hold {model}"):
        serve("vllm serve {gpu}")
    with (
        pytest.raises(UserError, match="give one of them"),
        connected(folder, "vllm", Server("http://127.0.0.1:1/v1", "tiny")),
    ):
        raise AssertionError("not reached")


def test_a_server_that_was_started_ends_with_the_command(folder):
    mark = f"mark-{time.time_ns()}"

    def there() -> bool:
        commands = (path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline"))
        return any(mark.encode() in found for found in commands)

    line = f"{sys.executable} -m http.server --bind 127.0.0.1 --directory . {{port}}"
    with connected(folder, f"sh -c '{line} & wait' {mark}", Server(None, "tiny")):
        assert there()
    assert not there()


LEFT = """
import socket, sys, threading
from collectivesft.common.errors import UserError
from collectivesft.scores.engines.http_client import Endpoint

silent = socket.create_server(("127.0.0.1", 0))  # takes requests and never answers
url = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
asked = threading.Event()

def work(task):
    if task == "fails":
        asked.wait(30)
        raise UserError("failed")
    asked.set()
    return server.post("/completions", {})

with Endpoint(url, None, timeout_s=600, connections=2) as server:
    try:
        list(server.together(work, ["waits", "fails"], 2))
    except UserError as error:
        print(error)
"""


def test_a_failure_does_not_wait_for_answers_that_never_come():
    """The process ended only after the timeout of requests that were still under way."""
    done = subprocess.run(
        [sys.executable, "-c", LEFT], capture_output=True, text=True, timeout=500, check=False
    )
    assert (done.returncode, done.stdout) == (0, "failed\n"), done.stderr
