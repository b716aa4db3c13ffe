"""Fill README.md and docs/reproduce.md with the last runs' tables: their columns are today's."""

from pathlib import Path

import readme_tables

from collectivesft.scores import table

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "docs/reproduce.md"]
README = "".join(page.read_text(encoding="utf-8") for page in PAGES)
TEXT = """before
<!-- table: results/a/table.md -->
old
<!-- end -->
between
<!-- figure: results/a/plot.svg | What is seen -->
<!-- end -->
after
"""


def test_marks_are_filled_where_their_run_is_there(tmp_path):
    assert readme_tables.filled(TEXT, tmp_path) == TEXT
    (tmp_path / "results/a").mkdir(parents=True)
    (tmp_path / "docs/figures").mkdir(parents=True)
    (tmp_path / "results/a/table.md").write_text("# T\n\n| x |\n| - |\n| 1 |\n\n| second |\n")
    (tmp_path / "results/a/plot.svg").write_text("<svg/>")
    filled = readme_tables.filled(TEXT, tmp_path)
    assert filled == TEXT.replace("old", "| x |\n| - |\n| 1 |").replace(
        "seen -->\n", "seen -->\n![What is seen](docs/figures/plot.svg)\n"
    )
    assert (tmp_path / "docs/figures/plot.svg").read_text() == "<svg/>"
    assert readme_tables.filled(filled, tmp_path) == filled


def test_the_cost_of_a_run_is_measured(tmp_path):
    text = (
        "<!-- cost: results/a | {stored} GB, {packages}, {weights}, {minutes} min -->\n<!-- end -->"
    )
    assert readme_tables.filled(text, tmp_path) == text
    sizes = {".venv/p": 1_500, ".cache/raw/models/m/w": 250, "results/a/r": 1_000}
    for name, millions in sizes.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        with open(tmp_path / name, "wb") as handle:
            handle.truncate(millions * 1_000_000)
    (tmp_path / "results/a/linked").hardlink_to(tmp_path / "results/a/r")
    (tmp_path / "benchmarks/results").mkdir(parents=True)
    times = "run,rule,jobs,seconds\na,x,1,100.00\na,y,2,20.00\nb,x,1,900.00\n"
    (tmp_path / "benchmarks/results/run-times.csv").write_text(times)
    assert readme_tables.filled(text, tmp_path).splitlines()[1] == "3 GB, 1.5, 0.25, 2 min"


def test_pages_have_the_columns_and_figures_of_today():
    marks = list(readme_tables.MARK.finditer(README))
    assert len(marks) == README.count("<!-- table") + README.count("<!-- figure") + README.count(
        "<!-- cost"
    )
    for mark in marks:
        if mark["kind"] == "table":
            assert mark[0].splitlines()[1] == f"| {' | '.join(table._HEADS)} |"
        elif mark["kind"] == "figure":
            kept = f"docs/figures/{Path(mark['path']).name}"
            assert f"![{mark['words']}]({kept})" in mark[0] and (ROOT / kept).is_file()


def test_the_table_of_gguf_copies_is_the_measured_one():
    """`make readme` puts it into the guide for those who download."""
    assert "docs/download.md" in readme_tables.PAGES
    text = (ROOT / "docs/download.md").read_text(encoding="utf-8")
    assert readme_tables.first_table(ROOT / "benchmarks/results/gguf.md") in text
