"""A tiny random model answers questions; a killed run ends with the same bytes."""

import importlib
import json
import signal
import time
from dataclasses import replace
from pathlib import Path

import code_files
import pytest

from collectivesft.common.errors import InputError, UserError
from collectivesft.scores.engines.resume_log import ResumeLog
from collectivesft.scores.predict import Protocol, predict
from collectivesft.scores.prompt.item_sample import choose
from collectivesft.scores.prompt.prompts import few_shot, render, turns
from collectivesft.scores.score import score
from tests.helpers.scores_inputs import QUICK, question, rows, tiny_model, write_items

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def model(tmp_path_factory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("tiny") / "model")


@pytest.fixture
def items(tmp_path) -> Path:
    found = [question(n, "val") for n in range(8)] + [question(n) for n in range(10)]
    return write_items(tmp_path / "items.jsonl", found)


def test_rows_stand_in_the_order_of_the_items_and_hold_what_scoring_needs(model, items, tmp_path):
    out = tmp_path / "out/predictions.jsonl"
    predict(model, "tiny", items, out, QUICK)
    found = rows(out)
    assert [row["id"] for row in found] == [f"test-{n}" for n in range(10)]
    assert set(found[0]) == {
        "id", "benchmark", "model", "category", "subcategory", "question_type", "multiple",
        "options", "prompt", "lead", "raw", "stopped", "answer", "method", "likelihood",
        "prompt_tokens", "error", "limit", "sample_seed", "shots", "shots_dropped", "settled",
        "engine",
    }  # fmt: skip
    assert found[0]["options"] == ["A", "B", "C", "D"]
    assert found[0]["prompt"].startswith("<|user|>以下是中国医师考试中科目0考试的一道多项选择题，")
    assert found[0]["prompt"].endswith("C. 咳\nD. 腹泻<|end|><|assistant|>")
    assert all(row["raw"] and row["error"] is None for row in found)
    assert [path.name for path in out.parent.iterdir()] == ["predictions.jsonl"]


@pytest.mark.parametrize("method", ["generate", "likelihood"])
@pytest.mark.parametrize("shots", [0, 2])
def test_rows_are_the_same_to_the_bit_at_any_batch_size_and_order(model, tmp_path, method, shots):
    pool = [question(n, "val") for n in range(8)]
    tests = [question(n) for n in range(17)]
    options = replace(QUICK, method=method, shots=shots, max_new_tokens=24)
    found = []
    for number, (size, order) in enumerate([(1, 1), (3, 1), (16, -1), (17, 1)]):
        path = write_items(tmp_path / f"{number}.items.jsonl", [*pool, *tests[::order]])
        out = tmp_path / f"{number}.jsonl"
        predict(model, "tiny", path, out, replace(options, batch_size=size))
        found.append(sorted(out.read_bytes().splitlines()))
    assert found[0] == found[1] == found[2] == found[3]
    key = "raw" if method == "generate" else "likelihood"
    assert len({json.dumps(json.loads(row)[key]) for row in found[0]}) > 5


@pytest.mark.parametrize("method", ["generate", "likelihood"])
@pytest.mark.parametrize("shots", [0, 2])
def test_batches_read_together_as_on_a_gpu_choose_what_single_prompts_do(
    model, items, tmp_path, monkeypatch, method, shots
):
    from collectivesft.scores.engines import language_model as module

    options = replace(QUICK, method=method, shots=shots, max_new_tokens=24)
    predict(model, "tiny", items, tmp_path / "alone.jsonl", options)
    real = module.load
    monkeypatch.setattr(module, "load", lambda *given: replace(real(*given), together=True))
    predict(model, "tiny", items, tmp_path / "together.jsonl", options)
    alone, together = rows(tmp_path / "alone.jsonl"), rows(tmp_path / "together.jsonl")
    for one, other in zip(alone, together, strict=True):
        own, others = one.pop("likelihood"), other.pop("likelihood")
        assert one == other
        assert own == pytest.approx(others, abs=1e-4)
        assert method == "generate" or max(own, key=own.get) == max(others, key=others.get)


def test_an_answer_that_is_settled_ends_and_says_so(model, items, tmp_path, monkeypatch):
    from collectivesft.scores import predict as module

    asked = []
    monkeypatch.setattr(module, "is_final", lambda *found: asked.append(found) or found[3])
    options = replace(QUICK, template="plain", max_new_tokens=20)
    predict(model, "tiny", items, tmp_path / "some.jsonl", options)
    predict(model, "tiny", items, tmp_path / "all.jsonl", replace(options, stop="end"))
    some, whole = rows(tmp_path / "some.jsonl"), rows(tmp_path / "all.jsonl")
    assert {row["settled"] for row in some} == {False, True}
    assert not any(row["settled"] for row in whole)
    for short, long in zip(some, whole, strict=True):
        assert long["raw"].startswith(short["raw"].rstrip("\ufffd"))
        assert (short["raw"] == long["raw"]) is not short["settled"]
    assert asked[0][1:] == ("答案是", {"A": "头痛", "B": "发热", "C": "咳", "D": "腹泻"}, False)


def test_answers_end_at_any_of_the_models_stop_tokens(model, items, tmp_path):
    import shutil

    predict(model, "tiny", items, tmp_path / "a.jsonl", QUICK)
    first = rows(tmp_path / "a.jsonl")[0]
    assert not first["stopped"]
    other = shutil.copytree(model, tmp_path / "other")
    config = json.loads((other / "generation_config.json").read_text())
    # Every byte but one is a token of its own: any written token may be named as an end.
    config |= {"eos_token_id": [2, *range(5, 261)], "do_sample": True, "temperature": 0.7}
    (other / "generation_config.json").write_text(json.dumps(config))
    predict(other, "tiny", items, tmp_path / "b.jsonl", QUICK)
    assert all(row["stopped"] and row["raw"] == "" for row in rows(tmp_path / "b.jsonl"))


@pytest.mark.parametrize("side", ["left", "right"])
def test_the_side_on_which_a_tokenizer_pads_or_cuts_does_not_matter(model, items, tmp_path, side):
    import shutil

    other = shutil.copytree(model, tmp_path / "other")
    config = json.loads((other / "tokenizer_config.json").read_text())
    config |= {"padding_side": side, "truncation_side": side, "model_max_length": 50}
    (other / "tokenizer_config.json").write_text(json.dumps(config))
    predict(model, "tiny", items, tmp_path / "a.jsonl", QUICK)
    predict(other, "tiny", items, tmp_path / "b.jsonl", QUICK)
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()


def test_endless_and_empty_answers_are_told_apart_and_counted(model, items, tmp_path):
    """Without an end a model writes to the limit; with every token an end it writes nothing."""
    import shutil

    other = shutil.copytree(model, tmp_path / "other")
    for name, ends in (("endless", []), ("empty", list(range(261)))):
        for file, key in (
            ("generation_config.json", "eos_token_id"),
            ("config.json", "eos_token_id"),
        ):
            path = other / file
            path.write_text(json.dumps(json.loads(path.read_text()) | {key: ends or None}))
        tokenizer = other / "tokenizer_config.json"
        config = json.loads(tokenizer.read_text()) | {"eos_token": None}
        tokenizer.write_text(json.dumps(config))
        out = tmp_path / f"{name}.jsonl"
        predict(other, "tiny", items, out, replace(QUICK, stop="end", max_new_tokens=9))
        scores = score(
            out, items, "tiny", "p", tmp_path / "s.json", tmp_path / "c.csv", tmp_path / "a.jsonl"
        )
        assert {key: scores[key] for key in ("endless", "empty")} == {
            "endless": 10 * (name == "endless"),
            "empty": 10 * (name == "empty"),
        }
        assert scores["unparsed"] >= 10 * (name == "empty")


def test_too_long_prompts_are_told_and_not_cut(tmp_path):
    short = tiny_model(tmp_path / "short", longest=400)
    long = question(1, question="很" * 200)
    path = write_items(tmp_path / "items.jsonl", [question(0), long, question(2)])
    predict(short, "tiny", path, tmp_path / "out.jsonl", QUICK)
    found = rows(tmp_path / "out.jsonl")
    assert [row["error"] for row in found] == [None, "prompt_too_long", None]
    assert found[1]["prompt_tokens"] > 400
    assert (found[1]["raw"], found[1]["likelihood"], found[1]["stopped"]) == ("", None, False)


@pytest.mark.parametrize("method", ["generate", "likelihood"])
def test_examples_go_before_a_question_is_not_asked_and_it_is_told(tmp_path, method):
    short = tiny_model(tmp_path / "short", longest=900)
    pool = [question(n, "val") for n in range(4)]
    asked = [question(0), question(1, question="很" * 110), question(2, question="很" * 300)]
    path = write_items(tmp_path / "items.jsonl", [*pool, *asked])
    options = replace(QUICK, shots=2, method=method)
    predict(short, "tiny", path, tmp_path / "out.jsonl", options)
    found = rows(tmp_path / "out.jsonl")
    assert [(row["shots"], row["shots_dropped"], row["error"]) for row in found] == [
        (2, 0, None), (1, 1, None), (0, 2, "prompt_too_long"),
    ]  # fmt: skip
    assert found[1]["prompt"].count("答案是B。") == 1  # the nearest example stays
    assert "很" * 110 in found[1]["prompt"]
    assert "prompt" in found[2] and found[2]["raw"] == ""


def test_likelihood_is_that_of_the_next_letter(model, items, tmp_path):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    out = tmp_path / "out.jsonl"
    predict(model, "tiny", items, out, replace(QUICK, method="likelihood"))
    found = rows(out)
    tokenizer = AutoTokenizer.from_pretrained(model)
    network = AutoModelForCausalLM.from_pretrained(model)
    for row in found[:3]:
        assert row["prompt"].endswith("<|assistant|>答案是")
        assert row["lead"] == "答案是"
        ids = tokenizer(row["prompt"], add_special_tokens=False, return_tensors="pt")
        with torch.no_grad():
            logs = torch.log_softmax(network(**ids).logits[0, -1], dim=-1)
        for letter, value in row["likelihood"].items():
            token = tokenizer.convert_tokens_to_ids(letter)
            assert value == pytest.approx(logs[token].item(), abs=1e-4)
    assert all(row["raw"] == "" and row["stopped"] for row in found)


@pytest.mark.parametrize("method", ["generate", "likelihood"])
def test_predictions_are_what_score_needs(model, items, tmp_path, method):
    predictions, answers = tmp_path / "predictions.jsonl", tmp_path / "answers.jsonl"
    predict(model, "tiny", items, predictions, replace(QUICK, method=method, limit=7))
    scores = score(
        predictions, items, "tiny", "p", tmp_path / "s.json", tmp_path / "c.csv", answers
    )
    assert (scores["items"], scores["method"]) == (7, method)
    found, judged = rows(predictions), rows(answers)
    for key in ("id", "prompt", "raw", "likelihood", "answer", "category", "subcategory"):
        assert [row[key] for row in judged] == [row[key] for row in found]
    if method == "likelihood":
        best = [max(row["likelihood"], key=row["likelihood"].get) for row in found]
        assert all(a in row["corrected"] for a, row in zip(best, judged, strict=True))


def test_likelihood_refuses_a_tokenizer_that_joins_the_letter(items, tmp_path):
    joined = tiny_model(tmp_path / "joined", ("是A",) * 50)
    options = replace(QUICK, method="likelihood")
    with pytest.raises(UserError, match="joined: the tokenizer has no token of its own for A"):
        predict(joined, "tiny", items, tmp_path / "out.jsonl", options)
    with pytest.raises(UserError, match="no room for reasoning"):
        predict(joined, "tiny", items, tmp_path / "o.jsonl", replace(options, style="cot"))


def test_a_model_without_its_weights_or_template_is_refused(model, items, tmp_path):
    import shutil

    with pytest.raises(UserError, match=r"no config\.json"):
        predict(tmp_path, "tiny", items, tmp_path / "out.jsonl", QUICK)
    bare = shutil.copytree(model, tmp_path / "bare")
    (bare / "chat_template.jinja").unlink()
    with pytest.raises(UserError, match="no chat template"):
        predict(bare, "tiny", items, tmp_path / "out.jsonl", QUICK)
    predict(bare, "tiny", items, tmp_path / "out.jsonl", replace(QUICK, template="plain"))
    assert rows(tmp_path / "out.jsonl")[0]["prompt"].endswith("\nD. 腹泻\n答案是")
    (bare / "model.safetensors").write_bytes(b"\0\0\0")
    with pytest.raises(UserError, match="cannot load the model"):
        predict(bare, "tiny", items, tmp_path / "out.jsonl", QUICK)


def test_weights_that_are_missing_are_not_made_up(model, items, tmp_path):
    import shutil

    from safetensors.torch import load_file, save_file

    part = shutil.copytree(model, tmp_path / "part")
    weights = load_file(part / "model.safetensors")
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, part / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match=r"1 weights are missing, such as model\.layers\.1\.mlp"):
        predict(part, "tiny", items, tmp_path / "out.jsonl", QUICK)


def test_clinical_items_are_refused(model, tmp_path):
    case = question(1, kind="clinical")
    path = write_items(tmp_path / "items.jsonl", [case])
    with pytest.raises(InputError, match="no test questions with options"):
        predict(model, "tiny", path, tmp_path / "out.jsonl", QUICK)


def test_a_killed_run_ends_with_the_same_bytes(model, tmp_path, start):
    path = write_items(tmp_path / "items.jsonl", [question(n) for n in range(60)])
    options = Protocol(max_new_tokens=40, batch_size=2)
    predict(model, "tiny", path, tmp_path / "whole.jsonl", options)
    out = tmp_path / "killed.jsonl"
    journal = tmp_path / ".killed.jsonl.partial.jsonl"
    process = start(
        "scores", "predict", "--model", model, "--name", "tiny", "--items", path, "--out", out,
        "--max-new-tokens", 40, "--batch-size", 2,
    )  # fmt: skip
    deadline = time.monotonic() + 500
    while not journal.exists() or journal.read_bytes().count(b"\n") < 4:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not out.exists()
    kept = journal.read_bytes()
    assert 4 <= kept.count(b"\n") < 31
    lines = kept.splitlines(keepends=True)
    journal.write_bytes(
        b"".join(lines[:3]) + lines[3][: len(lines[3]) // 2]
    )  # killed while writing
    predict(model, "tiny", path, out, options)
    assert out.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    assert not journal.exists()


def test_finished_batches_are_not_asked_again_unless_something_changed(
    model, items, tmp_path, monkeypatch
):
    from collectivesft.scores import predict as module

    out = tmp_path / "out.jsonl"
    asked = []
    real = module._answer_batch

    def break_after_two(*arguments):
        if len(asked) == 2:
            raise KeyboardInterrupt
        asked.append(arguments)
        return real(*arguments)

    monkeypatch.setattr(module, "_answer_batch", break_after_two)
    with pytest.raises(KeyboardInterrupt):
        predict(model, "tiny", items, out, QUICK)
    monkeypatch.setattr(module, "_answer_batch", lambda *a: asked.append("again") or real(*a))
    asked.clear()
    predict(model, "tiny", items, out, QUICK)
    assert asked == ["again"]  # 10 questions in batches of 4: one was left

    for options in (replace(QUICK, max_new_tokens=5), replace(QUICK, preset="official")):
        asked.clear()
        (tmp_path / ".out.jsonl.partial.jsonl").write_text("{}\n")
        predict(model, "tiny", items, out, options)
        assert asked == ["again"] * 3


def stop_after(monkeypatch, batches: int) -> list[list[str]]:
    """Break predict off after so many batches; ids of the questions of each that is asked."""
    from collectivesft.scores import predict as module

    real, asked = module._answer_batch, []

    def answer(model, prefix, batch, *more):
        if len(asked) == batches:
            raise KeyboardInterrupt
        asked.append([q.item.id for q in batch])
        return real(model, prefix, batch, *more)

    monkeypatch.setattr(module, "_answer_batch", answer)
    return asked


@pytest.mark.parametrize("method", ["generate", "likelihood"])
def test_a_killed_run_gives_each_question_its_own_answer_whatever_the_batches_are(
    model, items, tmp_path, monkeypatch, method
):
    from collectivesft.scores import predict as module

    options, out = replace(QUICK, method=method, batch_size=3), tmp_path / "out.jsonl"
    predict(model, "tiny", items, tmp_path / "whole.jsonl", options)
    with monkeypatch.context() as broken:
        asked = stop_after(broken, 2)
        with pytest.raises(KeyboardInterrupt):
            predict(model, "tiny", items, out, options)
    groups = module._groups
    monkeypatch.setattr(module, "_groups", lambda *a: [g[::-1] for g in groups(*a)[::-1]])
    again = stop_after(monkeypatch, 9)
    predict(model, "tiny", items, out, options)
    assert out.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    assert sorted(id for batch in asked + again for id in batch) == [row["id"] for row in rows(out)]


def test_an_edit_of_the_code_that_asks_starts_a_killed_run_anew_and_says_so(
    model, items, tmp_path, monkeypatch, capfd
):
    from collectivesft.scores import predict as module

    out = tmp_path / "out.jsonl"
    with monkeypatch.context() as broken:
        stop_after(broken, 1)
        with pytest.raises(KeyboardInterrupt):
            predict(model, "tiny", items, out, QUICK)
    monkeypatch.setattr(module, "CODE", ("scores/engines/decode",))
    asked = stop_after(monkeypatch, 9)
    predict(model, "tiny", items, out, QUICK)
    assert len(asked) == 3
    said = capfd.readouterr().err
    assert (
        "out.jsonl: code changed since the run that stopped: it starts from the beginning\n" in said
    )


# What no answer depends on beyond the prompts and the protocol's values, which a header holds; and
# what carries bytes.
NOT_ANSWERS = {
    "config/protocol",
    "config/section",
    "schema/item",
    "schema/protocol_rules",
    "common/digests",
    "common/named_files",
    "common/retry",
    "models/word_vocabulary",
    "schema/example",
    "schema/option_orders",
    "scores/engines/failures",
    "scores/engines/http_client",
    "scores/engines/resume_log",
    "scores/prompt/item_sample",
}


@pytest.mark.parametrize(
    ("name", "beside"),
    [
        ("predict", {"scores/prompt/prompts", "common/significance"}),
        # Prompts of a case hold its answers, and no header holds them: what makes them counts.
        ("answer_cases", {"scores/engines/questions", "scores/extract/early_stop"}),
    ],
)
def test_every_module_that_asks_is_counted_or_known_not_to_matter(name, beside):
    package = ROOT / "src/collectivesft"
    files = code_files.files(package, [f"scores/{name}.py"])
    counted = set(importlib.import_module(f"collectivesft.scores.{name}").CODE)
    found = {path.relative_to(package).with_suffix("").as_posix() for path in files}
    assert found == counted | NOT_ANSWERS | beside
    assert not counted & (NOT_ANSWERS | beside)


def test_journal_drops_a_cut_line_and_begins_anew_with_another_header(tmp_path):
    out = tmp_path / "x.jsonl"
    with ResumeLog(out, {"v": 1}) as journal:
        journal.append({"a": "甲"})
        journal.append({"b": 2})
    with open(journal.path, "ab") as handle:
        handle.write('{"c": "乙'.encode()[:-1])
    with ResumeLog(out, {"v": 1}) as journal:
        assert journal.done == [{"a": "甲"}, {"b": 2}]
        journal.append({"c": 3})
    with ResumeLog(out, {"v": 1}) as journal:
        assert len(journal.done) == 3
    with ResumeLog(out, {"v": 2}) as journal:
        assert journal.done == []
        journal.finish([{"r": 1}])
    assert rows(out) == [{"r": 1}]
    assert not journal.path.exists()


def test_a_second_writer_of_one_answer_file_is_refused_and_changes_nothing(tmp_path):
    out = tmp_path / "x.jsonl"
    with ResumeLog(out, {"v": 1}) as journal:
        journal.append({"a": 1})
        before = journal.path.read_bytes()
        words = r"x\.jsonl: another process writes it now\. Wait until that one ends"
        with pytest.raises(UserError, match=words), ResumeLog(out, {"v": 2}):
            pass
        assert journal.path.read_bytes() == before
        journal.append({"a": 2})
    with ResumeLog(out, {"v": 1}) as journal:
        assert journal.done == [{"a": 1}, {"a": 2}]


def test_limit_takes_evenly_from_the_subcategories_in_file_order():
    found = [question(0, "val")] + [question(n) for n in range(40)]
    chosen = choose(found, 10, seed=42)
    numbers = [int(item.id.split("-")[1]) for item in chosen]
    assert numbers == sorted(numbers)
    assert sorted(len([n for n in numbers if n % 4 == g]) for g in range(4)) == [2, 2, 3, 3]
    assert choose(found, 10, seed=42) == chosen
    assert choose(found, 10, seed=43) != chosen
    assert {item.id for item in chosen} < {item.id for item in choose(found, 20, seed=42)}
    assert len(choose(found, 40, 42)) == len(choose(found, None, 42)) == 40


def test_limit_makes_up_for_a_small_subcategory():
    found = [question(n, subcategory="小" if n == 0 else "大") for n in range(12)]
    chosen = choose(found, 6, seed=42)
    assert len(chosen) == 6
    assert chosen[0].id == "test-0"


def test_examples_come_from_the_subcategory_then_the_category_then_any():
    pool = [question(n, "val") for n in range(8)]
    assert [item.id for item in few_shot(question(1), pool, 5)] == [
        "val-1", "val-5", "val-0", "val-4", "val-2",
    ]  # fmt: skip
    with pytest.raises(UserError, match="9 shots asked for, but cmb has only 8 val items"):
        few_shot(question(1), pool, 9)


def test_drawn_examples_stand_in_the_prompts_and_a_run_repeats_them(model, tmp_path):
    pool = [question(n, "val", category="医师考试", subcategory="科目0") for n in range(10)]
    asked = [question(n, category="医师考试", subcategory="科目0") for n in range(6)]
    items = write_items(tmp_path / "items.jsonl", [*pool, *asked])
    options = replace(QUICK, shots=2, shots_seed=7, max_new_tokens=2)
    for name in ("a", "b"):
        predict(model, "tiny", items, tmp_path / f"{name}.jsonl", options)
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()
    for row, item in zip(rows(tmp_path / "a.jsonl"), asked, strict=True):
        shown = [row["prompt"].index(one.question) for one in few_shot(item, pool, 2, 7)]
        assert shown == sorted(shown) and row["shots"] == 2


def test_cmbs_own_words_to_the_letter():
    """As CMB's README has them: system sentence, 问 and 答, examples without a blank line."""
    example, asked = question(1, "val"), question(2)
    zero = render(None, turns(asked, [], "answer_only", "official"), "cmb", "")
    assert (zero.text, zero.lead) == (
        "你是一个人工智能助手。问：以下是中国护理考试中科目2考试的一道单项选择题，"
        "不需要做任何分析和解释，直接输出答案选项。\n问题长长2？\nA. 头痛\nB. 发热\nD. 腹泻\n答：",
        "",
    )
    one = render(None, turns(asked, [example], "answer_only", "official"), "cmb", "").text
    assert one.startswith("你是一个人工智能助手。问：以下是中国医师考试")
    assert "D. 腹泻\n答：答案是B。\n问：以下是中国护理考试" in one


def test_plain_prompt_holds_examples_and_presets_differ_in_short_options():
    example, asked = question(1, "val"), question(2)
    conversation = turns(asked, [example], "cot", "official")
    text = render(None, conversation, "plain", "").text
    head = "以下是中国医师考试中科目1考试的一道单项选择题，请分析每个选项，并最后给出答案。\n"
    assert text.startswith(
        f"{head}问题长1？\nA. 头痛\nB. 发热\nD. 腹泻\n因为如此。所以答案是B。\n\n以下是"
    )
    assert text.endswith("D. 腹泻\n")
    assert "C. 咳" not in text
    assert "C. 咳" in turns(asked, [], "cot", "corrected")[0][1]
