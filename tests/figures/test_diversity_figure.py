"""Accuracy against diversity at one number of examples."""

import csv
import json
from pathlib import Path

import pytest

from collectivesft.common.errors import InputError, UserError
from collectivesft.config.experiment import Experiment
from collectivesft.figures import ablations, diversity
from collectivesft.figures.style import inputs, style


def mixture(vendi: float, datasets: int = 1, by: str = "datasets") -> dict:
    return {
        "datasets": [{"dataset": str(n)} for n in range(datasets)],
        "budget": {"examples": 40, "by": by, "draw": None},
        "vendi": {"score": vendi, "texts": 40},
    }


def score(model: str, value: float) -> dict:
    macro = {"value": value, "low": value - 0.02, "high": value + 0.02}
    return {"kind": "choice", "benchmark": "cmb", "protocol": "answer", "model": model,
            "items": 50, "macro": macro, "categories": []}  # fmt: skip


MIXTURES = {"one": mixture(5), "two": mixture(9, 2), "four": mixture(14, 4),
            "all": mixture(15, 13), "rows": mixture(16, 4, "rows")}  # fmt: skip
RECIPES = {name: Experiment(title=name, base="small") for name in MIXTURES}
SCORES = {name: score(name, 0.2 + 0.02 * n) for n, name in enumerate(MIXTURES)}


def test_rows_are_ordered_by_diversity_and_name_the_control():
    rows = diversity.table(MIXTURES, SCORES, RECIPES)
    assert [(row["model"], row["vendi"], row["by"]) for row in rows][:2] == [
        ("rows", 16, "rows"), ("all", 15, "datasets"),
    ]  # fmt: skip
    assert (rows[0]["base"], rows[0]["curation"]) == ("small", "full")
    assert rows[-1]["accuracy"] == 20.0 and rows[-1]["datasets"] == 1


def test_rank_correlation_needs_one_budget_and_four_mixtures():
    rows = diversity.table(MIXTURES, SCORES, RECIPES)
    found = diversity.rank_correlation(rows)
    assert found["value"] == 1.0 and found["low"] <= found["high"] == 1.0
    assert diversity.rank_correlation(rows[:4]) is None  # three without the control
    for key, other in (("examples", 80), ("base", "large"), ("compared", 39)):
        assert diversity.rank_correlation([*rows, rows[-1] | {key: other}]) is None
    assert diversity.rank_correlation([row | {"accuracy": 3.0} for row in rows]) is None
    down = [row | {"accuracy": -row["accuracy"]} for row in rows]
    assert diversity.rank_correlation(down)["value"] == -1.0


def test_the_control_and_other_curations_are_not_correlated():
    rows = diversity.table(MIXTURES, SCORES, RECIPES)
    leaked = rows[-1] | {"curation": "no_decontamination", "accuracy": 99.0}
    control = rows[-1] | {"by": "rows", "accuracy": 98.0}
    assert diversity.rank_correlation([*rows, leaked, control])["value"] == 1.0
    words = diversity._words([*rows, leaked, control])
    assert "over 4 mixtures of one curation" in words
    assert "Square: random rows. Diamond: another curation." in words


def hidden(vendi: float, novelty: float, compared: int = 40) -> dict:
    return {"vendi": vendi, "novelsum": {"score": novelty}, "mixture": {"compared": compared}}


# NovelSum orders the mixtures the other way round.
HIDDEN = {name: hidden(1 + n / 10, 1 - n / 10) for n, name in enumerate(MIXTURES)}


def test_hidden_states_add_their_columns_and_each_measure_has_its_correlation():
    rows = diversity.table(MIXTURES, SCORES, RECIPES, HIDDEN)
    row = {row["model"]: row for row in rows}["two"]
    assert (row["hidden_vendi"], row["novelsum"], row["hidden_compared"]) == (1.1, 0.9, 40)
    found = [diversity.rank_correlation(rows, one)["value"] for one in diversity.HIDDEN]
    assert found == [1.0, -1.0]
    fewer = diversity.table(MIXTURES, SCORES, RECIPES, HIDDEN | {"one": hidden(1, 1, 39)})
    assert diversity.rank_correlation(fewer, diversity.HIDDEN[1]) is None
    assert diversity.rank_correlation(fewer)["value"] == 1.0
    assert not {"hidden_vendi", "novelsum"} & diversity.table(MIXTURES, SCORES, RECIPES)[0].keys()


def test_names_in_the_figure_lose_the_words_that_all_begin_with():
    assert diversity._shared(["budget-real-5", "budget-real-1", "budget-rows"]) == "budget-"
    assert diversity._shared(["budget-2", "budget-2"]) == "budget-"
    assert diversity._shared(["budget-2"]) == diversity._shared(["one", "two"]) == ""


def write(folder: Path, name: str, content: dict) -> Path:
    path = folder / f"{name}.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_the_figure_is_drawn_from_files(tmp_path):
    named = [f"{name}={write(tmp_path, f'm-{name}', MIXTURES[name])}" for name in MIXTURES]
    scored = [write(tmp_path, f"s-{name}", SCORES[name]) for name in MIXTURES]
    recipes = [tmp_path / f"{name}.yaml" for name in MIXTURES]
    for path in recipes:
        path.write_text(f"title: {path.stem}\nbase: small\n", encoding="utf-8")
    diversity.draw_files(named, scored, recipes, tmp_path / "diversity.svg")
    text = (tmp_path / "diversity.svg").read_text("utf-8")
    assert "Spearman +1.00" in text and "Budget of every mixture: examples 40." in text
    with open(tmp_path / "diversity.csv", encoding="utf-8", newline="") as handle:
        assert [row["model"] for row in csv.DictReader(handle)] == [
            "rows", "all", "four", "two", "one",
        ]  # fmt: skip
    states = [f"{name}={write(tmp_path, f'd-{name}', HIDDEN[name])}" for name in MIXTURES]
    diversity.draw_files(named, scored, recipes, tmp_path / "three.svg", states)
    text = (tmp_path / "three.svg").read_text("utf-8")
    assert "Spearman −1.00" in text and "NovelSum of hidden states" in text
    with pytest.raises(UserError, match=r"one: no diversity\. Name its diversity\.json"):
        diversity.draw_files(named, scored, recipes, tmp_path / "three.svg", states[1:])
    wrong = [named[0], *states[1:]]
    with pytest.raises(InputError, match=r"no diversity.*sft diversity"):
        diversity.draw_files(named, scored, recipes, tmp_path / "three.svg", wrong)
    with pytest.raises(UserError, match="one: no scores"):
        diversity.draw_files(named, scored[1:], recipes, tmp_path / "diversity.svg")
    with pytest.raises(UserError, match=r"one: no recipe\. Name one\.yaml"):
        diversity.draw_files(named, scored, recipes[1:], tmp_path / "diversity.svg")
    free = write(tmp_path, "free", {"datasets": []})
    with pytest.raises(InputError, match=r"without a budget.*mixture\.examples"):
        diversity.draw_files([f"one={free}"], scored, recipes, tmp_path / "diversity.svg")


TRAININGS = [
    {"value": 0.3, "low": 0.28, "high": 0.32, "seeds": [0.29, 0.31], "spread": 0.0141},
    {"value": 0.2, "low": 0.18, "high": 0.22, "seeds": [0.2], "spread": None},
]
COMPARED = {
    "base": {
        "models": {"first": "tuned", "second": "base"},
        "corrected": {
            "difference": {"macro": {"value": -0.09, "low": -0.1, "high": -0.08}},
            "over_seeds": {"macro": {"value": -0.1, "low": -0.14, "high": -0.06}},
            "trainings": TRAININGS, "p": 0.01,
        },
    }
}  # fmt: skip


def test_several_trainings_show_mean_spread_and_the_interval_over_both():
    assert inputs.over_trainings("tuned", COMPARED) == TRAININGS[0]
    assert inputs.over_trainings("base", COMPARED) is None
    scores = [score("base", 0.2), score("tuned", 0.29)]
    tuned, base = ablations.table(scores, COMPARED, {"tuned": "Tuned"}, ["base"], "tuned")
    assert (tuned["macro"], tuned["spread"], tuned["trainings"]) == (30.0, 1.41, 2)
    assert (base["difference"], base["difference_low"]) == (-10.0, -14.0)
    assert (base["macro"], base["spread"]) == (20.0, "")
    assert (tuned["each"], base["each"]) == ("29.0 31.0", "")


def test_each_training_is_a_dot_and_the_caption_says_so(tmp_path, monkeypatch):
    from matplotlib.text import Text

    drawn = []
    monkeypatch.setattr(style, "save", lambda figure, out, rows: drawn.append(figure))
    scores = [score("base", 0.2), score("tuned", 0.29)]
    rows = ablations.table(scores, COMPARED, {"tuned": "Tuned"}, ["base"], "tuned")
    ablations.draw(rows, tmp_path / "a.svg")
    dots = [line for line in drawn[0].axes[0].lines if line.get_marker() == "."]
    assert [list(line.get_xdata()) for line in dots] == [[29.0, 31.0], []]
    words = " ".join(text.get_text() for text in drawn[0].findobj(Text))
    assert "of the first training of each. Small dots" in " ".join(words.split())
