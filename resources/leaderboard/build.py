"""Make cmb-exam-2024-03-16.csv from the scraped leaderboard in COLLECTIVESFT_REAL_DATA.

Example: COLLECTIVESFT_REAL_DATA=data python resources/leaderboard/build.py
"""

import csv
import json
import os
import sys
from pathlib import Path

SOURCE = "cmb-exam-leaderboard-2024-03-16.json"
OUT = Path(__file__).with_name("cmb-exam-2024-03-16.csv")
CATEGORIES = ("医师考试", "护理考试", "药师考试", "医技考试", "专业知识考试", "医学考研")
ROUNDING = 0.02  # posted averages were formed before their parts were rounded


def rows(models: list[dict]) -> list[tuple[str, str, str]]:
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


def main() -> None:
    """Write the CSV beside this script."""
    folder = os.environ.get("COLLECTIVESFT_REAL_DATA")
    if not folder:
        sys.exit(f"error: set COLLECTIVESFT_REAL_DATA to the folder that holds {SOURCE}")
    models = json.loads(Path(folder, SOURCE).read_text(encoding="utf-8"))
    with open(OUT, "w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(("model", "category", "accuracy"))
        writer.writerows(rows(models))


if __name__ == "__main__":
    main()
