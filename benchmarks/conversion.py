"""Measures the conversion of cMedQA2: this package's command, the official script, a Polars join.

The official script's steps are done here in our own words: it joins the answers to the questions,
and then looks through all questions once more for each of them, so that its time grows with the
square of the rows. The Polars join is the least that gives the same rows: no drops, no ledger,
nothing that says which row an example came from. Both write JSON; ours compressed Parquet. Each is
measured in a process of its own, from upstream's archives and, as the official script reads them,
from tables that lie there unpacked: in archives whose members are stored as they are.

    python benchmarks/conversion.py --questions 16000 --questions 100000 --work /tmp/conversion
"""

import argparse
import json
import shutil
import sys
import time
import zipfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import IO, Any

import data

from collectivesft.common.files import read_json, sha256, write_json
from collectivesft.curated.read import read_dataset

RESULTS = Path(__file__).parent / "results"
TRIES = 4
MORE = 3  # tries of a fast way for one of the official script: a second is easily disturbed
CANDIDATES = 50  # lines of train_candidates.txt for each question, as its 110 MB have


PACKED = {"archives": zipfile.ZIP_DEFLATED, "unpacked tables": zipfile.ZIP_STORED}


def make(folder: Path, questions: int, packed: int) -> Path:
    """Write the three archives in upstream's format; returns the manifest."""
    words = data.Words(5)
    answers: list[str] = []
    asked, candidates = ["question_id,content"], ["question_id,pos_ans_id,neg_ans_id"]
    for n in range(questions):
        asked.append(f'{n},"{words.text("zh", 49)}"')
        right = range(len(answers), len(answers) + 1 + (words.random.random() < 0.88))
        answers += [f'{i},{n},"{words.text("zh", 101)}"' for i in right]
        lines = CANDIDATES // len(right)
        for i in right:
            wrong = (words.random.randrange(len(answers)) for _ in range(lines))
            candidates += [f"{n},{i},{other}" for other in wrong]
    members = {
        "question.zip": ("question.csv", asked),
        "answer.zip": ("answer.csv", ["ans_id,question_id,content", *answers]),
        "train_candidates.zip": ("train_candidates.txt", candidates),
    }
    (folder / "files").mkdir(parents=True, exist_ok=True)
    files = []
    for name, (member, lines) in members.items():
        path = folder / "files" / name
        with zipfile.ZipFile(path, "w", packed) as archive:
            archive.writestr(member, "\n".join(lines) + "\n")
        size = path.stat().st_size
        files.append({"path": name, "size": size, "sha256": sha256(path), "origin": "made up"})
    write_json(folder / "manifest.json", {"source": "cmedqa2", "files": files})
    return folder / "manifest.json"


TABLES = (
    ("train_candidates.zip", "train_candidates.txt"),
    ("question.zip", "question.csv"),
    ("answer.zip", "answer.csv"),
)


def tables(folder: Path, read: Callable[[IO[bytes]], Any]) -> list:
    """Candidates, questions and answers."""
    found = []
    for name, member in TABLES:
        with zipfile.ZipFile(folder / "files" / name) as archive, archive.open(member) as handle:
            found.append(read(handle))
    return found


def official_way(folder: Path) -> int:
    """Join, then one look through all questions for each of them; returns the rows."""
    import pandas

    candidates, questions, answers = tables(folder, pandas.read_csv)
    questions = questions[questions["question_id"].isin(candidates["question_id"].unique())]
    joined = answers.merge(questions, on="question_id", suffixes=("", "_asked"))
    grouped = joined.groupby("question_id")["content"].apply(list).reset_index(name="answers")
    rows = []
    for _, group in grouped.iterrows():
        same = questions[questions["question_id"] == group["question_id"]]
        asked = same["content"].iloc[0]
        rows += [{"instruction": asked, "input": "", "output": text} for text in group["answers"]]
    text = json.dumps(rows, ensure_ascii=False, indent=4)
    (folder / "official.json").write_text(text, encoding="utf-8")
    return len(rows)


def polars_way(folder: Path) -> int:
    """The same rows by a semi-join and a join; returns them."""
    import polars

    candidates, questions, answers = tables(folder, lambda file: polars.read_csv(file.read()))
    questions = questions.join(
        candidates.select("question_id").unique(), on="question_id", how="semi"
    )
    joined = answers.join(questions, on="question_id", suffix="_asked").sort("question_id")
    rows = joined.select(instruction="content_asked", input=polars.lit(""), output="content")
    rows.write_ndjson(folder / "polars.jsonl")
    return rows.height


def our_way(folder: Path, *options: str) -> int:
    """This package's command; returns the rows that it read."""
    outputs = [folder / name for name in ("read.parquet", "read.dropped.parquet", "ledger.json")]
    read_dataset("cmedqa2", folder / "manifest.json", *outputs, options)
    return read_json(outputs[-1])["datasets"]["cmedqa2"]["rows_in"]


# The official script writes a row for each answer; ours does so by an option.
WAYS = {
    "ours": our_way,
    "ours_all": lambda folder: our_way(folder, "answers=all"),
    "official": official_way,
    "polars": polars_way,
}
TITLES = {
    "official": "official script's steps",
    "ours_all": "ours, a row for each answer as there",
    "ours": "ours, by default: a row for each question",
    "polars": "Polars join, as many threads as there are cores",
}


def timed(way: str, folder: Path, first: Path) -> tuple[int, float]:
    """Rows and CPU seconds of a way; ``first``, a little data, takes its imports upon itself."""
    WAYS[way](first)
    start = time.process_time()
    return WAYS[way](folder), time.process_time() - start


def measure(questions: int, source: str, folder: Path, first: Path) -> dict:
    """CPU seconds, the best of its tries, and rows of each way at one size, in turns."""
    make(folder, questions, PACKED[source])
    row: dict = {"questions": questions, "source": source}
    # Each starts without memory that an earlier one has left or taken.
    fresh = ProcessPoolExecutor(1, get_context("spawn"), max_tasks_per_child=1)
    with fresh:
        for name in TRIES * (["official"] + MORE * [way for way in WAYS if way != "official"]):
            row[f"{name}_rows"], took = fresh.submit(timed, name, folder, first).result()
            row[f"{name}_cpu_s"] = min(took, row.get(f"{name}_cpu_s", took))
    shutil.rmtree(folder)
    return row


def table(rows: list[dict]) -> str:
    """The results as Markdown."""
    lines = [
        "| questions | from | way | rows | CPU s | official / this |",
        "|---:|---|---|---:|---:|---:|",
    ]
    for row in rows:
        for name, title in TITLES.items():
            seconds = row[f"{name}_cpu_s"]
            ratio = row["official_cpu_s"] / seconds
            cells = [f"{row['questions']:,}", row["source"], title, f"{row[f'{name}_rows']:,}"]
            lines.append("| " + " | ".join([*cells, f"{seconds:.2f}", f"{ratio:.1f}"]) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--questions", type=int, action="append", required=True)
    parser.add_argument("--work", type=Path, required=True, help="folder for the data; emptied")
    options = parser.parse_args()
    data, first = options.work / "data", options.work / "first"
    make(first, 500, zipfile.ZIP_STORED)
    rows = [measure(n, source, data, first) for n in options.questions for source in PACKED]
    shutil.rmtree(first)
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "conversion.json").write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    (RESULTS / "conversion.md").write_text(table(rows), encoding="utf-8")
    print(table(rows), file=sys.stderr)


if __name__ == "__main__":
    main()
