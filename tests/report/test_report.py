"""The HTML report of a finished run in a real Chromium without a network: what a reader sees.

Takes the report of the demo, or of another run that is here: `make demo`, or `make report`.
"""

import io
import json
import re
from pathlib import Path

import pytest

from tests.helpers.chromium import CHROMIUM, FLAGS

ROOT = Path(__file__).parents[2]
FOUND = [
    path for run in ("demo", "tiny") if (path := ROOT / f"results/{run}/report.html").is_file()
]
CATEGORIES = {
    "Data": [
        "Composition of the mixture",
        "Kept and dropped, by step",
        "Ledger of",
        "Data card of",
    ],
    "Paper": ["The paper", "Table of training datasets", "Table of scores"],
    "Release": ["Model card", "Manifest of"],
    "Scores": ["Accuracy by category", "All models", "All models (CSV)", "Categories of"],
    "Training": ["Training loss"],
}
# Chromium opens addresses of up to 2 MiB, and what a report shows is such an address.
LONGEST_ADDRESS = 2 * 1024 * 1024

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason="no chromium (Debian's package chromium)"),
    pytest.mark.skipif(not FOUND, reason="no report of a run here: make demo"),
]


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            tmp_path_factory.mktemp("profile"),
            executable_path=CHROMIUM,
            args=FLAGS,
            offline=True,
            viewport={"width": 1440, "height": 900},
        )
        yield context
        context.close()


@pytest.fixture
def page(browser):
    """The report, just opened; nothing may be asked of the network or complained about."""
    troubles: list[str] = []
    page = browser.new_page()
    page.on("console", lambda m: troubles.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("request", lambda r: troubles.append(r.url) if r.url.startswith("http") else None)
    page.goto(FOUND[0].as_uri())
    page.locator("#rulegraph canvas").wait_for()
    yield page
    page.close()
    assert troubles == []


def content() -> dict:
    """The results that the report holds, by path."""
    text = FOUND[0].read_text(encoding="utf-8")
    return json.loads(re.search(r"^\s*var results = (\{.*\});$", text, re.M)[1])


def open_category(page, name: str) -> None:
    page.locator("nav").get_by_text(name, exact=True).click()
    page.locator("nav tbody tr").first.wait_for()


def rows(page) -> list[str]:
    return [" ".join(text.split()) for text in page.locator("nav tbody tr").all_inner_texts()]


def see(page, title: str) -> None:
    """Press the eye beside a result."""
    rest = "$" if "(" in title else r"[^(]*$"  # the page, not the file of the same table
    row = page.locator("nav tbody tr").filter(has_text=re.compile(re.escape(title) + rest))
    row.first.locator("a").first.click()


def colours(png: bytes) -> int:
    """Return the number of colours of a picture: a blank one has one or two."""
    from PIL import Image

    image = Image.open(io.BytesIO(png)).convert("RGB")
    return len(image.resize((image.width // 2, image.height // 2)).getcolors(1 << 24))


def test_one_file_that_names_nothing_to_load():
    text = FOUND[0].read_text(encoding="utf-8")
    assert not re.search(r"<(script|link|img|iframe)[^>]+(src|href)=[\"']?https?:", text)
    for path, result in content().items():
        assert result["data_uri"].startswith("data:"), path
        assert len(result["data_uri"]) < LONGEST_ADDRESS, path


def test_the_first_screen_has_the_scores_and_the_rules(page):
    front = page.locator(".prose")
    assert "CollectiveSFT from raw data to the model" in front.locator("h1.title").inner_text()
    assert front.locator("h1.title").bounding_box()["y"] >= 0
    assert (
        front.locator("h1.title").bounding_box()["x"]
        > page.locator("nav").first.bounding_box()["width"]
    )
    heads = front.locator("th").all_inner_texts()
    assert heads[:4] == ["Model", "Benchmark", "Protocol", "Items"]
    assert front.locator("tbody tr").count() >= 2
    assert colours(page.locator("#rulegraph canvas").screenshot()) > 20


def test_every_category_has_its_results(page):
    for category, titles in CATEGORIES.items():
        open_category(page, category)
        shown = rows(page)
        for title in titles:
            assert any(row.startswith(title) for row in shown), (category, title, shown)
        page.locator("nav ol a").first.click()


def test_links_of_the_first_screen_lead_to_their_category(page):
    for category in ("Scores", "Data", "Scores"):
        page.locator(".prose").get_by_role("link", name=category, exact=True).click()
        row = page.locator("nav tbody tr").filter(has_text=CATEGORIES[category][0])
        row.first.wait_for()
        assert row.count() >= 1, category


def test_every_figure_is_drawn(page):
    figures = {p: r for p, r in content().items() if r["mime_type"].startswith("image/")}
    assert len(figures) >= 4
    for path in figures:
        page.evaluate("path => app.setView({content: 'img', contentPath: results[path].data_uri, resultPath: path})", path)  # fmt: skip  # noqa: E501
        image = page.locator("#app img:not(.h-4)")
        page.wait_for_function(
            "source => [...document.images].some(i => i.src == source && i.complete && i.naturalWidth > 100)",  # noqa: E501
            arg=figures[path]["data_uri"],
        )
        assert colours(image.screenshot()) > 20, path
        box = image.bounding_box()
        assert box["width"] + box["x"] <= 1440 and box["height"] <= 900, path


def test_the_eye_opens_a_figure_and_the_i_says_what_it_is(page):
    open_category(page, "Training")
    see(page, "Training loss")
    image = page.locator("#app img:not(.h-4)")
    image.wait_for()
    assert image.get_attribute("src").startswith("data:image/svg+xml")
    page.locator("nav tbody tr a").nth(1).click()
    page.locator("nav").get_by_text("figures_loss").first.wait_for()
    assert "Training loss over the tokens" in page.locator("nav").first.inner_text()


def test_a_ledger_opens_as_a_page(page):
    open_category(page, "Data")
    see(page, "Ledger of")
    frame = page.frame_locator("iframe")
    frame.locator("table").first.wait_for()
    assert frame.locator("tr").count() > 13
    size = frame.locator("body").evaluate("body => getComputedStyle(body).fontSize")
    assert size == "15px"  # its own styles are there


def test_the_paper_opens(page):
    open_category(page, "Paper")
    see(page, "The paper")
    frame = page.locator("iframe")
    frame.wait_for()
    assert frame.get_attribute("src").startswith("data:application/pdf")
    for _ in range(40):  # the viewer draws when it likes
        if colours(frame.screenshot()) > 60:
            return
        page.wait_for_timeout(250)
    raise AssertionError("the paper stays blank")


def test_a_table_can_be_saved(page):
    open_category(page, "Scores")
    with page.expect_download() as download:
        see(page, "All models (CSV)")
    saved = Path(download.value.path()).read_bytes()
    assert saved == (FOUND[0].parent / "4_scores/table.csv").read_bytes()


def test_search_finds_by_name(page):
    box = page.locator("nav input[type=text]")
    box.fill("accuracy.svg")
    box.press("Enter")
    page.locator("nav tbody tr").first.wait_for()
    assert rows(page) == ["Accuracy by category"]


def search(page, term: str) -> list[str]:
    """Return the results of a search in the report."""
    box = page.locator("nav input[type=text]")
    box.fill(term)
    box.press("Enter")
    page.locator("nav tbody").wait_for(state="attached")
    page.wait_for_timeout(200)
    return rows(page)


def test_a_second_search_does_not_keep_the_rows_of_the_first(page):
    assert search(page, "accuracy.svg") == ["Accuracy by category"]
    assert search(page, "loss.svg") == ["Training loss"]
    assert search(page, "nothing has this name") == []


def test_a_search_finds_titles_in_any_case_and_bears_a_wrong_pattern(page):
    assert search(page, "training LOSS") == ["Training loss"]
    assert "The paper" in search(page, "the paper")
    assert search(page, "re:^results/.*/accuracy.svg$") == ["Accuracy by category"]
    assert search(page, "re:(") == []


def test_the_report_is_named_after_its_run(page):
    assert page.title() == f"CollectiveSFT, run {FOUND[0].parent.name}"


def test_run_times_are_drawn(page):
    page.locator("nav").get_by_text("Statistics", exact=True).click()
    page.locator("#runtimes canvas").wait_for()
    assert colours(page.locator("#runtimes canvas").screenshot()) > 10
