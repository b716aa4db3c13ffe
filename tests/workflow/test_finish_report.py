"""The report gets its name and scripts; what is not there is told and left."""

from pathlib import Path

import finish_report
import snakemake.report.html_reporter as reporter

ROOT = Path(__file__).parents[2]


def template() -> str:
    """The page that the installed Snakemake fills, with the class that the script changes."""
    folder = Path(reporter.__file__).with_name("template")
    page = (folder / "index.html.jinja2").read_text("utf-8")
    return page.replace(
        "</body>", (folder / "components/search_results.js").read_text("utf-8") + "</body>"
    )


def test_every_place_is_in_the_installed_snakemake():
    text, missing = finish_report.finish(template(), "a<b")
    assert missing == []
    assert "<title>CollectiveSFT, run a&lt;b</title>" in text and "Snakemake Report" not in text
    assert text.index("class SearchResults") < text.index("SearchResults.prototype")


def test_another_page_is_left_and_told():
    text, missing = finish_report.finish("<html><body></body></html>", "demo")
    assert text == "<html><body></body></html>"
    assert len(missing) == 4
