"""`make check` reads three rows of every source whose files are at hand."""

from pathlib import Path

import preflight
import pytest

from collectivesft import benchmarks, datasets
from collectivesft.schema.item import Item

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "resources/demo/raw/datasets"


def place(folder: Path | None) -> dict:
    """Return the folder of a source's files."""
    return {
        "folder": folder and str(folder),
        "checksums": None,
        "files": [],
        "on_unavailable": "error",
    }


@pytest.mark.parametrize("name", ["cmid", "cmedqa2", "headqa"])
def test_a_reader_that_reads_gives_no_row(name, tmp_path):
    found = preflight.readable("datasets", name, tmp_path / "manifest.json", place(DEMO / name))
    assert list(found) == []


def test_files_that_are_not_here_are_not_read(tmp_path):
    for folder in (None, tmp_path / "none"):
        found = preflight.readable("datasets", "cmid", tmp_path / "manifest.json", place(folder))
        assert list(found) == []


def test_a_bug_in_a_reader_is_named_with_its_line(tmp_path, monkeypatch):
    def read(raw):
        yield {}["answer"]

    monkeypatch.setattr(datasets.get("cmid"), "read", read)
    (row,) = preflight.readable("datasets", "cmid", tmp_path / "m.json", place(DEMO / "cmid"))
    assert row.state == "missing" and row.found.endswith("KeyError: 'answer'")
    assert row.found.startswith("src/collectivesft/datasets/cmid.py, ")


def test_files_of_another_format_are_named(tmp_path):
    (tmp_path / "a.txt").write_text("nothing", encoding="utf-8")
    (row,) = preflight.readable("datasets", "cmid", tmp_path / "m.json", place(tmp_path))
    assert row.state == "missing" and row.remedy == "Correct the file, or its reader"


def test_a_damaged_row_is_named_in_the_file_as_it_was_placed(tmp_path):
    path = tmp_path / "CMID.json"
    path.write_text('[{"id": 1}]', encoding="utf-8")
    (row,) = preflight.readable("datasets", "cmid", tmp_path / "m.json", place(tmp_path))
    assert row.found.startswith(f"{path}, row 1: ")


@pytest.mark.parametrize(("split", "rows"), [("val", 1), ("test", 0)])
def test_a_benchmark_without_test_items_is_missing(tmp_path, monkeypatch, split, rows):
    item = Item("1", "cmb", split, "choice", "a", "a", "q", {"A": "x", "B": "y"}, "A")
    monkeypatch.setattr(benchmarks.get("cmb"), "items", lambda raw: iter([item] * 5))
    (tmp_path / "a.json").write_text("[]", encoding="utf-8")
    found = list(preflight.readable("benchmarks", "cmb", tmp_path / "m.json", place(tmp_path)))
    assert len(found) == rows
    if found:
        assert found[0].found == "5 items, none of split test: nothing is scored"
        assert found[0].remedy == "Add its test file, or take the benchmark out"
