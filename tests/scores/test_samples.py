"""Several drawn answers to each question: seeds, resumption, pass@k, votes."""

import itertools
import math
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.responses import JSONResponse

from collectivesft.common.errors import UserError
from collectivesft.scores.engines import decode, http_client
from collectivesft.scores.engines import language_model as models
from collectivesft.scores.engines.openai_server import Server
from collectivesft.scores.measure.samples import pass_at, repeated
from collectivesft.scores.predict import predict
from collectivesft.scores.report import samples_table
from collectivesft.scores.score import score
from tests.helpers.completions_server import CompletionsServer
from tests.helpers.scores_inputs import QUICK, question, rows, tiny_model, write_items

DRAWN = replace(QUICK, temperature=0.8, samples=3, max_new_tokens=12)


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("tiny") / "model")


@pytest.fixture
def items(tmp_path) -> Path:
    return write_items(tmp_path / "items.jsonl", [question(n) for n in range(7)])


def texts(path: Path) -> dict[str, list[str]]:
    return {row["id"]: [sample["raw"] for sample in row["samples"]] for row in rows(path)}


def test_each_sample_has_its_seed_and_a_second_run_draws_the_same(model, items, tmp_path):
    predict(model, "tiny", items, tmp_path / "a.jsonl", DRAWN)
    found = rows(tmp_path / "a.jsonl")
    assert [len(row["samples"]) for row in found] == [3] * 7
    assert all(row["raw"] == row["samples"][0]["raw"] for row in found)
    assert {(row["temperature"], row["draw_seed"]) for row in found} == {(0.8, 42)}
    assert all(len(set(own)) == 3 for own in texts(tmp_path / "a.jsonl").values())
    predict(model, "tiny", items, tmp_path / "b.jsonl", DRAWN)
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()
    predict(model, "tiny", items, tmp_path / "c.jsonl", replace(DRAWN, draw_seed=43))
    assert not set(itertools.chain(*texts(tmp_path / "a.jsonl").values())) & set(
        itertools.chain(*texts(tmp_path / "c.jsonl").values())
    )


def test_more_samples_or_other_batches_leave_the_first_ones(model, items, tmp_path):
    predict(model, "tiny", items, tmp_path / "3.jsonl", DRAWN)
    more = replace(DRAWN, samples=5, batch_size=3)
    predict(model, "tiny", items, tmp_path / "5.jsonl", more)
    five = texts(tmp_path / "5.jsonl")
    assert {id: own[:3] for id, own in five.items()} == texts(tmp_path / "3.jsonl")


def test_a_killed_run_ends_with_the_same_samples(model, items, tmp_path, monkeypatch):
    from collectivesft.scores import predict as module

    predict(model, "tiny", items, tmp_path / "whole.jsonl", DRAWN)
    real, asked, out = module._answer_batch, [], tmp_path / "out.jsonl"

    def answer(model, prefix, batch, *more):
        if len(asked) == 2:
            raise KeyboardInterrupt
        asked.append([q.key for q in batch])
        return real(model, prefix, batch, *more)

    with monkeypatch.context() as broken:
        broken.setattr(module, "_answer_batch", answer)
        with pytest.raises(KeyboardInterrupt):
            predict(model, "tiny", items, out, DRAWN)
    assert "#sample1" in "".join(asked[0])
    again = []
    monkeypatch.setattr(
        module, "_answer_batch", lambda *a: again.extend(q.key for q in a[2]) or real(*a)
    )
    predict(model, "tiny", items, out, DRAWN)
    assert out.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    assert len(again) == 21 - 8 and not set(again) & set(itertools.chain(*asked))


def test_tokens_are_drawn_from_the_softmax_at_that_temperature(model):
    """1,500 first tokens against their probabilities: chi-squared of the likely ones."""
    import torch

    loaded = models.load(model, threads=1)
    ids = models.encode(loaded, "问", "plain")
    nothing = decode.Prefix((), None)
    count, temperature = 1500, 2.0
    draws = [decode.Draw(seed, temperature) for seed in range(count)]
    written = decode.generate(loaded, nothing, [ids] * count, 1, None, draws)
    with torch.inference_mode():
        logits = loaded.network(torch.tensor([ids])).logits[0, -1]
    chances = torch.softmax(logits.double() / temperature, dim=-1)
    seen = Counter(one.tokens[0] if one.tokens else 2 for one in written)
    likely = [token for token in range(len(chances)) if chances[token] * count >= 8]
    assert len(likely) > 10
    squares = sum(
        (seen[token] - count * float(chances[token])) ** 2 / (count * float(chances[token]))
        for token in likely
    )
    assert squares < len(likely) + 4 * math.sqrt(2 * len(likely))


def test_a_server_gets_the_seed_and_draws_the_same(model, items, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(http_client, "BACKOFF_S", 0.01)
    options = replace(DRAWN, samples=2, stop="end", max_new_tokens=70)
    predict(model, "tiny", items, tmp_path / "own.jsonl", options)
    server = CompletionsServer(model)
    url = server.start()
    try:
        out = tmp_path / "served.jsonl"
        predict(model, "tiny", items, out, replace(options, stop="early"), Server(url, "tiny"))
        assert texts(out) == texts(tmp_path / "own.jsonl")
        assert len(server.seen) == len({body["seed"] for body in server.seen}) == 14
        assert {body["max_tokens"] for body in server.seen} == {70}  # never asked in two steps
        assert all(0 <= body["seed"] < 2**31 for body in server.seen)
        server.seen.clear()
        server.faults.append(JSONResponse({"error": "seed: extra_forbidden"}, 400))
        plain = Server(url, "tiny", concurrency=1, extensions=False, prompt_format="tokens")
        predict(model, "tiny", items, tmp_path / "unseeded.jsonl", options, plain)
        assert ["seed" in body for body in server.seen] == [True] + [False] * 14
        assert all(row["error"] is None for row in rows(tmp_path / "unseeded.jsonl"))
        assert capfd.readouterr().err.count("it refuses a seed") == 1
    finally:
        server.stop()


def test_greedy_protocols_refuse_samples_in_one_line(model, items, tmp_path):
    cases = [
        ({"temperature": 0.0}, "^Greedy answers are all the same, and samples is 3; set temp"),
        ({"method": "likelihood"}, "^Method likelihood draws nothing; set temperature to 0"),
        ({"orders": "rotations"}, "^Drawn answers differ by chance, not only by order; set"),
    ]
    for changes, words in cases:
        with pytest.raises(UserError, match=words) as caught:
            predict(model, "tiny", items, tmp_path / "o.jsonl", replace(DRAWN, **changes))
        assert "\n" not in str(caught.value)
    text = question(0, kind="text", options={}, answer="", metric="bleu", references=["甲"])
    path = write_items(tmp_path / "text.jsonl", [text])
    with pytest.raises(UserError, match="Free text is answered once"):
        predict(model, "tiny", path, tmp_path / "o.jsonl", DRAWN)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(data=st.data())
def test_pass_at_k_is_the_share_of_choices_of_k_with_a_right_one(data):
    right = data.draw(st.lists(st.booleans(), min_size=1, max_size=8))
    k = data.draw(st.integers(1, len(right)))
    choices = list(itertools.combinations(right, k))
    expected = sum(map(any, choices)) / len(choices)
    assert pass_at(len(right), sum(right), k) == pytest.approx(expected)


def test_pass_at_k_by_hand_and_its_bounds():
    assert [pass_at(4, 1, k) for k in (1, 2, 4)] == pytest.approx([0.25, 0.5, 1.0])
    assert pass_at(5, 0, 5) == 0
    for k in (0, 6):
        with pytest.raises(ValueError, match="of 5 answers"):
            pass_at(5, 1, k)


def drawn(letters: list[str], key: str, multiple: bool = False) -> tuple[dict, dict]:
    samples = [{"letters": one, "right": one == key} for one in letters]
    prediction = {"options": list("ABCD"), "multiple": multiple, "temperature": 1, "draw_seed": 42}
    return prediction, {"samples": samples, "answer": key}


def test_mean_votes_and_guesses_of_known_answers():
    pairs = [drawn(["A", "B", "B", ""], "B"), drawn(["A", "C", "", ""], "C")]
    pairs += [drawn(["D", "D", "D", "D"], "D")]
    found = repeated(*zip(*pairs, strict=True))
    assert (found["samples"], found["items"], found["asked"]) == (4, 3, 12)
    assert found["mean"]["value"] == pytest.approx(7 / 12, abs=1e-6)
    assert found["pass_at"]["1"] == found["mean"]
    assert found["pass_at"]["2"]["value"] == pytest.approx((5 / 6 + 1 / 2 + 1) / 3, abs=1e-6)
    assert found["pass_at"]["4"]["value"] == 1
    assert found["guess_at"] == {"1": 0.25, "2": 0.4375, "4": pytest.approx(0.683594)}
    assert found["voted"]["value"] == pytest.approx(2 / 3, abs=1e-6)  # A before C of equals
    assert found["all_right"]["value"] == pytest.approx(1 / 3, abs=1e-6)
    # Three questions of four answers each: wider than of twelve answers on their own.
    single = [drawn([one["letters"]], row["answer"]) for _, row in pairs for one in row["samples"]]
    alone = repeated(*zip(*single, strict=True))["mean"]
    assert found["mean"]["high"] - found["mean"]["low"] > alone["high"] - alone["low"]


def test_scores_hold_the_samples_and_the_table_shows_them(model, items, tmp_path):
    out, answers = tmp_path / "p.jsonl", tmp_path / "a.jsonl"
    predict(model, "tiny", items, out, DRAWN)
    found = score(out, items, "tiny", "p", tmp_path / "s.json", tmp_path / "c.csv", answers)
    assert found["repeated"]["samples"] == 3 and found["repeated"]["asked"] == 21
    assert set(found["repeated"]["pass_at"]) == {"1", "2", "3"}
    judged = rows(answers)
    assert all(len(row["samples"]) == 3 and 0 <= row["share_right"] <= 1 for row in judged)
    assert all(row["samples"][0]["letters"] == row["corrected"] for row in judged)
    shown = samples_table.rows([found])
    assert [row[7].split(":")[0] for row in shown] == ["k = 1", "k = 2", "k = 3"]
    assert all(len(row) == len(samples_table.HEADS) for row in shown)
