"""The manuscript's values come from result files; the PDF and its tables are built from them."""

import json
from pathlib import Path

import pypdf
import pytest

from collectivesft.errors import InputError, UserError
from collectivesft.files import write_json
from collectivesft.paper.build import build, latex
from collectivesft.paper.values import collect

ROOT = Path(__file__).parents[2]
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9"/></svg>'
INTERVAL = {"value": 0.25, "low": 0.2, "high": 0.31}

AGAINST = {
    "corrected": {"p": 0.0123, "difference": {"macro": {"value": -0.1, "low": -0.2, "high": 0.05}}}
}


def counts(rows_in: int, **dropped: int) -> dict:
    kept = rows_in - sum(dropped.values())
    return {"rows_in": rows_in, "kept": kept, "dropped": dropped, "changed": {}}


def score(model: str, macro: float) -> dict:
    return {
        "model": model,
        "benchmark": "cmb",
        "protocol": "answer",
        "kind": "choice",
        "items": 1234,
        "macro": INTERVAL | {"value": macro},
        "micro": INTERVAL,
        "official": {"macro": 0.125, "micro": 0.25},
        "differ": 7,
        "key": {"date": "2024-02-21", "sha256": "0" * 64},
        "against": AGAINST if model == "tiny" else None,
    }


@pytest.fixture
def inputs(tmp_path: Path) -> dict:
    """Result files of a small run, and the arguments that name them."""
    steps = {
        "read": counts(40, empty_answer=2),
        "clean": counts(38, too_long=1),
        "dedup": counts(37, exact_duplicate=4),
        "decontaminate": counts(33, in_benchmark=3),
        "mix": counts(30, not_sampled=10),
    }
    drawn = {"dataset": "cmid", "style_counts": {"ner": 20}, "language_counts": {"zh": 20}}
    contents = {
        "ledger": {
            "steps": list(steps),
            "order": ["cmid"],
            "datasets": {"cmid": steps},
            "totals": steps,
            "left_out": {},
        },
        "mixture": {"train": 18, "validation": 2, "datasets": [drawn]},
        "contamination": {
            "ngram": 8,
            "threshold": 0.5,
            "items": 900,
            "items_found": 3,
            "examples_found": 3,
            "dropped": True,
        },
        "tokens": {"train": {"examples": 18, "tokens": 4321, "loss_tokens": 1234, "truncated": 1}},
    }
    files = {name: tmp_path / f"{name}.json" for name in contents}
    for name, content in contents.items():
        write_json(files[name], content)
    files["history"] = tmp_path / "history.jsonl"
    rows = [{"step": 1, "loss": 3.25}, {"step": 9, "loss": 2.5}, {"step": 9, "eval_loss": 2.75}]
    files["history"].write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    files["recipe"] = ROOT / "config/experiments/tiny.yaml"
    files["model"] = ROOT / "config/models/tiny-random.yaml"
    files["leaderboard"] = tmp_path / "cmb-exam-2024-03-16.csv"
    scores = [tmp_path / "base.json", tmp_path / "tuned.json"]
    write_json(scores[0], score("tiny-random", 0.2))
    write_json(scores[1], score("tiny", 0.3456))
    return {"files": files, "scores": scores, "out": tmp_path / "values.json"}


def values(inputs: dict, demo: bool = True) -> dict:
    headline = ("tiny", "cmb", "answer")
    return collect("small", demo, headline, inputs["files"], inputs["scores"], inputs["out"])


def test_values_follow_the_ledger(inputs):
    found = values(inputs)
    assert found["totals"] == {
        "rows_in": 40,
        "unusable": 3,
        "duplicate": 4,
        "contaminated": 3,
        "kept": 30,
        "train": 18,
    }
    assert found["datasets"][0]["title"] == "CMID"
    assert {"step": "mix", "reason": "not_sampled", "rows": 10} in found["drops"]
    assert found["history"] == {
        "steps": 9,
        "first_loss": 3.25,
        "last_loss": 2.5,
        "last_eval_loss": 2.75,
    }
    assert found["leaderboard"]["date"] == "2024-03-16"


def test_headline_without_a_score_names_what_is_missing(inputs):
    inputs["scores"] = inputs["scores"][1:]
    with pytest.raises(InputError, match="no score of tiny-random on cmb by answer"):
        values(inputs)


def typeset(inputs: dict, folder: Path, demo: bool = True) -> tuple[Path, Path]:
    values(inputs, demo)
    figures = folder / "figures"
    figures.mkdir(parents=True, exist_ok=True)
    for name in ("mixture", "curation", "loss", "accuracy"):
        (figures / f"{name}.svg").write_text(SVG, "utf-8")
    out = folder / "paper.pdf", folder / "tables"
    build(inputs["out"], figures, ROOT / "paper", *out)
    return out


@pytest.mark.parametrize("demo", [True, False])
def test_pdf_shows_the_values_and_the_mark_of_a_demo(inputs, tmp_path, demo):
    pdf, _ = typeset(inputs, tmp_path, demo)
    pages = pypdf.PdfReader(pdf).pages
    text = " ".join(" ".join(page.extract_text() for page in pages).split())
    assert "turns 40 raw rows into 30 clean" in text
    assert "34.6 %" in text and "1,234 questions" in text
    assert "difference is −10.0 points (−20.0 to +5.0), p = 0.012 by an exact" in text
    assert "The answer key is that of 2024-02-21." in text
    assert ("DEMONSTRATION BUILD" in text) is demo


def test_pdf_names_what_was_left_out(inputs, tmp_path):
    ledger = json.loads(inputs["files"]["ledger"].read_bytes())
    ledger["order"].append("nlpec")
    ledger["datasets"]["nlpec"] = {"read": counts(0)}
    ledger["left_out"] = {"nlpec": "train.json: it has no address"}
    write_json(inputs["files"]["ledger"], ledger)
    pdf, tables = typeset(inputs, tmp_path)
    pages = pypdf.PdfReader(pdf).pages
    text = " ".join(" ".join(page.extract_text() for page in pages).split())
    assert "fetches 1 training set (1 more could not be had), turns 40 raw rows" in text
    assert "This run does without 1 set of its configuration" in text
    assert "NLPEC (train.json: it has no address)" in text
    assert "The mixture lacks NLPEC, which could not be had" in text
    rows = (tables / "datasets.csv").read_text("utf-8").splitlines()
    assert rows[0].startswith("set,used,") and rows[2].startswith("NLPEC,no,")


def test_pdf_of_a_whole_run_speaks_of_nothing_left_out(inputs, tmp_path):
    pages = pypdf.PdfReader(typeset(inputs, tmp_path)[0]).pages
    text = " ".join(" ".join(page.extract_text() for page in pages).split())
    assert "fetches 1 training set, turns" in text
    assert "does without" not in text and "lacks" not in text and "left out" not in text


def test_same_values_same_bytes(inputs, tmp_path):
    first, tables = typeset(inputs, tmp_path / "a")
    second, again = typeset(inputs, tmp_path / "b")
    assert first.read_bytes() == second.read_bytes()
    names = sorted(path.name for path in tables.iterdir())
    assert names == [f"{n}.{s}" for n in ("datasets", "drops", "scores") for s in ("csv", "tex")]
    assert all((tables / n).read_bytes() == (again / n).read_bytes() for n in names)


def test_a_manuscript_that_does_not_compile_says_why(inputs, tmp_path):
    values(inputs)
    paper = tmp_path / "paper"
    paper.mkdir()
    (paper / "main.typ").write_text("#no-such-function()", "utf-8")
    (paper / "references.bib").write_text("", "utf-8")
    with pytest.raises(UserError, match="no-such-function"):
        build(inputs["out"], tmp_path, paper, tmp_path / "p.pdf", tmp_path / "t")
    assert not (tmp_path / "p.pdf").exists()


def test_latex_escapes_and_aligns():
    text = latex([{"set": "a_b & 50 %", "rows": 12}])
    assert r"a\_b \& 50 \% & 12 \\" in text
    assert r"\begin{tabular}{lr}" in text
