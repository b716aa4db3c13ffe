"""Make the CSV files here from the scraped leaderboards in COLLECTIVESFT_REAL_DATA.

Example: COLLECTIVESFT_REAL_DATA=data python resources/leaderboard/build.py
"""

import csv
import json
import os
import sys
from pathlib import Path

EXAM = "cmb-exam-leaderboard-2024-03-16.json"
CLIN = "cmb-clin-leaderboard-2024-03-16.json"
CATEGORIES = ("医师考试", "护理考试", "药师考试", "医技考试", "专业知识考试", "医学考研")
ASPECTS = ("Fluency", "Relevance", "Completeness", "Proficiency")
ROUNDING = 0.02  # posted averages were formed before their parts were rounded

Rows = list[tuple[str, str, str]]


def exam_rows(models: list[dict]) -> Rows:
    """(model, category, accuracy in percent): six categories and then "macro" for each model.

    macro is the average as posted, or the mean of the six categories where that contradicts it.
    """
    found = []
    for model in models:
        values = [float(model[f"Avg._{category}"]) for category in CATEGORIES]
        mean, posted = sum(values) / len(values), float(model["Avg."])
        macro = posted if abs(posted - mean) <= ROUNDING else mean
        for category, value in zip((*CATEGORIES, "macro"), (*values, macro), strict=True):
            found.append((model["Model"], category, f"{value:.2f}"))
    return found


def clin_rows(models: list[dict]) -> Rows:
    """(model, aspect, grade from 1 to 5): four aspects and then "average", all as posted."""
    return [
        (model["Model"], aspect.lower().replace("avg.", "average"), f"{float(model[aspect]):.2f}")
        for model in models
        for aspect in (*ASPECTS, "Avg.")
    ]


def main(folder: Path, out: Path) -> None:
    """Write both files into a folder."""
    for name, columns, rows in (
        (EXAM, ("model", "category", "accuracy"), exam_rows),
        (CLIN, ("model", "aspect", "grade"), clin_rows),
    ):
        models = json.loads((folder / name).read_text(encoding="utf-8"))
        path = out / name.replace("-leaderboard", "").replace(".json", ".csv")
        with open(path, "w", encoding="utf-8", newline="") as handle:
            writer = csv.writer(handle, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows(rows(models))


if __name__ == "__main__":
    if not os.environ.get("COLLECTIVESFT_REAL_DATA"):
        sys.exit(f"error: set COLLECTIVESFT_REAL_DATA to the folder that holds {EXAM} and {CLIN}")
    main(Path(os.environ["COLLECTIVESFT_REAL_DATA"]), Path(__file__).parent)
