"""Figures: their tables, the same bytes twice, Chinese labels, and inputs with hardly anything."""

import csv
import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from collectivesft.common.errors import InputError, UserError
from collectivesft.config.experiment import Experiment
from collectivesft.figures import (
    ablations,
    accuracy,
    agreement,
    contamination,
    curation,
    data_size,
    lengths,
    loss,
    mixture,
    parameters,
    subcategories,
)
from collectivesft.figures.style import inputs, style
from collectivesft.scores.report.leaderboard import read_leaderboard
from tests.helpers.figure_inputs import (
    BOARD,
    TITLES,
    a_comparison,
    a_history,
    a_ledger,
    a_mixture,
    a_report,
    a_score,
    an_agreement,
    counts,
    cut_texts,
    lost_ink,
)

# matplotlib warns when a glyph is missing or a layout does not fit: both are faults here.
pytestmark = pytest.mark.filterwarnings("error")
SUFFIXES = (".svg", ".pdf", ".png", ".csv")

RECIPES = {
    "demo": Experiment(title="Everything", base="base", mixture={"validation": 0.1}),
    "half": Experiment(title="Half", base="base", mixture={"fraction": 0.5, "validation": 0.1}),
    "exam": Experiment(title="考试题 only", base="base", mixture={"styles": ["mcqa"]}),
    "other": Experiment(title="Of another base", base="large"),
}
SIZES = {"demo": 1000, "half": 500, "exam": 300, "other": 1000}


def some_scores() -> list[dict]:
    values = {"base": 0.3, "demo": 0.5, "half": 0.45, "exam": 0.55}
    return [a_score(name, value) for name, value in values.items()]


def compared() -> dict:
    found = {"base": -0.2, "half": -0.05, "exam": 0.05}
    return {name: a_comparison(name, value) for name, value in found.items()}


def titles() -> dict[str, str]:
    return {name: recipe.title for name, recipe in RECIPES.items()}


def sizes() -> dict[str, int]:
    return {"base": 268_098_176} | dict.fromkeys(RECIPES, 268_098_176)


DRAWINGS = {
    "mixture": (mixture, lambda: mixture.table(a_mixture(), TITLES)),
    "lengths": (lengths, lambda: lengths.table(a_mixture(), TITLES)),
    "contamination": (contamination, lambda: contamination.table(a_report(), a_ledger())),
    "subcategories": (subcategories, lambda: subcategories.table(some_scores())),
    "ablations": (ablations, lambda: ablations.table(some_scores(), compared(), titles())),
    "data_size": (data_size, lambda: data_size.table(some_scores(), SIZES, RECIPES, "demo")),
    "parameters": (
        parameters,
        lambda: parameters.table(some_scores(), sizes(), titles(), BOARD, "demo"),
    ),
    "agreement": (
        agreement,
        lambda: agreement.table([an_agreement("base"), an_agreement("demo")]),
    ),
    "curation": (curation, lambda: curation.table(a_ledger())),
    "loss": (loss, lambda: loss.table({"demo": a_history(200)})),
    "accuracy": (accuracy, lambda: accuracy.table([a_score("base"), a_score("demo")], BOARD)),
}


def drawn(module, rows, folder: Path) -> dict[str, bytes]:
    module.draw(rows, folder / "figure.svg")
    assert sorted(path.suffix for path in folder.iterdir()) == sorted(SUFFIXES)
    return {suffix: (folder / f"figure{suffix}").read_bytes() for suffix in SUFFIXES}


@pytest.mark.parametrize("name", DRAWINGS)
def test_same_rows_give_the_same_bytes_and_the_csv_holds_them(name, tmp_path):
    module, rows = DRAWINGS[name]
    first = drawn(module, rows(), tmp_path / "first")
    assert first == drawn(module, rows(), tmp_path / "second")
    assert cut_texts(tmp_path / "first/figure.svg") == []
    table = list(csv.DictReader(first[".csv"].decode("utf-8").splitlines()))
    assert table == [{key: str(value) for key, value in row.items()} for row in rows()]


def test_titles_beside_long_names_are_broken(tmp_path):
    """Long names of benchmarks had two titles run out of the figure in `make real`."""
    rows = contamination.table(a_report(), a_ledger())
    for row in rows:
        if row["panel"] == "benchmark":
            row["label"] = "A test whose name is long, and longer"
    contamination.draw(rows, tmp_path / "f.svg")
    assert cut_texts(tmp_path / "f.svg") == []


def test_the_bits_of_an_even_mixture_are_not_cut(tmp_path):
    even = a_mixture() | {"entropy_bits": {"exam_categories": math.log2(9)}}
    even["groups"] = {"exam_categories": 9}
    titles = TITLES | {"cmid": "CMMLU, medical subjects"}
    mixture.draw(mixture.table(even, titles), tmp_path / "f.svg")
    assert cut_texts(tmp_path / "f.svg") == []


def test_bytes_do_not_depend_on_the_process(tmp_path):
    source = tmp_path / "mixture.json"
    source.write_text(json.dumps(a_mixture()), encoding="utf-8")
    ledger = tmp_path / "ledger.json"
    ledger.write_text(json.dumps({"titles": TITLES, "left_out": {}}), encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "collectivesft",
        "figures",
        "mixture",
        "--mixture",
        str(source),
    ]
    environment = os.environ | {"PYTHONHASHSEED": "7", "TZ": "Asia/Shanghai"}
    other = tmp_path / "other"
    command += ["--ledger", str(ledger), "--out", str(other / "figure.pdf")]
    result = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert result.returncode == 0, result.stderr
    here = drawn(mixture, mixture.table(a_mixture(), TITLES), tmp_path / "here")
    assert here == {suffix: (other / f"figure{suffix}").read_bytes() for suffix in SUFFIXES}


def test_mixture_table_counts_sets_by_style_and_language():
    rows = mixture.table(a_mixture(), TITLES)
    found = {(row["panel"], row["key"], row["part"]): row["value"] for row in rows}
    assert found["dataset_style", "discmed", "dialogue"] == 3
    assert found["dataset_language", "headqa", "en"] == 4
    assert found["total", "train", ""] == 10
    assert found["entropy", "datasets", ""] == 1.361 and found["distinct", "3", ""] == 0.51


def test_lengths_table_has_bins_by_style_and_means_by_dataset():
    rows = lengths.table(a_mixture(), TITLES)
    found = {(row["panel"], row["key"], row["style"]): row["value"] for row in rows}
    assert found["length", 50, "dialogue"] == 2
    labels = [row["label"] for row in rows if row["panel"] == "length" and row["style"] == "qa"]
    assert labels == ["0–50", "50–100", "≥ 100"]
    means = [(row["key"], row["style"], row["value"]) for row in rows if row["panel"] == "mean"]
    assert means == [("discmed", "dialogue", 81.2), ("headqa", "mcqa", 40.5), ("cmid", "ner", 12.0)]


def test_contamination_table_counts_sets_benchmarks_and_overlap():
    rows = contamination.table(a_report(), a_ledger())
    found = {(row["panel"], row["key"]): (row["found"], row["of"]) for row in rows}
    assert found["dataset", "cmb"] == (1, 4) and found["dataset", "medqa"] == (0, 0)
    assert found["benchmark", "cmb"] == (1, 830) and found["total", "items"] == (1, 900)
    assert found["overlap", 90] == (1, 1) and found["overlap", 50] == (0, 1)


def test_contamination_of_nothing_found(tmp_path):
    rows = contamination.table(a_report(found=False), a_ledger())
    drawn(contamination, rows, tmp_path / "f")
    assert {row["found"] for row in rows} == {0}
    shown = said(tmp_path / "f/figure.svg")
    assert "0 of 4" in shown and "these were" not in shown and "CMB-Clin" in shown
    drawn(contamination, contamination.table(a_report(), a_ledger()), tmp_path / "g")
    assert "these were removed" in said(tmp_path / "g/figure.svg")


def test_subcategories_table_has_the_change_and_gaps():
    rows = subcategories.table(some_scores())
    change = {r["subcategory"]: r["accuracy"] for r in rows if r["role"] == "difference"}
    assert change["住院医师"] == 20.0 and change["高级职称"] == ""
    names = [row["model"] for row in rows if row["role"] == "difference"]
    assert set(names) == {"demo − base"}
    assert {r["label"] for r in rows if r["subcategory"] == "住院医师"} == {"resident"}


def test_a_category_of_one_subcategory_is_one_line_and_has_its_whole_name(tmp_path):
    score = a_score("base", 0.125, "cmmlu_medical")
    score["categories"] = [score["categories"][0] | {"label": "traditional chinese medicine"}]
    score["subcategories"] = [score["subcategories"][0] | {"items": 28}]
    drawn(subcategories, subcategories.table([score]), tmp_path / "f")
    shown = said(tmp_path / "f/figure.svg")
    assert shown.count("(n = 28)") == 1 and "traditional chinese medicine" in shown
    assert "12.5" in shown.split() and "whole categories" not in shown
    assert "Benchmark CMMLU, medical subjects, protocol answer." in shown


@pytest.mark.parametrize("name", ["parameters", "data_size"])
def test_a_logarithmic_axis_of_little_range_has_numbers(name, tmp_path):
    scores = [a_score("base", 0.3), a_score("demo")]
    tables = {
        "parameters": lambda: parameters.table(scores, sizes(), titles(), [], "demo"),
        "data_size": lambda: data_size.table(scores, {"demo": 146}, RECIPES, "demo"),
    }
    drawn(DRAWINGS[name][0], tables[name](), tmp_path / "f")
    wanted = {"parameters": {"200M", "500M"}, "data_size": {"50", "100", "200", "500"}}
    shown = said(tmp_path / "f/figure.svg")
    assert wanted[name] <= set(shown.split())
    assert "demo" in shown.split() and "Everything" not in shown and "leaderboard" not in shown


def test_subcategories_of_many_models_and_of_one(tmp_path):
    many = [a_score(f"model-{i}", 0.3 + i / 50) for i in range(12)]
    drawn(subcategories, subcategories.table(many), tmp_path / "many")
    drawn(subcategories, subcategories.table(many[:1]), tmp_path / "one")
    shown = {name: said(tmp_path / name / "figure.svg") for name in ("many", "one")}
    assert [f"model-{i}" in shown["many"].split() for i in range(12)] == [True] * 12
    assert "model-0" in shown["one"].split() and "model-1" not in shown["one"].split()


def test_ablations_table_is_paired_with_the_headline():
    rows = ablations.table(some_scores(), compared(), titles())
    assert [(r["model"], r["role"], r["difference"]) for r in rows] == [
        ("demo", "headline", ""),
        ("base", "base", -20.0),
        ("half", "experiment", -5.0),
        ("exam", "experiment", 5.0),
    ]
    assert rows[2]["title"] == "Half" and rows[2]["p"] == 0.25


def test_one_experiment_is_said_to_be_one(tmp_path):
    scores = [a_score("base", 0.3), a_score("demo")]
    found = {"base": a_comparison("base", -0.2)}
    drawn(ablations, ablations.table(scores, found, titles()), tmp_path / "ablations")
    drawn(data_size, data_size.table(scores, SIZES, RECIPES, "demo"), tmp_path / "size")
    for name, words in (("ablations", "one experiment"), ("size", "there is no curve")):
        assert words in said(tmp_path / name / "figure.svg")


def said(svg: Path) -> str:
    """The texts of an SVG, which stand as comments beside their outlines."""
    return " ".join(re.findall(r"<!-- (.*?) -->", svg.read_text("utf-8"), re.S))


def test_a_last_step_of_hardly_any_tokens_is_not_drawn(tmp_path):
    history = [*a_history(3), {"step": 4, "epoch": 1.0, "tokens": 310, "loss": 0.01}]
    for name, records in (("all", history[:-1]), ("partial", history)):
        drawn(loss, loss.table({"demo": records}), tmp_path / name)
    assert "are not drawn" in said(tmp_path / "partial/figure.svg")
    assert "are not drawn" not in said(tmp_path / "all/figure.svg")
    assert "0.01" in (tmp_path / "partial/figure.csv").read_text("utf-8")


def test_data_size_is_of_the_examples_that_were_trained_on(tmp_path):
    files = {"base.json": a_score("base"), "demo.json": a_score("demo")}
    files["tokens.json"] = {"train": {"examples": 146, "without_loss": 46}}
    files["demo.yaml"] = RECIPES["demo"].model_dump()
    for name, content in files.items():
        (tmp_path / name).write_text(json.dumps(content), encoding="utf-8")
    scores = [tmp_path / "base.json", tmp_path / "demo.json"]
    rest = ([tmp_path / "demo.yaml"], "demo", tmp_path / "size.svg")
    data_size.draw_files(scores, [f"demo={tmp_path}"], *rest)
    assert ",fraction,146," in (tmp_path / "size.csv").read_text("utf-8")
    with pytest.raises(UserError, match="--tokens demo: given twice"):
        data_size.draw_files(scores, [f"demo={tmp_path}"] * 2, *rest)


def test_data_size_joins_what_differs_in_the_fraction_alone():
    rows = data_size.table([*some_scores(), a_score("other")], SIZES, RECIPES, "demo")
    assert [(r["model"], r["series"], r["examples"]) for r in rows] == [
        ("base", "base", 0),
        ("exam", "other", 300),
        ("half", "fraction", 500),
        ("demo", "fraction", 1000),
    ]


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("HuatuoGPTII-34B (华佗)", 34.0),
        ("Qwen-1.8B", 1.8),
        ("Internlm-Chat-20B", 20.0),
        ("Deepseek-llm-67B-Chat", 67.0),
        ("Mixtral-8x7B", None),
        ("GPT-4", None),
        ("BianQue-2 (扁鹊)", None),
    ],
)
def test_parameters_are_what_a_name_states(name, size):
    assert parameters.parameters(name) == size


def test_parameters_of_a_demo_say_that_the_two_must_not_be_compared(tmp_path):
    rows = DRAWINGS["parameters"][1]()
    for demo in (True, False):
        parameters.draw(rows, tmp_path / f"{demo}.svg", "2024-03-16", demo)
    assert "must not be compared" in said(tmp_path / "True.svg")
    assert "must not be compared" not in said(tmp_path / "False.svg")
    assert "2024-03-16" in said(tmp_path / "False.svg")


def test_agreement_table_tells_readings_from_protocols():
    rows = agreement.table([an_agreement("base"), an_agreement("demo")])
    assert [(r["kind"], r["first"], r["second"], r["kappa"]) for r in rows[2:]] == [
        ("reading", "corrected", "official", 0.8),
        ("protocol", "answer", "likelihood", ""),
    ]
    assert [row["role"] for row in rows] == ["base", "base", "headline", "headline"]


def test_curation_table_keeps_the_order_of_the_sets_and_adds_up():
    rows = curation.table(a_ledger())
    assert list(dict.fromkeys(row["dataset"] for row in rows)) == ["total", "medqa", "cmb"]
    cmb = [row for row in rows if row["dataset"] == "cmb"]
    dropped = sum(row["rows"] for row in cmb if row["outcome"] == "dropped")
    kept = [row["rows"] for row in cmb if row["outcome"] == "kept"]
    assert (kept[-1], kept[-1] + dropped) == (2, 6)


def test_figures_name_a_set_that_was_left_out(tmp_path):
    ledger = a_ledger() | {"left_out": {"medqa": "it has no address"}}
    rows = curation.table(ledger)
    assert [row for row in rows if row["outcome"] == "left_out"] == [
        {"dataset": "medqa", "title": "MedQA", "step": "read", "outcome": "left_out",
         "reason": "it has no address", "rows": 0}
    ]  # fmt: skip
    assert b"<!-- left out -->" in drawn(curation, rows, tmp_path / "figure")[".svg"]

    (tmp_path / "mixture.json").write_text(json.dumps(a_mixture()), encoding="utf-8")
    content = {"titles": TITLES, "left_out": {"discmed": "it has no address"}}
    (tmp_path / "ledger.json").write_text(json.dumps(content), encoding="utf-8")
    mixture.draw_file(*(tmp_path / f"{n}.json" for n in ("mixture", "ledger")), tmp_path / "m.svg")
    assert "Left out of this run: DISC-" in (tmp_path / "m.svg").read_text("utf-8")


def test_curation_without_a_single_drop(tmp_path):
    steps = {step: counts(2) for step in ("read", "clean")}
    ledger = {"steps": ["read", "clean"], "datasets": {"cmb": steps}, "totals": steps}
    rows = curation.table(ledger)
    assert {row["outcome"] for row in rows} == {"kept"}
    drawn(curation, rows, tmp_path / "figure")


@pytest.mark.parametrize(
    "histories",
    [
        {"one": a_history(1, evaluations=False)},
        {"flat": [{"step": 1, "tokens": 0, "loss": 1.0}, {"step": 2, "tokens": 0, "loss": 1.0}]},
        {"broken": [*a_history(2), {"step": 3, "tokens": 300, "loss": float("nan")}]},
        {f"experiment-with-a-long-name-{i}": a_history(3 + i) for i in range(5)},
    ],
    ids=["one point", "flat", "not a number", "five experiments"],
)
def test_loss_of_unusual_histories(histories, tmp_path):
    drawn(loss, loss.table(histories), tmp_path / "figure")
    shown = said(tmp_path / "figure/figure.svg")
    # A long name is broken after a hyphen.
    assert all(name in shown.replace("- ", "-") for name in histories)
    assert "loss (nats per token)" in shown and "nan" not in shown.lower()


def test_loss_table_tells_training_from_validation():
    rows = loss.table({"demo": a_history(2)})
    assert [(row["kind"], row["step"], row["loss"]) for row in rows] == [
        ("train", 1, 3.0),
        ("train", 2, 1.5),
        ("validation", 1, 3.1),
        ("validation", 2, 1.55),
    ]


def test_accuracy_table_has_roles_percent_and_gaps():
    rows = accuracy.table([a_score("base"), a_score("demo", 0.6), a_score("other", 0.7)], BOARD)
    macro = {row["model"]: (row["role"], row["accuracy"]) for row in rows if row["label"][0] == "M"}
    assert macro == {
        "base": ("base", 50.0),
        "demo": ("headline", 60.0),
        "other": ("experiment", 70.0),
        "Best": ("reference", 81.8),
        "CollectiveSFT": ("reference", 72.5),
        "HuatuoGPTII-7B (华佗)": ("reference", 59.0),
        "Qwen-7B-Chat": ("reference", 46.6),
    }
    assert {row["accuracy"] for row in rows if row["category"] == "医学考研"} == {""}
    assert not [row for row in rows if row["category"] == "another"]


def test_accuracy_roles_can_be_named():
    scores = [a_score(name) for name in ("small", "large", "first", "second")]
    rows = accuracy.table(scores, [], bases=["small", "large"], headline="second")
    roles = {row["model"]: row["role"] for row in rows}
    assert roles == {"small": "base", "large": "base", "first": "experiment", "second": "headline"}


@pytest.mark.parametrize(
    ("scores", "board"),
    [
        ([a_score("alone")], []),
        ([a_score(name, benchmark="cmmlu_medical") for name in ("base", "demo")], BOARD),
        ([a_score(f"model-{i}", 0.3 + i / 50) for i in range(11)], BOARD),
    ],
    ids=["one model", "no leaderboard", "ten experiments"],
)
def test_accuracy_of_few_and_many_models(scores, board, tmp_path):
    rows = accuracy.table(scores, board)
    if scores[0]["benchmark"] != "cmb":
        assert "reference" not in {row["role"] for row in rows}
    drawn(accuracy, rows, tmp_path / "figure")


def test_inputs_name_the_file_at_fault(tmp_path):
    clinical, empty, board = (tmp_path / name for name in ("clinical", "empty", "board"))
    clinical.write_text('{"kind": "clinical"}', encoding="utf-8")
    empty.write_text("", encoding="utf-8")
    board.write_text("model,category,accuracy\nBest,macro,high\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"clinical.*not scores of a choice benchmark"):
        inputs.read_scores([clinical])
    with pytest.raises(InputError, match=r"empty.*no training loss"):
        inputs.read_histories([f"demo={empty}"])
    with pytest.raises(InputError, match="board, row 2: its accuracy is not a number"):
        read_leaderboard(board)
    with pytest.raises(UserError, match="given twice"):
        folder = tmp_path / "demo"
        folder.mkdir()
        history = folder / "history.jsonl"
        history.write_text('{"step": 1, "tokens": 2, "loss": 1.0}\n', encoding="utf-8")
        inputs.read_histories([str(history), f"demo={history}"])
    with pytest.raises(InputError, match=r"clinical.*scores compare"):
        inputs.read_comparisons([clinical])
    with pytest.raises(InputError, match=r"clinical: title: missing; allowed: text"):
        inputs.read_recipes([clinical])
    ledger = tmp_path / "ledger.json"
    ledger.write_text(json.dumps({"titles": TITLES, "left_out": {}}), encoding="utf-8")
    with pytest.raises(InputError, match=r"clinical.*curated mix"):
        mixture.draw_file(clinical, ledger, tmp_path / "figure.svg")
    with pytest.raises(InputError, match=r"clinical.*curated ledger"):
        mixture.draw_file(clinical, clinical, tmp_path / "figure.svg")


def test_scores_must_be_of_one_benchmark_and_of_different_models(tmp_path):
    def written(name: str, score: dict) -> Path:
        path = tmp_path / name
        path.write_text(json.dumps(score), encoding="utf-8")
        return path

    first, same = written("first", a_score("base")), written("same", a_score("base"))
    other = written("other", a_score("demo", benchmark="cmmlu_medical"))
    assert [score["model"] for score in inputs.read_scores([first])] == ["base"]
    with pytest.raises(InputError, match="second file of base"):
        inputs.read_scores([first, same])
    with pytest.raises(InputError, match="unlike the first file"):
        inputs.read_scores([first, other])
    with pytest.raises(UserError, match="demo: no score file"):
        accuracy.draw_files([first], tmp_path / "board.csv", (), "demo", tmp_path / "figure.svg")


def test_a_sign_without_a_glyph_is_noticed(tmp_path):
    figure, axes = style.new()
    axes.set_title("\U0010fffd")
    with pytest.raises(UserWarning, match="missing from font"):
        style.save(figure, tmp_path / "figure.svg", [{"a": 1}])


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (2500, "2.5k"), (3e6, "3M"), (1.2e9, "1.2B")]
)
def test_numbers_are_written_with_their_units(value, text):
    assert style.units(value) == text


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(12.5, 0, "13"), (26.25, 1, "26.3"), (-0.018667, 2, "−0.02"), (-0.001, 2, "0.00")],
)
def test_numbers_are_rounded_as_the_tables_round_them(value, digits, text):
    assert style.number(value, digits) == text


@pytest.mark.parametrize(
    ("value", "text"), [(2.25, "+2.3"), (-0.04, "0.0"), (0.04, "0.0"), (-8, "−8.0")]
)
def test_a_change_has_its_sign(value, text):
    assert style.signed(value) == text


@pytest.mark.parametrize(
    ("percent", "text"), [(0, "0.0 %"), (0.004, "< 0.1 %"), (0.05, "0.1 %"), (12.04, "12.0 %")]
)
def test_a_share_of_something_is_never_written_as_none(percent, text):
    assert style.share(percent) == text


def test_contamination_of_a_set_without_rows_has_no_share(tmp_path):
    drawn(contamination, contamination.table(a_report(), a_ledger()), tmp_path / "f")
    assert "no rows" in said(tmp_path / "f/figure.svg")


def test_a_font_of_the_machine_draws_nothing(tmp_path, monkeypatch):
    """One of the same name, as Debian's fonts-noto-cjk has, would be found first."""
    import shutil

    import matplotlib
    import noto_cjk_sans_otc
    from matplotlib import font_manager

    manager = font_manager.FontManager()
    monkeypatch.setattr(font_manager, "fontManager", manager)
    wheel = Path(noto_cjk_sans_otc.__file__).parent
    bundled = Path(matplotlib.get_data_path())
    for path in (
        wheel / "NotoSansCJK-Regular.ttc",
        bundled / "fonts/ttf/DejaVuSans.ttf",
    ):
        shutil.copy(path, tmp_path)
        listed = list(manager.ttflist)
        manager.addfont(tmp_path / path.name)
        manager.ttflist[:] = [one for one in manager.ttflist if one not in listed] + listed
    style._load_font.__wrapped__()
    found = {name: Path(manager.findfont(name)) for name in ("DejaVu Sans", "Noto Sans CJK SC")}
    assert found["Noto Sans CJK SC"].parent == wheel
    assert found["DejaVu Sans"].is_relative_to(bundled)


@pytest.mark.parametrize("name", DRAWINGS)
def test_renderers_draw_the_same_ink(name, tmp_path):
    """Text that can be extracted may be invisible: outlines of the wrong kind draw nothing."""
    module, rows = DRAWINGS[name]
    module.draw(rows(), tmp_path / "figure.svg")
    assert lost_ink(tmp_path / "figure.pdf") == []


def test_lost_ink_is_found(tmp_path, monkeypatch):
    """The kind of font that MuPDF does not draw, to see that the test above can fail."""
    monkeypatch.setitem(style._RC, "pdf.fonttype", 42)
    figure, axes = style.new(3, 2)
    axes.text(0.1, 0.5, "医学问答", fontsize=20)
    style.save(figure, tmp_path / "figure.pdf", [{"a": 1}])
    assert lost_ink(tmp_path / "figure.pdf")


def test_the_last_bits_of_a_layout_do_not_reach_the_svg(tmp_path):
    """The solver of the layout adds in the order of memory addresses."""
    for name, shift in (("one", 0.0), ("two", 1e-13)):
        style.use()
        figure = style.plt.figure(figsize=(4, 3))
        figure.set_layout_engine("none")
        axes = figure.add_axes((0.2 + shift, 0.2, 0.6, 0.6))
        axes.plot([1, 2], [3, 4])
        style.save(figure, tmp_path / f"{name}.svg", [{"a": 1}])
    one = (tmp_path / "one.svg").read_bytes()
    assert one == (tmp_path / "two.svg").read_bytes()
    assert b'clip-path="url(#clip1)"' in one and b'<clipPath id="clip1"' in one
