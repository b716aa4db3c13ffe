"""Figures: their tables, the same bytes twice, Chinese labels, and inputs with hardly anything."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from collectivesft.errors import InputError, UserError
from collectivesft.figures import accuracy, curation, inputs, loss, mixture, style

# matplotlib warns when a glyph is missing or a layout does not fit: both are faults here.
pytestmark = pytest.mark.filterwarnings("error")
SUFFIXES = (".svg", ".pdf", ".png", ".csv")


TITLES = {"headqa": "HEAD-QA (English)", "discmed": "DISC-Med-SFT", "cmid": "CMID (意图)"}


def a_mixture() -> dict:
    sets = [
        ("headqa", {"mcqa": 4}, {"en": 4}),
        ("discmed", {"dialogue": 3, "qa": 2}, {"zh": 5}),
        ("cmid", {"ner": 1}, {"zh": 1}),
    ]
    keys = ("dataset", "style_counts", "language_counts")
    return {
        "experiment": "demo",
        "train": 10,
        "validation": 1,
        "datasets": [dict(zip(keys, values, strict=True)) for values in sets],
        "lengths": {
            "edges": [0, 50, 100],
            "counts": [6, 3, 1],
            "by_style": {
                "dialogue": [0, 2, 1],
                "mcqa": [4, 0, 0],
                "ner": [1, 0, 0],
                "qa": [1, 1, 0],
            },
        },
        "entropy_bits": {"datasets": 1.361, "languages": 0.971, "exam_categories": 0.0},
        "groups": {"datasets": 3, "languages": 2, "exam_categories": 1},
        "distinct": {"shares": {"1": 0.01, "2": 0.2, "3": 0.51}, "characters": 900, "texts": 10},
    }


def counts(rows_in: int, **dropped: int) -> dict:
    kept = rows_in - sum(dropped.values())
    return {"rows_in": rows_in, "kept": kept, "dropped": dropped, "changed": {}}


def a_ledger() -> dict:
    return {
        "steps": ["read", "clean", "dedup", "decontaminate", "mix"],
        "order": ["medqa", "cmb"],
        "titles": {"medqa": "MedQA", "cmb": "CMB-train"},
        "datasets": {
            "cmb": {
                "read": counts(6, no_answer=1),
                "clean": counts(5),
                "dedup": counts(5, exact_copy=1),
                "decontaminate": counts(4, in_benchmark=1),
                "mix": counts(3, not_sampled=1),
            },
            "medqa": {
                step: counts(0) for step in ("read", "clean", "dedup", "decontaminate", "mix")
            },
        },
        "totals": {
            "read": counts(6, no_answer=1),
            "clean": counts(5),
            "dedup": counts(5, exact_copy=1),
            "decontaminate": counts(4, in_benchmark=1),
            "mix": counts(3, not_sampled=1),
        },
        "left_out": {},
    }


def a_history(points: int = 3, evaluations: bool = True) -> list[dict]:
    records = []
    for step in range(1, points + 1):
        head = {"step": step, "epoch": step / points, "tokens": 100 * step}
        records.append(head | {"loss": 3.0 / step, "learning_rate": 1e-4})
        if evaluations:
            records.append(head | {"eval_loss": 3.1 / step})
    return records


def a_score(model: str, value: float = 0.5, benchmark: str = "cmb") -> dict:
    interval = {"value": value, "low": value - 0.05, "high": value + 0.05}
    return {
        "model": model,
        "benchmark": benchmark,
        "protocol": "answer",
        "kind": "choice",
        "items": 28,
        "macro": interval,
        "micro": interval,
        "categories": [
            {"category": "医师考试", "label": "Physician", "items": 28} | interval,
            {"category": "医学考研", "label": "Graduate", "items": 0}
            | {"value": None, "low": None, "high": None},
        ],
    }


BOARD = [
    {"model": model, "category": category, "accuracy": value}
    for model, value in [
        ("Best", 81.8),
        ("Second", 80.0),
        ("CollectiveSFT", 72.5),
        ("HuatuoGPTII-7B (华佗)", 59.0),
        ("Qwen-7B-Chat", 46.6),
    ]
    for category in ("macro", "医师考试", "another")
]
DRAWINGS = {
    "mixture": (mixture, lambda: mixture.table(a_mixture(), TITLES)),
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
    table = list(csv.DictReader(first[".csv"].decode("utf-8").splitlines()))
    assert table == [{key: str(value) for key, value in row.items()} for row in rows()]


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
    assert found["set_style", "discmed", "dialogue"] == 3
    assert found["set_language", "headqa", "en"] == 4
    assert found["total", "train", ""] == 10
    assert found["length", 50, "dialogue"] == 2 and found["entropy", "datasets", ""] == 1.361
    assert found["distinct", "3", ""] == 0.51
    labels = [row["label"] for row in rows if row["panel"] == "length" and row["part"] == "qa"]
    assert labels == ["0–50", "50–100", "≥ 100"]


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
    with pytest.raises(InputError, match="board, row 2"):
        inputs.read_leaderboard(board)
    with pytest.raises(UserError, match="NAME=PATH"):
        inputs.read_histories([str(empty)])
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
def test_units(value, text):
    assert style.units(value) == text
