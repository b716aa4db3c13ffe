"""CSV files that programs and spreadsheets read."""

import csv

import pytest

from collectivesft.common.files import write_json
from collectivesft.common.table_files import no_formula, write_csv
from collectivesft.curated.storage.step_ledger import combine


@pytest.mark.parametrize("text", ["=1+1", "+cmd", "-a", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_text_that_a_spreadsheet_would_compute_gets_an_apostrophe(text):
    assert no_formula(text) == f"'{text}"


@pytest.mark.parametrize("cell", ["-0.5", "+1", "-1e-3", "-", "", "a=b", "中文", -3, -0.25, None])
def test_numbers_and_plain_texts_stay(cell):
    assert no_formula(cell) == cell


def test_a_table_holds_no_formula(tmp_path):
    write_csv(tmp_path / "t.csv", [{"model": "=HYPERLINK()", "gain": -0.5}])
    with open(tmp_path / "t.csv", encoding="utf-8", newline="") as handle:
        assert list(csv.reader(handle)) == [["model", "gain"], ["'=HYPERLINK()", "-0.5"]]


def test_the_ledger_holds_no_formula(tmp_path):
    counts = {"rows_in": 1, "kept": 0, "dropped": {"=bad": 1}, "changed": {}}
    book = {"step": "read", "datasets": {"cmid": counts}}
    write_json(tmp_path / "read.json", book)
    out = [tmp_path / name for name in ("l.json", "l.csv", "l.md")]
    combine([tmp_path / "read.json"], *out)
    assert "cmid,read,1,0,dropped,'=bad,1" in out[1].read_text("utf-8").splitlines()
