"""The site holds every guide and each file that they link to; a broken link fails its build."""

import re
import shutil
import subprocess
from pathlib import Path

import guides_site
import pytest
import yaml

from tests.helpers.chromium import CHROMIUM, FLAGS

ROOT = Path(__file__).parents[2]


def test_pages_and_linked_files_are_collected_once(tmp_path):
    guides_site.collect(ROOT, tmp_path)
    guides = {path.name for path in (ROOT / "docs").glob("*.md")}
    assert guides <= {path.name for path in (tmp_path / "docs").glob("*.md")}
    for name in ("README.md", "README.zh.md", "config/models/README.md", "CITATION.cff"):
        assert (tmp_path / name).read_bytes() == (ROOT / name).read_bytes()
    assert (tmp_path / "src/collectivesft/benchmarks/cmexam.py").is_file()


def test_the_list_of_pages_names_every_guide():
    listed = set(re.findall(r"docs/(\S+\.md)", (ROOT / "docs/mkdocs.yml").read_text("utf-8")))
    assert listed == {path.name for path in (ROOT / "docs").glob("*.md")}


def test_results_of_a_demo_are_linked(tmp_path):
    root = tmp_path / "root"
    for name in ("README.md", "README.zh.md", "CHANGELOG.md", *guides_site.DEMO.values()):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x", encoding="utf-8")
    guides_site.collect(root, tmp_path / "out")
    page = (tmp_path / "out/demo/README.md").read_text("utf-8")
    assert "- [report.html](report.html)\n- [paper.pdf](paper.pdf)\n" in page
    assert "not results of the paper" in page
    assert (tmp_path / "out/demo/paper.pdf").is_file()
    for source, pages in ((tmp_path / "out", ["demo/README.md"]), (tmp_path, [])):
        nav = yaml.safe_load(guides_site.settings(ROOT, source))["nav"]
        assert [entry["Demo"] for entry in nav if "Demo" in entry] == pages


@pytest.mark.slow
@pytest.mark.parametrize("broken", [False, True], ids=["whole", "broken link"])
def test_the_site_is_built_and_a_broken_link_fails_it(tmp_path, broken):
    subprocess.run(["envs/install", "docs", ".venv-docs"], cwd=ROOT, check=True)
    clone = tmp_path / "clone"
    clone.mkdir()
    for name in ("src", "envs", "benchmarks", "resources", "findings", "paper", "workflow"):
        (clone / name).symlink_to(ROOT / name)
    for name in ("docs", "config"):
        shutil.copytree(ROOT / name, clone / name)
    for path in ROOT.iterdir():
        if path.is_file():
            shutil.copyfile(path, clone / path.name)
    if broken:
        with open(clone / "docs/style.md", "a", encoding="utf-8") as file:
            file.write("\n[nowhere](nowhere.md)\n")
    program = f"import sys; sys.path.insert(0, {str(ROOT / 'workflow/lib')!r}); import guides_site"
    program += f"; guides_site.ROOT = guides_site.Path({str(clone)!r})"
    program += f"; sys.exit(guides_site.main(guides_site.Path({str(tmp_path / 'site')!r})))"
    done = subprocess.run(
        [ROOT / ".venv-docs/bin/python", "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == int(broken), done.stderr
    if broken:
        assert "nowhere.md" in done.stderr
    else:
        assert "<h1" in (tmp_path / "site/docs/quickstart.html").read_text("utf-8")


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM, reason="no chromium (Debian's package chromium)")
def test_every_page_shows_offline_from_a_folder(tmp_path):
    api = pytest.importorskip("playwright.sync_api")
    subprocess.run(["envs/install", "docs", ".venv-docs"], cwd=ROOT, check=True)
    command = [ROOT / ".venv-docs/bin/python", "workflow/lib/guides_site.py", tmp_path / "site"]
    subprocess.run(command, cwd=ROOT, check=True)
    troubles: list[str] = []
    with api.sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            tmp_path / "profile", executable_path=CHROMIUM, args=FLAGS, offline=True
        )
        page = context.new_page()
        page.on("console", lambda m: troubles.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("request", lambda r: troubles.append(r.url) if r.url.startswith("http") else None)
        pages = sorted(set((tmp_path / "site").rglob("*.html")) - {tmp_path / "site/404.html"})
        pages = [path for path in pages if path.name != "report.html"]
        assert len(pages) > len(list((ROOT / "docs").glob("*.md")))
        for path in pages:
            page.goto(path.as_uri())
            broken = page.evaluate(
                "[...document.images].filter(one => !one.naturalWidth).map(one => one.src)"
            )
            wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
            troubles += [f"{path}: {name}" for name in broken] + [f"{path}: too wide"] * wide
            assert page.locator("h1").count() == 1, path
        context.close()
    assert troubles == []
