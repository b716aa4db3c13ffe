"""One table of all scores, as CSV, Markdown, LaTeX and on the screen."""

import csv
import re
from pathlib import Path

import pytest

from collectivesft.benchmarks import cmb
from collectivesft.common.errors import InputError
from collectivesft.common.files import write_json
from collectivesft.scores.cases.rubric import ASPECTS
from collectivesft.scores.report.leaderboard import chosen_grades, grades, published
from collectivesft.scores.show import TITLE, show
from collectivesft.scores.table import write_tables

BOARDS = Path(__file__).parents[2] / "resources/leaderboard"
LEADERBOARD = BOARDS / "cmb-exam-2024-03-16.csv"
CLIN_BOARD = BOARDS / "cmb-clin-2024-03-16.csv"


def scores(path: Path, **changes) -> Path:
    interval = {"value": 0.51234, "low": 0.4, "high": 0.6}
    row = {
        "model": "demo_1", "benchmark": "cmb", "protocol": "answer", "kind": "choice", "items": 200,
        "macro": interval, "micro": {**interval, "value": 0.5},
        "official": {"macro": 0.3, "micro": 0.3}, "unparsed": 3, "differ": 5, "against": None,
        "submitted": {"items": 190, "micro": 0.321},
    }  # fmt: skip
    write_json(path, row | changes)
    return path


def clinical(path: Path, **changes) -> Path:
    row = {
        "model": "demo_1", "benchmark": "cmb_clin", "kind": "clinical", "cases": 2, "answers": 6,
        "bleu": 0.05, "rouge": 0.125, "empty": 1, "endless": 3, "too_long": 2,
    }  # fmt: skip
    write_json(path, row | changes)
    return path


def written(tmp_path, *files: Path) -> tuple[str, str, str]:
    outs = [tmp_path / f"table.{suffix}" for suffix in ("csv", "md", "tex")]
    write_tables(files, LEADERBOARD, *outs, CLIN_BOARD)
    return tuple(out.read_text(encoding="utf-8") for out in outs)


def test_rates_are_percent_with_two_digits(tmp_path):
    table, markdown, latex = written(
        tmp_path, scores(tmp_path / "a.json"), clinical(tmp_path / "c.json")
    )
    assert table == (
        "model,benchmark,protocol,items,macro,macro_low,macro_high,micro,official_macro,"
        "submitted_micro,unparsed,differ,p,p_holm\n"
        "demo_1,cmb,answer,200,51.23,40.00,60.00,50.00,30.00,32.10,1.50,5,,\n"
    )
    assert (
        "| demo_1 | cmb | answer | 200 | 51.23 (40.00 to 60.00) "
        "| 50.00 | 30.00 | 32.10 | 5 | 1.50 |  |" in markdown
    )
    assert "| demo_1 | cmb_clin | 2 | 6 | 5.00 | 12.50 | 1 | 3 | 2 |" in markdown
    assert (
        r"demo\_1 & cmb & answer & 200 & 51.23 (40.00 to 60.00) "
        r"& 50.00 & 30.00 & 32.10 & 5 & 1.50 &  \\" in latex
    )
    assert latex.startswith("\\begin{tabular}{lllrrrrrrrr}\n\\toprule\nModel & ")


def test_every_sign_of_a_name_is_shown_in_latex(tmp_path):
    """TeX's own font has no < and >: they came out as other signs."""
    latex = written(tmp_path, scores(tmp_path / "a.json", model="a<b>_c"))[2]
    assert r"a\textless{}b\textgreater{}\_c & cmb & answer" in latex


def test_how_answers_went_stands_below(tmp_path):
    group = {"group": "politics", "items": 40, "value": 0.5, "low": 0.35, "high": 0.65}
    counts = {"endless": 2, "empty": 1, "too_long": 0, "refused": 4, "official_unparsed": 6}
    counts["fewer_shots"] = 9
    more = {"apart": [group], "key": {"date": "2024-02-21"}, "letter_bias": 0.125}
    more |= {"letters_differ": 7, "unscored": {"no answer": 3}}
    went = scores(tmp_path / "a.json", **counts, **more)
    markdown = written(tmp_path, went)[1]
    assert (
        "| demo_1 | cmb | answer | politics 50.0 (35.0 to 65.0) of 40 | 2024-02-21 | 1.50 | 3.00 "
        "| 2.00 | 7 | 0.125 | 2 | 1 | 0 | 0 | 9 | 3 | - | - |"
    ) in markdown
    none = scores(tmp_path / "b.json", **counts, **more | {"letter_bias": None, "apart": []})
    assert "| demo_1 | cmb | answer | - | 2024-02-21 |" in written(tmp_path, none)[1]


def test_nothing_submitted_leaves_its_cell_empty(tmp_path):
    nothing = {"items": 0, "micro": None, "categories": []}
    table = written(tmp_path, scores(tmp_path / "a.json", submitted=nothing))[0]
    assert table.splitlines()[1] == "demo_1,cmb,answer,200,51.23,40.00,60.00,50.00,30.00,,1.50,5,,"


def test_the_paired_test_against_the_base_model_stands_in_the_table(tmp_path):
    tuned = scores(tmp_path / "a.json", against={"corrected": {"p": 0.000123456}})
    table, markdown, _ = written(tmp_path, tuned)
    assert table.splitlines()[1].endswith(",5,0.000123,0.000123")
    assert "| 5 | 1.50 | 0.000123 |" in markdown


def test_p_values_are_adjusted_within_a_benchmark_and_protocol(tmp_path):
    files = [
        scores(tmp_path / f"{name}.json", model=name, protocol=protocol,
               against={"corrected": {"p": p}})
        for name, protocol, p in (("a", "answer", 0.01), ("b", "answer", 0.03), ("c", "cot", 0.02))
    ]  # fmt: skip
    table = written(tmp_path, *files)[0]
    assert [line.rsplit(",", 1)[1] for line in table.splitlines()] == [
        "p_holm", "0.02", "0.03", "0.02",
    ]  # fmt: skip


def test_published_scores_stand_beside_cmb_only(tmp_path):
    _, markdown, _ = written(tmp_path, scores(tmp_path / "a.json"))
    assert "Published, not run here" in markdown
    assert "| CollectiveSFT | 72.45 |" in markdown
    _, markdown, _ = written(tmp_path, scores(tmp_path / "a.json", benchmark="cmmlu_medical"))
    assert "ublished" not in markdown


def test_published_grades_stand_apart_from_overlap_and_from_own_grades(tmp_path):
    by = {"judge": "g", **dict.fromkeys(ASPECTS, 3.0), "average": 3.0}
    by |= {"graded": 6, "unparsed": 0, "cost": 0.5, "uncounted": 4}
    markdown = written(tmp_path, clinical(tmp_path / "c.json", judged=by))[1]
    overlap, own, board = re.findall(r"(?:^\|.*\n)+", markdown, re.M)[1:]
    assert "| demo_1 | cmb_clin | 2 | 6 | 5.00 | 12.50 | 1 | 3 | 2 |" in overlap
    assert (
        "| demo_1 | cmb_clin | g | 3.00 | 3.00 | 3.00 | 3.00 | 3.00 | - | 6 | 0 | 0.5000 | 4 |"
        in own
    )
    assert "| GPT-4 | 4.95 | 4.71 | 4.35 | 4.66 | 4.67 |" in board and "demo" not in board
    assert "CMB-Clin's public leaderboard, 2024-03-16, grades of GPT-4 from 1 to 5." in markdown
    other = written(tmp_path, clinical(tmp_path / "d.json", benchmark="another"))[1]
    assert "ublished" not in other


def test_published_grades_are_those_of_20_models_and_average_as_posted(tmp_path):
    found = grades(CLIN_BOARD)
    assert len(found) == 20
    for values in found.values():
        assert list(values) == [*ASPECTS, "average"]
        mean = sum(values[aspect] for aspect in ASPECTS) / 4
        assert values["average"] == pytest.approx(mean, abs=0.011)
    assert [(name, values["average"]) for name, values in chosen_grades(CLIN_BOARD).items()] == [
        ("GPT-4", 4.67), ("HuatuoGPTII-34B", 4.6), ("ChatGPT", 4.53), ("ChatGLM3-6B", 4.25),
        ("Internlm-Chat-20B", 4.05),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n", "no columns model, aspect, grade"),
        ("model,aspect,grade\nm,fluency,high\n", "row 2: its grade is not a number"),
        ("model,aspect,grade\nm,fluency,3\n", "m: not the aspects of CMB-Clin"),
    ],
)
def test_other_files_are_no_published_grades(tmp_path, text, message):
    (tmp_path / "board.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        grades(tmp_path / "board.csv")


def test_clinical_scores_alone_make_empty_tables(tmp_path):
    table, _, latex = written(tmp_path, clinical(tmp_path / "c.json"))
    assert len(table.splitlines()) == 1
    assert "bottomrule" in latex


def test_files_that_are_no_scores_are_refused(tmp_path):
    write_json(tmp_path / "x.json", {"kind": "other"})
    with pytest.raises(InputError, match="not a scores file"):
        written(tmp_path, tmp_path / "x.json")
    write_json(tmp_path / "x.json", {"kind": "clinical", "endless": 0})
    with pytest.raises(InputError, match="no too_long: of another version"):
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


def test_a_leaderboard_that_a_spreadsheet_saved_is_read(tmp_path):
    """With a mark at its beginning, which belonged to the first column's name."""
    (tmp_path / "board.csv").write_text(LEADERBOARD.read_text("utf-8"), "utf-8-sig")
    assert published(tmp_path / "board.csv") == published(LEADERBOARD)


def test_leaderboards_are_what_their_script_makes(tmp_path):
    import os
    import runpy

    if not os.environ.get("COLLECTIVESFT_REAL_DATA"):
        pytest.skip("COLLECTIVESFT_REAL_DATA is unset")
    script = runpy.run_path(str(BOARDS / "build.py"))
    script["main"](Path(os.environ["COLLECTIVESFT_REAL_DATA"]), tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
    for board in (LEADERBOARD, CLIN_BOARD):
        assert (tmp_path / board.name).read_bytes() == board.read_bytes()


NAMES = [("internlm2_5-7b", "answer"), ("no-decontamination", "answer"), ("demo", "likelihood")]


@pytest.fixture
def table(tmp_path) -> Path:
    """A table as `scores table` writes it, of three models by two protocols."""
    files = [
        scores(tmp_path / f"{number}.json", model=model, protocol=protocol, items=11200)
        for number, (model, protocol) in enumerate(NAMES)
    ]
    written(tmp_path, *files)
    return tmp_path / "table.csv"


def test_show_prints_aligned_text_where_there_is_no_terminal(table, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    show(table)
    first, empty, *lines = capsys.readouterr().out.splitlines()
    assert (first, empty) == (TITLE, "")
    assert lines == [
        "model               benchmark  protocol    items       macro % (95 %)  micro %"
        "  official %  unparsed %",
        "internlm2_5-7b      cmb        answer      11200  51.2 (40.0 to 60.0)     50.0"
        "        30.0         0.0",
        "no-decontamination  cmb        answer      11200  51.2 (40.0 to 60.0)     50.0"
        "        30.0         0.0",
        "demo                cmb        likelihood  11200  51.2 (40.0 to 60.0)     50.0"
        "        30.0         0.0",
    ]


def test_show_names_what_was_asked_above_the_models_where_80_columns_are_too_few(
    table, capsys, monkeypatch
):
    monkeypatch.setenv("COLUMNS", "80")
    show(table)
    lines = capsys.readouterr().out.splitlines()
    assert lines[2:] == [
        "model                    macro % (95 %)  micro %  official %  unparsed %",
        "",
        "cmb, protocol answer, 11200 items",
        "internlm2_5-7b      51.2 (40.0 to 60.0)     50.0        30.0         0.0",
        "no-decontamination  51.2 (40.0 to 60.0)     50.0        30.0         0.0",
        "",
        "cmb, protocol likelihood, 11200 items",
        "demo                51.2 (40.0 to 60.0)     50.0        30.0         0.0",
    ]
    assert all(len(line) <= 80 for line in lines)


@pytest.mark.parametrize("columns", [80, 120])
def test_show_draws_the_same_with_rules_on_a_terminal(table, capsys, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    show(table)
    text = {tuple(line.split()) for line in capsys.readouterr().out.splitlines()}
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    show(table)
    drawn = re.sub(r"\x1b\[[\d;]*m", "", capsys.readouterr().out).splitlines()
    assert all(len(line) <= columns for line in drawn)
    rules = [line for line in drawn if set(line) == {"─"}]
    assert len(rules) == (1 if columns == 120 else 2)
    assert {tuple(line.split()) for line in drawn if line not in rules} == text


def test_show_breaks_words_before_numbers_where_all_is_too_narrow(table, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "62")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    show(table)
    drawn = capsys.readouterr().out
    assert "51.2 (40.0 to 60.0)     50.0        30.0         0.0\n" in drawn
    assert "no-decontamination" not in drawn


def test_show_of_no_scores_prints_the_heads_alone(tmp_path, capsys):
    written(tmp_path, clinical(tmp_path / "c.json"))
    show(tmp_path / "table.csv")
    assert len(capsys.readouterr().out.splitlines()) == 3


@pytest.mark.parametrize("text", ["", "model,macro\nm,10.00\n"])
def test_show_refuses_another_file(tmp_path, text):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(InputError, match="not a table of scores"):
        show(tmp_path / "t.csv")
