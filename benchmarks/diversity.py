"""Draw equal-budget mixtures of one run's curated examples and compare their Vendi scores.

    PYTHONPATH=src python benchmarks/diversity.py RUN/2_curated/full/decontaminate.parquet

Reads the examples that a finished `make demo` or `make real` curated; trains nothing. Writes
benchmarks/results/diversity.md: mixtures of 1, 2, 4, ... datasets (five draws each), random rows,
and each dataset left out, all with the same number of examples.
"""

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import mean

from collectivesft.common.errors import InputError
from collectivesft.common.files import read_json, write_text
from collectivesft.curated.mix import mix_file

KEPT = Path(__file__).parent / "results/diversity.md"
DRAWS = 5


def wanted(names: list[str], budget: str) -> Iterator[tuple[str, str]]:
    """Mixtures by name, as text of YAML."""
    for size in (n for n in (1, 2, 4, 8) if n < len(names)):
        for draw in range(1, DRAWS + 1):
            yield f"{size} of {len(names)} datasets", f"{{choose: {size}, draw: {draw}, {budget}}}"
    yield f"all {len(names)} datasets", f"{{{budget}}}"
    yield "random rows", f"{{examples_by: rows, {budget}}}"
    for name in names:
        rest = ", ".join(other for other in names if other != name)
        yield "one left out", f"{{datasets: [{rest}], {budget}}}"


def measure(examples: Path, mixture: str, folder: Path) -> float | None:
    """Return the Vendi score of a mixture; None where its datasets are too small."""
    recipe = folder / "grid.yaml"
    recipe.write_text(f"mixture: {mixture}\n", encoding="utf-8")
    paths = [folder / name for name in ("train.parquet", "validation.parquet", "l.json", "s.json")]
    try:
        mix_file(examples, recipe, *paths)
    except InputError as error:
        if "mixture.examples" not in str(error):
            raise
        return None
    return read_json(paths[-1])["vendi"]["score"]


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, help="decontaminate.parquet of a run")
    parser.add_argument("--examples", type=int, default=24, help="size of every mixture")
    given = parser.parse_args()
    found: dict[str, list[float | None]] = {}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        recipe = folder / "all.yaml"
        recipe.write_text("mixture: {}\n", encoding="utf-8")
        paths = [folder / name for name in ("t.parquet", "v.parquet", "l.json", "s.json")]
        mix_file(given.file, recipe, *paths)
        names = sorted(part["dataset"] for part in read_json(paths[-1])["datasets"])
        for label, mixture in wanted(names, f"examples: {given.examples}, validation: 0"):
            found.setdefault(label, []).append(measure(given.file, mixture, folder))
    lines = [
        f"Vendi scores of mixtures of {given.examples} examples, by `benchmarks/diversity.py`."
        " Nothing was trained here: the table shows how diversity moves at one size, not what it"
        " does to accuracy.\n",
        "| mixture | draws | too small | Vendi, mean | lowest | highest |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for label, every in found.items():
        values = [value for value in every if value is not None]
        cells = [f"{f(values):.1f}" if values else "-" for f in (mean, min, max)]
        lines.append(
            f"| {label} | {len(every)} | {len(every) - len(values)} | {' | '.join(cells)} |"
        )
    write_text(KEPT, "\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
