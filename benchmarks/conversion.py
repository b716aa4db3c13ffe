"""Measures the conversion of cMedQA2: this package's command, and the way of the official script.

The official script asks a whole table for each right answer, so its time grows with the square
of the rows; it is measured, in our own words, where that still ends.

    python benchmarks/conversion.py --questions 16000 --questions 100000 --work /tmp/conversion
"""

import argparse
import json
import shutil
import sys
import time
import zipfile
from pathlib import Path

import data

from collectivesft.curated.read import read_dataset
from collectivesft.files import sha256, write_json

RESULTS = Path(__file__).parent / "results"
OFFICIAL_UP_TO = 100_000
CANDIDATES = 50  # lines of train_candidates.txt for each question, as its 110 MB have


def make(folder: Path, questions: int) -> Path:
    """Write the three archives in upstream's format; returns the manifest."""
    words = data.Words(5)
    answers: list[str] = []
    asked, candidates = ["question_id,content"], ["question_id,ans_id,cnt,label"]
    for n in range(questions):
        asked.append(f'{n},"{words.text("zh", 49)}"')
        right = range(len(answers), len(answers) + 1 + (words.random.random() < 0.88))
        answers += [f'{i},{n},"{words.text("zh", 101)}"' for i in right]
        others = [words.random.randrange(len(answers)) for _ in range(CANDIDATES - len(right))]
        candidates += [f"{n},{i},0,1" for i in right]
        candidates += [f"{n},{i},0,0" for i in others if i not in right]
    members = {
        "question.zip": ("question.csv", asked),
        "answer.zip": ("answer.csv", ["ans_id,question_id,content", *answers]),
        "train_candidates.zip": ("train_candidates.txt", candidates),
    }
    (folder / "files").mkdir(parents=True, exist_ok=True)
    files = []
    for name, (member, lines) in members.items():
        path = folder / "files" / name
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(member, "\n".join(lines) + "\n")
        size = path.stat().st_size
        files.append({"path": name, "size": size, "sha256": sha256(path), "origin": "made up"})
    write_json(folder / "manifest.json", {"source": "cmedqa2", "files": files})
    return folder / "manifest.json"


def official_way(folder: Path) -> int:
    """For each right answer one look through all questions and one through all answers."""
    import pandas

    tables = []
    for name, member in (
        ("train_candidates.zip", "train_candidates.txt"),
        ("question.zip", "question.csv"),
        ("answer.zip", "answer.csv"),
    ):
        with zipfile.ZipFile(folder / "files" / name) as archive, archive.open(member) as handle:
            tables.append(pandas.read_csv(handle))
    candidates, questions, answers = tables
    rows = []
    for pair in candidates[candidates["label"] == 1].itertuples():
        question = questions[questions["question_id"] == pair.question_id]["content"].iloc[0]
        answer = answers[answers["ans_id"] == pair.ans_id]["content"].iloc[0]
        rows.append({"instruction": question, "output": answer})
    (folder / "official.json").write_text(json.dumps(rows, ensure_ascii=False, indent=4))
    return len(rows)


def measure(questions: int, folder: Path) -> dict:
    """CPU seconds of both ways at one size."""
    manifest = make(folder, questions)
    row: dict = {"questions": questions}
    start = time.process_time()
    outputs = (folder / name for name in ("read.parquet", "read.dropped.parquet", "ledger.json"))
    read_dataset("cmedqa2", manifest, *outputs)
    row["cpu_s"] = time.process_time() - start
    if questions <= OFFICIAL_UP_TO:
        start = time.process_time()
        row["official_rows"] = official_way(folder)
        row["official_cpu_s"] = time.process_time() - start
    shutil.rmtree(folder)
    return row


def table(rows: list[dict]) -> str:
    """The results as Markdown."""
    lines = ["| questions | ours, CPU s | official way, CPU s | ratio |", "|---:|---:|---:|---:|"]
    for row in rows:
        official = row.get("official_cpu_s")
        shown = [f"{official:.1f}", f"{official / row['cpu_s']:.0f}"] if official else ["", ""]
        cells = [f"{row['questions']:,}", f"{row['cpu_s']:.2f}", *shown]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--questions", type=int, action="append", required=True)
    parser.add_argument("--work", type=Path, required=True, help="folder for the data; emptied")
    options = parser.parse_args()
    rows = [measure(n, options.work / str(n)) for n in options.questions]
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "conversion.json").write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    (RESULTS / "conversion.md").write_text(table(rows), encoding="utf-8")
    print(table(rows), file=sys.stderr)


if __name__ == "__main__":
    main()
