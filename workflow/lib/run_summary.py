"""Print the plan of a run and its results. Called by workflow/bin/run.

    run_summary.py end CONFIG STARTED          STARTED: a file as old as the run
    run_summary.py record CONFIG PLAN          keep the run's times for clones that have none yet;
                                            PLAN: jobs of a dry run, as our logger writes them

Colours and rules are for terminals; elsewhere it is plain text. NO_COLOR takes the colours away.
"""

import csv
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import config_check
import preflight
from layout import STAGES, Layout

ROOT = Path(__file__).parents[2]
WHAT = {
    "raw": "files with their sha256",
    "curated": "examples, ledger, data card",
    "sft": "the trained model",
    "scores": "answers and scores",
    "figures": "SVG, PDF, PNG, CSV",
    "paper": "paper.pdf, tables, pages",
    "hub": "model card and manifest",
}
# Mean seconds a job of each rule, of the last recorded run: for a clone that never ran.
RECORDED = ROOT / "benchmarks/results/run-times.csv"


@dataclass(frozen=True)
class Job:
    """One job of a plan; ``times`` is the file in which its run time is kept."""

    rule: str
    times: Path | None
    threads: int


def seconds(path: Path) -> float:
    """Run time in a benchmark file of Snakemake, the sum of its repeats."""
    with open(path, encoding="utf-8", newline="") as handle:
        return sum(float(row["s"]) for row in csv.DictReader(handle, delimiter="\t"))


def recorded(run: str) -> dict[str, float]:
    """Mean seconds of a job by rule, of the recorded run of that name; empty if there is none."""
    if not RECORDED.is_file():
        return {}
    with open(RECORDED, encoding="utf-8", newline="") as handle:
        rows = [row for row in csv.DictReader(handle) if row["run"] == run]
    return {row["rule"]: float(row["seconds"]) / int(row["jobs"]) for row in rows}


def estimate(jobs: Iterable[Job], run: str, cores: int) -> tuple[float, str] | None:
    """Seconds that the jobs may take on so many cores, and the origin of that number.

    A job's time is its own in the last run on this machine, else the mean of its rule in the
    recorded run; a run takes no less than its longest job.

    Returns:
        None where nothing is known of some job.
    """
    known, spent, sources = recorded(run), [], set()
    for job in jobs:
        if job.times and job.times.is_file():
            spent.append((seconds(job.times), job.threads))
            sources.add("the last run here")
        elif job.rule in known:
            spent.append((known[job.rule], job.threads))
            sources.add("the recorded run on two cores")
        else:
            return None
    work = sum(time * min(threads, cores) for time, threads in spent) / cores
    return max([work, *(time for time, _ in spent)]), " and ".join(sorted(sources))


def duration(value: float) -> str:
    """Seconds as people say them."""
    if value < 90:
        return f"{value:.0f} s"
    return f"{value / 60:.0f} min" if value < 5400 else f"{value / 3600:.1f} h"


def start_lines(config: dict, jobs: list[Job], cores: int | None) -> Iterator[str]:
    """Say how much will run, how long it may take, how much disk it needs, where to look.

    Args:
        cores: cores that the jobs share; None where they run on other machines.
    """
    run = config["run"]
    counts = Counter(job.rule.partition("_")[0] for job in jobs)
    parts = ", ".join(f"{stage} {counts[stage]}" for stage in STAGES if counts[stage])
    noun = "job" if len(jobs) == 1 else "jobs"
    shared = f" on {cores} core{'s' * (cores > 1)}" if cores else ""
    yield f"Run {run}: {len(jobs)} {noun} ({parts}){shared}."
    found = estimate(jobs, run, cores) if cores else None
    yield (
        f"Time: about {duration(found[0])}, by {found[1]}."
        if found
        else ("Time: not known; no run of this configuration was measured yet.")
    )
    disk = preflight.disk(config, ROOT)
    yield f"Disk: {disk.found}." + (f" {disk.remedy}." if disk.remedy else "")
    at = Layout(run)
    yield f"Results: {at.results}/, logs: {at.logs}/."


def stage_rows(run: str, started: float) -> list[tuple[str, int, float, str]]:
    """Stage, jobs of this run, their seconds, and where the stage's results are.

    Args:
        started: modification times from then on are this run's, in seconds since 1970.
    """
    rows = []
    at = Layout(run)
    for stage in STAGES:
        files = sorted(Path(at.stage_logs(stage)).rglob("*.benchmark.tsv"))
        spent = [seconds(path) for path in files if path.stat().st_mtime >= started]
        rows.append((stage, len(spent), sum(spent), f"{at.stage(stage)}/"))
    return rows


def places(run: str) -> Iterator[tuple[str, str]]:
    """Return the results that people look for first, and their paths."""
    at = Layout(run)
    yield "paper", at.path("paper")
    yield "figures", f"{at.stage('figures')}/"
    yield "ledger", at.path("ledger page", experiment="*")
    yield "model", f"{at.path('model', experiment='*')}/"
    yield "report", at.report


def ledger_rows(path: Path) -> Iterator[tuple[str, ...]]:
    """Dataset, rows read and rows that each step kept: heads first, the total last.

    Args:
        path: what ``collectivesft curated ledger`` wrote; its steps are in order.
    """
    content = json.loads(path.read_text(encoding="utf-8"))
    steps = content["steps"]
    yield "dataset", "raw", *steps
    for name, entry in [*content["datasets"].items(), ("total", content["totals"])]:
        first = f"{entry[steps[0]]['rows_in']:,}"
        yield name, first, *(f"{entry[s]['kept']:,}" if s in entry else "" for s in steps)


def end(run: str, headline: str, started: float) -> None:
    """Print the ledger, the table of scores, the work of this run by stage, and the paths.

    Args:
        headline: the experiment whose ledger is shown.
    """
    from collectivesft.scores.show import show

    ledger = Path(Layout(run).path("ledger", experiment=headline))
    if ledger.is_file():
        print("\nRows kept after each step")
        _print_table(*ledger_rows(ledger), right=slice(1, None))
    print(flush=True)
    show(Path(Layout(run).path("table")))
    rows = [row for row in stage_rows(run, started) if row[1]]
    if rows:
        heads = ("stage", "jobs", "job time", "results", "folder")
        cells = ((s, str(jobs), duration(t), WHAT[s], place) for s, jobs, t, place in rows)
        _print_table(heads, *cells, right=slice(1, 3))
    print()
    for name, place in places(run):
        print(f"{name:<8} {place}")


def _print_table(heads: tuple[str, ...], *rows: tuple[str, ...], right: slice) -> None:
    """A line above it is empty; the columns of ``right`` are numbers."""
    numbers = set(range(len(heads))[right])
    if not sys.stdout.isatty():
        widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
        print()
        for row in (heads, *rows):
            cells = (
                cell.rjust(width) if number in numbers else cell.ljust(width)
                for number, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
            print("  ".join(cells).rstrip())
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(*heads, box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for number in numbers:
        table.columns[number].justify = "right"
    for row in rows:
        table.add_row(*row)
    console = Console(highlight=False)
    console.print()
    console.print(table)


def record(run: str, jobs: Iterable[Job]) -> None:
    """Write run times by rule of a finished run into RECORDED, instead of its former times."""
    rows = []
    if RECORDED.is_file():
        with open(RECORDED, encoding="utf-8", newline="") as handle:
            rows = [row for row in csv.DictReader(handle) if row["run"] != run]
    by_rule: dict[str, list[float]] = {}
    for job in jobs:
        if job.times and job.times.is_file():
            by_rule.setdefault(job.rule, []).append(seconds(job.times))
    for rule, spent in by_rule.items():
        total = f"{sum(spent):.2f}"
        rows.append({"run": run, "rule": rule, "jobs": len(spent), "seconds": total})
    with open(RECORDED, "w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, ("run", "rule", "jobs", "seconds"), lineterminator="\n")
        writer.writeheader()
        writer.writerows(sorted(rows, key=lambda row: (row["run"], row["rule"])))


def main(arguments: list[str]) -> int:
    """Run one of the commands of this file."""
    verb, overlay, *rest = arguments
    try:
        config = config_check.load(ROOT, Path(overlay))
    except config_check.ConfigurationError as error:
        print(error.report(), file=sys.stderr)
        return 1
    if verb == "end":
        end(config["run"], config["headline"]["experiment"], Path(rest[0]).stat().st_mtime)
    elif verb == "record":
        from run_command import read_plan

        record(config["run"], [job for job in read_plan(Path(rest[0])) if job.rule != "all"])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
