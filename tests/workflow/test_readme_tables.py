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


def test_pages_have_the_columns_and_figures_of_today():
    marks = list(readme_tables.MARK.finditer(README))
    assert len(marks) == README.count("<!-- table") + README.count("<!-- figure")
    for mark in marks:
        if mark["kind"] == "table":
            assert mark[0].splitlines()[1] == f"| {' | '.join(table._HEADS)} |"
        else:
            kept = f"docs/figures/{Path(mark['path']).name}"
            assert f"![{mark['words']}]({kept})" in mark[0] and (ROOT / kept).is_file()
