"""Pages of the report: Markdown and CSV as HTML that stands alone and does nothing."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from collectivesft.common.errors import InputError, UserError
from collectivesft.common.made_up import SENTENCE
from collectivesft.paper import pages, tables

ROOT = Path(__file__).parents[2]

CARD = """---
license: other
---
# A card

| Set | Rows |
| --- | ---: |
| cmid <b>x</b> | 12 |

<script>alert(1)</script> and ![a picture](http://example.org/a.png)

| Second | table |
| --- | --- |
| kept | out of the front |
"""


class Tags(HTMLParser):
    """Collects the tags and text of a page."""

    def __init__(self, text: str):
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "card.md").write_text(CARD, encoding="utf-8")
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables/by_set.csv").write_text("set,rows\n中文 & <i>,3\n", encoding="utf-8")
    return tmp_path


def write(folder, *names: str):
    made = [(name, folder / "card.md") for name in names]
    pages.write_pages(made, [("Paper", folder / "tables")], folder / "card.md", folder / "out")
    return {p.relative_to(folder / "out").as_posix(): p for p in (folder / "out").rglob("*.html")}


def test_a_page_shows_its_markdown_and_runs_nothing(folder):
    found = write(folder, "Data/Card of demo (v1.0)")
    assert set(found) == {
        "Data/Card of demo (v1.0).html",
        "Paper/Table of by_set.html",
        "front.html",
    }
    text = found["Data/Card of demo (v1.0).html"].read_text("utf-8")
    page = Tags(text)
    names = [tag for tag, _ in page.tags]
    assert "script" not in names and names.count("table") == 2
    assert "<script>alert(1)</script>" in page.text and "cmid <b>x</b>" in page.text
    policy = next(
        attrs["content"] for tag, attrs in page.tags if "content" in attrs and "http-equiv" in attrs
    )
    assert policy.startswith("default-src 'none'"), "a picture's address would be asked"
    assert names.index("details") > names.index("h1") and "license: other" in page.text


def test_a_csv_is_a_table_with_numbers_to_the_right(folder):
    text = write(folder)["Paper/Table of by_set.html"].read_text("utf-8")
    assert "<td>中文 &amp; &lt;i&gt;</td>" in text
    assert '<td style="text-align:right">3</td>' in text
    assert "<th>set</th>" in text


def test_columns_of_a_table_have_words_and_units(folder):
    head = "model,items,official_macro,macro_low,difference_high,kappa\n"
    (folder / "tables/published-grades.csv").write_text(head + "a,1,2,3,4,5\n", encoding="utf-8")
    text = write(folder)["Paper/Table of published grades of clinical cases.html"].read_text(
        "utf-8"
    )
    assert "official macro, %" in text and "macro low, %" in text
    assert "difference high, points" in text and "<th>kappa</th>" in text


def test_every_table_of_the_paper_has_a_name_for_people():
    values = {"datasets": [], "drops": [], "scores": [], "headline": {"categories": []},
              "text": [], "clinical": [], "clinical_leaderboard": None, "experiments": [],
              "planned": [], "agreement": []}  # fmt: skip
    assert tables.tables(values).keys() == tables.NAMES.keys()


def test_a_table_without_rows_is_no_page(folder):
    (folder / "tables/text.csv").write_text("\n", encoding="utf-8")
    assert "Paper/Table of scores of free text.html" not in write(folder)


def test_the_front_ends_with_the_first_table(folder):
    text = write(folder)["front.html"].read_text("utf-8")
    assert "cmid" in text and "Second" not in text and "alert" not in text


@pytest.mark.parametrize("name", ["Data/a, b", "Data/a;b", "Data/a#b", "Data/a%b", "Data", "a/b/c", "../x", "x/..", "/x"])  # fmt: skip  # noqa: E501
def test_a_name_that_an_address_cannot_hold_is_refused(folder, name):
    with pytest.raises(UserError, match="is not CATEGORY/TITLE"):
        write(folder, name)
    assert not (folder / "out").exists()


def test_two_pages_of_one_name_are_refused(folder):
    with pytest.raises(UserError, match="named twice"):
        write(folder, "Data/Card", "Data/Card")


def test_a_page_that_no_browser_would_open_is_refused(folder):
    (folder / "card.md").write_text("a " * 900_000, encoding="utf-8")
    with pytest.raises(InputError, match=r"card\.md.*bytes as a page"):
        write(folder, "Data/Card")


def test_another_kind_of_file_is_refused(folder):
    (folder / "x.json").write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match="cannot be shown"):
        pages.write_pages([("Data/X", folder / "x.json")], [], folder / "card.md", folder / "out")


def test_the_same_bytes_again(folder):
    first = {name: path.read_bytes() for name, path in write(folder, "Data/Card").items()}
    again = {name: path.read_bytes() for name, path in write(folder, "Data/Card").items()}
    assert first == again
    assert not re.search(rb"\d{2}:\d{2}:\d{2}", b"".join(first.values()))


def test_the_reports_front_page_has_the_sentence_of_made_up_data():
    text = (ROOT / "workflow/report/workflow.rst").read_text(encoding="utf-8")
    shown = text.partition('{% if snakemake.config["made_up"] %}')[2].partition("{% endif %}")[0]
    assert SENTENCE in " ".join(shown.split())
