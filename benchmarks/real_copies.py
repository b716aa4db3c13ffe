"""Measure on real files two rules of the comparison: templates, and traditional script.

    PYTHONPATH=src python benchmarks/real_copies.py [RUN]

Takes the cleaned datasets and the benchmark items of a finished run (results/real by default) and
removes copies and benchmark items from them with both rules, without the template rule, and
without folding traditional characters. Writes benchmarks/results/real_copies.md: counts and ids of
rows on which the ways differ, no text of a dataset.
"""

import argparse
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from unittest import mock

import pyarrow.parquet as pq

from collectivesft.common.files import write_text
from collectivesft.curated import decontaminate, dedup
from collectivesft.curated.duplicates import find
from collectivesft.curated.text import unicode_fold
from collectivesft.curated.text.script import simplified

RESULT = Path(__file__).parent / "results/real_copies.md"
THRESHOLD = 0.8
WAYS: dict[str, Callable[[], object]] = {
    "both rules": ExitStack,
    "no template rule": lambda: mock.patch.object(find, "read_templates", lambda *_: {}),
    "no folding of script": lambda: mock.patch.object(unicode_fold, "simplified", dict),
}


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run", type=Path, nargs="?", default=Path("results/real"))
    folder = parser.parse_args().run / "2_curated"
    files = sorted(folder.glob("*/clean.parquet"))
    items = sorted((folder / "benchmarks").glob("*.items.jsonl"))
    found = {name: dropped(files, items, way) for name, way in WAYS.items()}
    text = page(files, found)
    print(text)
    write_text(RESULT, text)


def dropped(
    files: list[Path], items: list[Path], way: Callable[[], object]
) -> dict[str, tuple[str, str]]:
    """Return the dropped rows of one way: id to dataset and reason."""
    gone: dict[str, tuple[str, str]] = {}
    with way(), tempfile.TemporaryDirectory() as name:
        # Tables and the index depend on the rules.
        unicode_fold._table.cache_clear()
        unicode_fold._traditional.cache_clear()
        decontaminate.load_index.cache_clear()
        folder = Path(name)
        outs = {step: [folder / f"{step}.{end}" for end in ("out", "dropped", "json")]
                for step in ("dedup", "clear")}  # fmt: skip
        dedup.dedup_files(files, True, THRESHOLD, *outs["dedup"])
        out, lost, ledger = outs["clear"]
        decontaminate.decontaminate_file(
            outs["dedup"][0], items=items, decontaminate=True, out=out, dropped=lost, ledger=ledger,
            report=folder / "report.json", allow_splits=("val",),
        )  # fmt: skip
        for path in (outs["dedup"][1], lost):
            for row in pq.read_table(path, columns=["id", "dataset", "reason"]).to_pylist():
                gone[row["id"]] = (row["dataset"], row["reason"])
    unicode_fold._table.cache_clear()
    unicode_fold._traditional.cache_clear()
    decontaminate.load_index.cache_clear()
    return gone


def traditional(path: Path) -> int:
    """Count the rows of a dataset with a traditional character."""
    signs = set(map(chr, simplified()))
    table = pq.read_table(path, columns=["messages"])
    rows = ("".join(turn["content"] for turn in row) for row in table["messages"].to_pylist())
    return sum(not signs.isdisjoint(text) for text in rows)


def page(files: list[Path], found: dict[str, dict[str, tuple[str, str]]]) -> str:
    """Return the results as Markdown."""
    lines = ["# Two rules of the comparison on real files", "", "```"]
    lines += ["COLLECTIVESFT_REAL_DATA=FOLDER make real"]
    lines += ["PYTHONPATH=src .venv/bin/python benchmarks/real_copies.py", "```", ""]
    lines += ["Rows that are dropped, and rows with a traditional character (in simplified texts"]
    lines += ["a few signs such as 於 or 乾 count as one):", ""]
    lines += ["| dataset | rows | traditional | reason | " + " | ".join(found) + " |"]
    lines += ["|---|---:|---:|---|" + "---:|" * len(found)]
    for path in files:
        name, rows = path.parent.name, pq.read_metadata(path).num_rows
        for reason in ("exact_duplicate", "near_duplicate", "in_benchmark"):
            counts = [sum(r == (name, reason) for r in gone.values()) for gone in found.values()]
            cells = [name, f"{rows:,}", f"{traditional(path):,}", reason.replace("_", " ")]
            lines.append("| " + " | ".join([*cells, *map(str, counts)]) + " |")
    usual = found["both rules"]
    for name, gone in list(found.items())[1:]:
        more, less = sorted(gone.keys() - usual.keys()), sorted(usual.keys() - gone.keys())
        lines += ["", f"## {name[0].upper()}{name[1:]}", ""]
        lines += [f"{len(more)} rows are dropped only so, and {len(less)} rows no longer."]
        lines += [f"- only so: `{id}` ({gone[id][1].replace('_', ' ')})" for id in more]
        lines += [f"- no longer: `{id}` ({usual[id][1].replace('_', ' ')})" for id in less]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
