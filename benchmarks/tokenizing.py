"""Rows a CPU second of `sft tokenize`, next to the same step of another build.

    PYTHONPATH=src python benchmarks/tokenizing.py --base FOLDER --beside CLONE --work FOLDER

The builds take turns on the same files, by this interpreter, and must write the same tokens. CPU
seconds count all processes of a command with their start. Rows are made up (`data.py`), in the
datasets' published proportions, or those of ``--train``. Writes benchmarks/results/tokenizing.json
and tokenizing.md.
"""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import curation
import data
import pyarrow.parquet as pq
import sft

from collectivesft.common.files import read_json, write_json, write_text
from collectivesft.curated.storage.parquet import Writer
from collectivesft.schema.example import arrow_schema

RESULTS = Path(__file__).parent / "results"
# An older build cuts every example at its end and knows no other way.
RECIPES = {"first": "{truncation: end}", "second": "{}"}


def make(path: Path, total: int, seed: int) -> Path:
    """Write made-up examples as stage curated writes them."""
    with Writer(path, arrow_schema()) as writer:
        for number, (name, rows) in enumerate(data.counts(total).items()):
            for example in data.Maker(name, seed + number, ["头痛"]).rows(rows):
                writer.add(example)
    return path


def tokenize(build: str, clone: Path, base: Path, work: Path, threads: int) -> dict[str, Any]:
    """Run one build; its costs and the tokens that it wrote."""
    recipe, out = work / f"{build}.yaml", work / build
    recipe.write_text(f"title: Tokens\nbase: any\ntraining: {RECIPES[build]}\n", encoding="utf-8")
    shutil.rmtree(out, ignore_errors=True)
    files = ("--train", work / "train.parquet", "--validation", work / "validation.parquet")
    more = ("--base", base, "--recipe", recipe, "--out", out, "--threads", threads)
    costs = curation.run("tokenize", *files, *more, clone=clone, stage="sft")
    return costs | {"written": read_json(out / "tokens.json")}


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Run both builds in turns; the row of the table."""
    clones = {"first": curation.ROOT, "second": options.beside}
    runs: dict[str, list[dict[str, Any]]] = {build: [] for build in clones}
    for number in range(options.repeat):
        for build, clone in clones.items():
            found = tokenize(build, clone, options.base, options.work, options.threads)
            runs[build].append(found)
            print(number, build, f"{found['cpu_s']:.1f} CPU s", file=sys.stderr)
    first, second = (runs[build][0]["written"] for build in clones)
    if first["sha256"] != second["sha256"]:
        sys.exit(f"error: {options.beside}: other tokens than this build's. No ratio is kept.")
    counts = [first[part] for part in ("train", "validation")]
    return {
        "rows": sum(
            pq.read_metadata(options.work / f"{part}.parquet").num_rows
            for part in ("train", "validation")
        ),
        "tokens": sum(part["tokens"] for part in counts),
        "texts": options.train.name if options.train else "made up",
        "base": options.base.name,
        "beside": commit(options.beside),
        "threads": options.threads,
        "repeat": options.repeat,
        **{build: curation.best(each) for build, each in runs.items()},
        "cpu_s": {build: [one["cpu_s"] for one in each] for build, each in runs.items()},
    }


def commit(clone: Path) -> str:
    """Return the short name of a clone's commit."""
    command = ["git", "-C", str(clone), "rev-parse", "--short=7", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def table(rows: list[dict[str, Any]]) -> str:
    """Return the results as Markdown."""
    lines = [
        "# Tokenizing: rows a CPU second",
        "",
        f"`sft tokenize` of this build and of an older one in turns, on {sft.machine()}. CPU",
        "seconds of all processes with their start, the fewest of each build; the same tokens.",
        "",
        "| texts | rows | tokens | base | this build, rows/CPU s | older build | its rows/CPU s "
        "| ratio | CPU s of each run |",
        "|---|---:|---:|---|---:|---|---:|---:|---|",
    ]
    for row in rows:
        speed = [row["rows"] / row[build]["cpu_s"] for build in ("first", "second")]
        seconds = "; ".join(
            " / ".join(f"{one:.1f}" for one in row["cpu_s"][build]) for build in ("first", "second")
        )
        cells = [row["texts"], f"{row['rows']:,}", f"{row['tokens']:,}", row["base"]]
        cells += [f"{speed[0]:,.0f}", row["beside"], f"{speed[1]:,.0f}"]
        cells += [f"{speed[0] / speed[1]:.2f}", seconds]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure and write the results; those of other rows stay in them."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--base", type=Path, required=True, help="folder that `sft base` wrote")
    parser.add_argument("--beside", type=Path, required=True, help="clone of the older build")
    parser.add_argument("--work", type=Path, required=True, help="folder for the files; emptied")
    parser.add_argument("--rows", type=int, default=40_000, help="made-up rows")
    parser.add_argument("--train", type=Path, help="Parquet file of curated examples instead")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=3, help="runs of each build")
    options = parser.parse_args()
    shutil.rmtree(options.work, ignore_errors=True)
    options.work.mkdir(parents=True)
    if options.train:
        shutil.copyfile(options.train, options.work / "train.parquet")
    else:
        make(options.work / "train.parquet", options.rows, 42)
    make(options.work / "validation.parquet", options.rows // 50, 7)
    row = measure(options)
    path = RESULTS / "tokenizing.json"
    kept = read_json(path) if path.exists() else []
    same = ("texts", "rows", "base", "beside", "threads")
    kept = [one for one in kept if any(one[key] != row[key] for key in same)]
    rows = sorted([*kept, row], key=lambda one: (one["texts"], one["rows"]))
    write_json(path, rows)
    write_text(RESULTS / "tokenizing.md", table(rows))
    print(table(rows))


if __name__ == "__main__":
    main()
