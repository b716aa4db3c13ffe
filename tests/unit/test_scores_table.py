"""One table of all scores, as CSV, Markdown, LaTeX and on the screen."""

import csv
from pathlib import Path

import pytest

from collectivesft.benchmarks import cmb
from collectivesft.errors import InputError
from collectivesft.files import write_json
from collectivesft.scores.show import plain, show
from collectivesft.scores.table import published, write_tables

LEADERBOARD = Path(__file__).parents[2] / "resources/leaderboard/cmb-exam-2024-03-16.csv"


def scores(path: Path, **changes) -> Path:
    interval = {"value": 0.51234, "low": 0.4, "high": 0.6}
    row = {
        "model": "demo_1", "benchmark": "cmb", "protocol": "answer", "kind": "choice", "items": 200,
        "macro": interval, "micro": {**interval, "value": 0.5},
        "official": {"macro": 0.3, "micro": 0.3}, "unparsed": 3,
    }  # fmt: skip
    write_json(path, row | changes)
    return path


def clinical(path: Path) -> Path:
    row = {
        "model": "demo_1", "benchmark": "cmb_clin", "kind": "clinical", "cases": 2, "answers": 6,
        "bleu": 0.05, "rouge": 0.125, "empty": 1,
    }  # fmt: skip
    write_json(path, row)
    return path


def written(tmp_path, *files: Path) -> tuple[str, str, str]:
    outs = [tmp_path / f"table.{suffix}" for suffix in ("csv", "md", "tex")]
    write_tables(files, LEADERBOARD, *outs)
    return tuple(out.read_text(encoding="utf-8") for out in outs)


def test_rates_are_percent_with_two_digits(tmp_path):
    table, markdown, latex = written(
        tmp_path, scores(tmp_path / "a.json"), clinical(tmp_path / "c.json")
    )
    assert table == (
        "model,benchmark,protocol,items,macro,macro_low,macro_high,micro,official_macro,unparsed\n"
        "demo_1,cmb,answer,200,51.23,40.00,60.00,50.00,30.00,1.50\n"
    )
    assert (
        "| demo_1 | cmb | answer | 200 | 51.23 (40.00 to 60.00) | 50.00 | 30.00 | 1.50 |"
        in markdown
    )
    assert "| demo_1 | cmb_clin | 2 | 6 | 5.00 | 12.50 | 1 |" in markdown
    assert (
        r"demo\_1 & cmb & answer & 200 & 51.23 (40.00 to 60.00) & 50.00 & 30.00 & 1.50 \\" in latex
    )
    assert latex.startswith("\\begin{tabular}{lllrrrrr}\n\\toprule\nModel & ")


def test_published_scores_stand_beside_cmb_only(tmp_path):
    _, markdown, _ = written(tmp_path, scores(tmp_path / "a.json"))
    assert "Published, not run here" in markdown
    assert "| CollectiveSFT | 72.45 |" in markdown
    _, markdown, _ = written(tmp_path, scores(tmp_path / "a.json", benchmark="cmmlu_medical"))
    assert "ublished" not in markdown


def test_clinical_scores_alone_make_empty_tables(tmp_path):
    table, _, latex = written(tmp_path, clinical(tmp_path / "c.json"))
    assert len(table.splitlines()) == 1
    assert "bottomrule" in latex


def test_files_that_are_no_scores_are_refused(tmp_path):
    write_json(tmp_path / "x.json", {"kind": "other"})
    with pytest.raises(InputError, match="not a scores file"):
        written(tmp_path, tmp_path / "x.json")
    twice = scores(tmp_path / "a.json")
    with pytest.raises(InputError, match="the same scores as in"):
        written(tmp_path, twice, twice)
    (tmp_path / "board.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="no columns model, category, accuracy"):
        published(tmp_path / "board.csv")


def test_leaderboard_has_36_models_with_six_categories_and_their_mean():
    with open(LEADERBOARD, encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    models: dict[str, dict[str, float]] = {}
    for row in rows:
        models.setdefault(row["model"], {})[row["category"]] = float(row["accuracy"])
    assert len(models) == 36
    for values in models.values():
        assert list(values) == [*cmb.CATEGORIES, "macro"]
        assert values["macro"] == pytest.approx(sum(list(values.values())[:6]) / 6, abs=0.026)
    assert published(LEADERBOARD) == [
        ("jianpeiGPT", "81.78"),
        ("CollectiveSFT", "72.45"),
        ("HuatuoGPTII-7B (华佗)", "59.00"),
        ("Qwen-7B-Chat", "46.58"),
    ]


def test_leaderboard_is_what_its_script_makes(monkeypatch, tmp_path):
    import os
    import runpy

    if not os.environ.get("COLLECTIVESFT_REAL_DATA"):
        pytest.skip("COLLECTIVESFT_REAL_DATA is unset")
    script = runpy.run_path(str(LEADERBOARD.with_name("build.py")))
    script["main"].__globals__["OUT"] = tmp_path / "made.csv"
    script["main"]()
    assert (tmp_path / "made.csv").read_bytes() == LEADERBOARD.read_bytes()


def test_show_prints_aligned_text_where_there_is_no_terminal(tmp_path, capsys):
    path = tmp_path / "t.csv"
    path.write_text("model,macro\nlong name,9.50\nm,10.00\n")
    show(path)
    assert capsys.readouterr().out == "model      macro\nlong name   9.50\nm          10.00\n"
    assert plain([["model", "macro"]]) == "model  macro\n"
    path.write_text("")
    with pytest.raises(InputError, match="an empty file"):
        show(path)


def test_show_draws_a_table_on_a_terminal(tmp_path, capsys, monkeypatch):
    path = tmp_path / "t.csv"
    path.write_text("model,macro_low\ndemo,9.50\n")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    show(path)
    drawn = capsys.readouterr().out
    assert "macro low" in drawn
    assert "───" in drawn
    assert "9.50" in drawn
