"""Options in several orders: keys follow their texts, and measures find what depends on places."""

import json
import math
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from collectivesft.cli import app
from collectivesft.common.errors import UserError
from collectivesft.schema.item import Item, load_items
from collectivesft.schema.option_orders import option_orders, published, reorder, shown
from collectivesft.scores.measure.circular import circular
from collectivesft.scores.measure.shares import clustered, wilson
from collectivesft.scores.predict import Protocol, predict
from collectivesft.scores.score import score
from tests.helpers.scores_inputs import question, rows, tiny_model, write_items

BOARD = Path(__file__).parents[2] / "resources/leaderboard/cmb-exam-2024-03-16.csv"
TEXTS = {"A": "头痛", "B": "发热", "C": "咳", "D": "腹泻"}


def sft(*arguments: object) -> str:
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert done.exit_code == 0, (done.output, done.exception)
    return done.stderr


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny_model(tmp_path_factory.mktemp("tiny") / "model")


def test_rotations_show_each_option_once_at_each_place_and_the_key_follows_its_text():
    item = question(5)  # AC
    orders = option_orders(item, "rotations", 1)
    assert orders == ["ABCD", "BCDA", "CDAB", "DABC"]
    moved = [reorder(item, order) for order in orders]
    assert moved[1].options == {"A": "发热", "B": "咳", "C": "腹泻", "D": "头痛"}
    assert [one.answer for one in moved] == ["AC", "BD", "AC", "BD"]
    for one, order in zip(moved, orders, strict=True):
        texts = {one.options[letter] for letter in one.answer}
        assert texts == {"头痛", "咳"}
        assert published(one.answer, item.options, order) == "AC"
        assert shown("AC", item.options, order) == one.answer
    for place in "ABCD":
        assert {one.options[place] for one in moved} == set(TEXTS.values())


def test_texts_of_the_authors_file_move_too_and_letters_that_are_left_out_stay():
    item = question(1, meta={"published": {"options": {**TEXTS, "A": " 头痛", "F": "3"}}})
    moved = reorder(item, "BCDA")
    assert moved.published().options == {
        "A": "发热", "B": "咳", "C": "腹泻", "D": " 头痛", "F": "3",
    }  # fmt: skip


def test_drawn_orders_differ_and_depend_on_seed_and_item():
    found = option_orders(question(1), 6, 1)
    assert found[0] == "ABCD" and len(set(found)) == 6
    assert found == option_orders(question(1), 6, 1)
    assert found != option_orders(question(1), 6, 2)
    assert found != option_orders(question(2), 6, 1)
    assert len(set(option_orders(question(1), 99, 1))) == 24


@pytest.mark.parametrize("text", ["以上都是", "A和B", "A、C都对", "all of the above", "上述均不是"])
def test_options_that_refer_to_each_other_keep_their_order(text):
    bound = question(1, options={**TEXTS, "D": text})
    assert option_orders(bound, "rotations", 1) == ["ABCD"]
    free = question(1, options={**TEXTS, "D": "维生素A和叶酸"})
    assert len(option_orders(free, "rotations", 1)) == 4


def _judged(answers: list[str], key: str, repeat: str | None = None) -> dict:
    """A judged question whose answers, as shown, are given for the four rotations."""
    item = question(1, answer=key, multiple=len(key) > 1)
    variants = []
    orders = option_orders(item, "rotations", 1)
    for order, own in zip(orders[1:], answers[1:], strict=True):
        turned = reorder(item, order)
        variants.append(
            {"order": order, "repeat": False, "raw": own, "shown": own}
            | {"shown_answer": turned.answer, "letters": published(own, item.options, order)}
            | {"right": own == turned.answer}
        )  # fmt: skip
    if repeat is not None:
        variants.append({"order": "ABCD", "repeat": True, "letters": repeat})
    main = {"corrected": answers[0], "corrected_right": answers[0] == key, "answer": key}
    return {**main, "variants": variants}


def test_one_that_always_says_a_is_right_once_in_four_and_its_bias_is_seen():
    found = circular([_judged(["A"] * 4, key, "A") for key in "ABCD"])
    assert found["accuracy"]["value"] == 0.25
    assert found["all_right"]["value"] == 0 and found["all_right"]["low"] == 0
    assert found["flips"]["value"] == 1 and found["floor"]["value"] == 0
    assert found["above_floor"] == 1
    assert found["bias"] == 0.75
    assert found["positions"] == {"A": 1, "B": 0, "C": 0, "D": 0} and found["spread"] == 1


def test_one_that_knows_is_right_in_all_orders_also_of_several_answers():
    knows = [_judged(["B", "A", "D", "C"], "B", "B"), _judged(["AC", "BD", "AC", "BD"], "AC", "AC")]
    found = circular(knows)
    assert found["accuracy"]["value"] == found["all_right"]["value"] == found["voted"]["value"] == 1
    assert found["flips"]["value"] == 0 and found["bias"] == 0
    assert found["accuracy"]["low"] == wilson(2, 2)["low"]


def test_votes_mend_single_slips_and_a_repetition_that_differs_raises_the_floor():
    found = circular([_judged(["B", "A", "D", "A"], "B", "C"), _judged(["B", "A", "D", "C"], "B")])
    assert found["voted"]["value"] == 1 and found["all_right"]["value"] == 0.5
    assert found["flips"]["value"] == pytest.approx(1 / 6, abs=1e-6)
    assert found["floor"]["value"] == 1 and found["floor"]["items"] == 1
    assert circular([{"corrected": "A"}]) is None


def test_an_interval_of_dependent_values_is_that_of_their_groups():
    groups = [[1, 1, 1], [0, 0, 0]] * 10
    found = clustered(groups)
    half = 1.959964 * math.sqrt(20 * 1.5**2 * 20 / 19) / 60
    assert found == pytest.approx({"value": 0.5, "low": 0.5 - half, "high": 0.5 + half}, abs=1e-5)
    alone = clustered([[value] for group in groups for value in group])
    assert alone["high"] - alone["low"] < found["high"] - found["low"]
    with pytest.raises(ValueError):
        clustered([])


@pytest.mark.parametrize("method", ["likelihood", "generate"])
def test_a_model_is_asked_in_all_orders_by_the_command_and_its_scores_say_so(
    model, tmp_path, method
):
    tests = [question(n) for n in range(9)] + [question(9, options={**TEXTS, "D": "以上都是"})]
    items = write_items(tmp_path / "items.jsonl", tests)
    out = tmp_path / "cmb.circular.predictions.jsonl"
    common = ["--model", model, "--name", "tiny", "--items", items]
    asking = ["--method", method, "--max-new-tokens", 8, "--orders", "rotations"]
    done = sft("scores", "predict", *common, "--out", out, *asking)
    assert "10 questions: a paired test finds a gain of" in done
    scores = tmp_path / "scores.json"
    sft(
        "scores", "score", "--predictions", out, "--items", items, "--model", "tiny",
        "--protocol", "circular", "--out", scores, "--csv", tmp_path / "c.csv",
        "--answers", tmp_path / "answers.jsonl",
    )  # fmt: skip
    found = json.loads(scores.read_text())["circular"]
    assert (found["items"], found["bound"], found["asked"]) == (9, 1, 36)
    assert found["floor"] == {**wilson(0, 9), "items": 9}  # a CPU gives the same bits
    markdown = tmp_path / "t.md"
    sft(
        "scores", "table", "--scores", scores, "--leaderboard", BOARD, "--csv", tmp_path / "t.csv",
        "--markdown", markdown, "--latex", tmp_path / "t.tex",
    )  # fmt: skip
    value = f"{100 * found['accuracy']['value']:.1f}"
    assert f"\n| tiny | cmb | circular | 9 | 1 | {value} (" in markdown.read_text()
    plain = tmp_path / "plain.jsonl"
    sft("scores", "predict", *common, "--out", plain, *asking[:-2])
    for row, alone in zip(rows(out), rows(plain), strict=True):
        turned = row.pop("variants")
        assert len(turned) == (0 if row["id"] == "test-9" else 4)
        own, other = row.pop("likelihood"), alone.pop("likelihood")
        assert row == alone
        assert method == "generate" or own == pytest.approx(other, abs=1e-4)


def test_likelihoods_of_an_order_are_those_of_an_item_that_is_written_so(model, tmp_path):
    tests = [question(n) for n in range(6)]
    options = Protocol(method="likelihood", orders="rotations", batch_size=3)
    predict(model, "tiny", write_items(tmp_path / "a", tests), tmp_path / "a.jsonl", options)
    turned = [reorder(item, "CDAB") for item in load_items(tmp_path / "a")]
    plain = Protocol(method="likelihood")
    predict(model, "tiny", write_items(tmp_path / "b", turned), tmp_path / "b.jsonl", plain)
    for row, alone in zip(rows(tmp_path / "a.jsonl"), rows(tmp_path / "b.jsonl"), strict=True):
        own = next(v for v in row["variants"] if v["order"] == "CDAB")
        assert own["likelihood"] == pytest.approx(alone["likelihood"], abs=1e-4)


@pytest.mark.parametrize("method", ["likelihood", "generate"])
def test_variants_are_the_same_to_the_bit_at_any_batch_size(model, tmp_path, method):
    items = write_items(tmp_path / "items.jsonl", [question(n) for n in range(9)])
    found = []
    for size in (1, 7, 64):
        options = Protocol(method=method, orders=3, batch_size=size, max_new_tokens=8)
        predict(model, "tiny", items, tmp_path / f"{size}.jsonl", options)
        found.append((tmp_path / f"{size}.jsonl").read_bytes())
    assert found[0] == found[1] == found[2]


def test_free_text_has_no_orders(model, tmp_path):
    item = Item("1", "meds_bench", "test", "text", "task", "task", "?", metric="rouge")
    items = write_items(tmp_path / "items.jsonl", [item])
    with pytest.raises(UserError, match=re.escape("Set orders: published.")):
        predict(model, "tiny", items, tmp_path / "out.jsonl", Protocol(orders="rotations"))


def test_scores_without_orders_say_nothing_of_them(model, tmp_path):
    items = write_items(tmp_path / "items.jsonl", [question(1)])
    predict(model, "tiny", items, tmp_path / "p.jsonl", Protocol(max_new_tokens=4))
    files = [tmp_path / name for name in ("s.json", "c.csv", "a.jsonl")]
    assert "circular" not in score(tmp_path / "p.jsonl", items, "tiny", "answer", *files)
