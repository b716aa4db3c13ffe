"""Measure on real files how many rows differ from the paper's converters.

    COLLECTIVESFT_REAL_DATA=FOLDER PYTHONPATH=src python benchmarks/paper_form.py [NAME=PATH ...]

Reads each dataset that has the option ``form: paper`` twice, in its own form and in the paper's,
cleans both, and counts the examples whose texts differ. The files are those of config/real.yaml, or
those named: NAME is a dataset, PATH its file or a folder of its files. Writes
benchmarks/results/paper_form.md: counts, no text of a dataset.
"""

import argparse
import os
from collections.abc import Iterator
from pathlib import Path

from collectivesft import datasets
from collectivesft.common.files import read_yaml, write_text
from collectivesft.curated.text.cleaning import clean_text
from collectivesft.readers.reader_options import PAPER_FORM
from collectivesft.schema.example import Example
from collectivesft.sources.folder import RawFolder
from collectivesft.sources.linked import linked, placed_files

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks/results/paper_form.md"


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("sources", nargs="*", metavar="NAME=PATH", help="real files of a dataset")
    given = parser.parse_args().sources
    sources = dict(map(named, given)) if given else configured()
    text = page({name: compare(name, files) for name, files in sources.items()})
    print(text)
    write_text(RESULT, text)


def named(source: str) -> tuple[str, dict[str, Path]]:
    """Return dataset and files of ``NAME=PATH``; one file takes the name that its reader knows."""
    name, _, path = source.partition("=")
    if Path(path).is_dir():
        return name, placed_files(Path(path), [])
    return name, {datasets.get(name).SOURCE.files[0].path: Path(path)}


def configured() -> dict[str, dict[str, Path]]:
    """Return the files of config/real.yaml, for each dataset that knows the paper's form."""
    sources = read_yaml(ROOT / "config/real.yaml")["sources"]
    found = {}
    for name in datasets.names():
        place = sources.get(f"datasets/{name}")
        if place and PAPER_FORM in getattr(datasets.get(name), "OPTIONS", ()):
            folder = Path(os.path.expandvars(place["folder"]))
            found[name] = placed_files(folder, place.get("files", []))
    return found


def compare(name: str, files: dict[str, Path]) -> tuple[int, int, int, int]:
    """Return examples, and those with a different question, answer, or either of them."""
    with linked(files) as manifest:
        raw = RawFolder.load(manifest)
        ours, theirs = (list(read(name, raw, form)) for form in PAPER_FORM.choices)
    asked = said = either = 0
    for one, other in zip(ours, theirs, strict=True):
        differs = {
            role
            for (role, text), (_, paper) in zip(one.messages, other.messages, strict=True)
            if clean_text(text)[0] != clean_text(paper)[0]
        }
        asked += "user" in differs
        said += "assistant" in differs
        either += bool(differs)
    return len(ours), asked, said, either


def read(name: str, raw: RawFolder, form: str) -> Iterator[Example]:
    """Yield a dataset's examples in one form."""
    for result in datasets.get(name).read(raw, form=form):
        if isinstance(result, Example):
            yield result


def page(found: dict[str, tuple[int, int, int, int]]) -> str:
    """Return the counts as Markdown."""
    lines = ["# Rows that differ from the paper's converters", "", "```"]
    lines += ["COLLECTIVESFT_REAL_DATA=FOLDER PYTHONPATH=src .venv/bin/python "
              "benchmarks/paper_form.py", "```", ""]  # fmt: skip
    lines += ["Examples of real files after cleaning, by the option `form: paper`:", ""]
    lines += ["| dataset | examples | question differs | answer differs | either | share |"]
    lines += ["|---|---:|---:|---:|---:|---:|"]
    for name, (examples, *counts) in found.items():
        cells = [name, *(f"{count:,}" for count in (examples, *counts))]
        lines.append("| " + " | ".join(cells) + f" | {counts[-1] / max(examples, 1):.1%} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
