"""Build the site of the guides from Markdown files: python workflow/lib/guides_site.py OUT.

The pages keep their places in the tree, so that links between files work on the site too. A linked
file that is no page is copied. `make site` calls this in the environment of envs/docs.lock.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from layout import Layout

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"\]\(([^)\s#]+)(?:#[^)\s]*)?\)")
# Files of the last demo that a reader may open, if there was one.
DEMO = {"report.html": Layout("demo").report, "paper.pdf": Layout("demo").path("paper")}


def pages(root: Path) -> list[Path]:
    """Return README, guides and all Markdown pages that these link to, relative to the root."""
    found: list[Path] = []
    waiting = [Path("README.md"), Path("README.zh.md"), Path("CHANGELOG.md")]
    waiting += sorted(path.relative_to(root) for path in (root / "docs").glob("*.md"))
    while waiting:
        page = waiting.pop(0)
        if page not in found:
            found.append(page)
            waiting += [path for path in linked(root, page) if path.suffix == ".md"]
    return found


def linked(root: Path, page: Path) -> list[Path]:
    """Return the files of the repository that a page links to, relative to the root."""
    text = (root / page).read_text(encoding="utf-8")
    targets = [name for name in LINK.findall(text) if not re.match(r"[a-z]+:", name)]
    paths = [Path(os.path.normpath(page.parent / name)) for name in targets]
    return [path for path in paths if (root / path).is_file() and path.parts[0] != ".."]


def collect(root: Path, out: Path) -> None:
    """Copy the pages, their linked files and the last demo's results into a folder."""
    for page in pages(root):
        for path in (page, *linked(root, page)):
            (out / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(root / path, out / path)
    there = {name: root / path for name, path in DEMO.items() if (root / path).is_file()}
    for name, path in there.items():
        (out / "demo").mkdir(exist_ok=True)
        shutil.copyfile(path, out / "demo" / name)
    lines = [f"- [{name}]({name})" for name in there]
    if lines:
        text = "# Demo\n\nResults on made-up data, not results of the paper.\n\n"
        (out / "demo/README.md").write_text(text + "\n".join(lines) + "\n", encoding="utf-8")


def settings(root: Path, source: Path) -> str:
    """Return mkdocs's settings; nav, the last key, names the demo if it is there."""
    text = (root / "docs/mkdocs.yml").read_text(encoding="utf-8")
    return text + "  - Demo: demo/README.md\n" * (source / "demo/README.md").is_file()


def main(out: Path) -> int:
    """Build the site into a folder; return mkdocs's exit code."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "pages")
        source.mkdir()
        collect(ROOT, source)
        config = Path(folder, "mkdocs.yml")
        config.write_text(f"docs_dir: {source}\n{settings(ROOT, source)}", encoding="utf-8")
        command = [
            sys.executable,
            "-m",
            "mkdocs",
            "build",
            "--strict",
        ]  # --quiet would hide and pass warnings
        command += ["--config-file", str(config), "--site-dir", str(out.absolute())]
        quiet = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
        return subprocess.run(command, env=quiet, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
