"""Measures stage curated: its own commands, one after the other, on made-up rows.

Rows a second, CPU seconds of all processes, and the most memory that they held together; the share
of planted copies and leaks that was found; and near-copy removal with other libraries, in one run.

    python benchmarks/curation.py --size 100000 --size 500000 --work /tmp/curation
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import data
import pyarrow.parquet as pq

from collectivesft.common.files import write_json

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks/results"
PAGE = os.sysconf("SC_PAGE_SIZE")
TEXTS, LENGTH, PAIRS = 50_000, 120, 5_000


def run(*arguments: str | Path, clone: Path = ROOT, stage: str = "curated") -> dict[str, float]:
    """Run one command of the package; wall and CPU seconds and peak memory in MB."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "collectivesft", stage, *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(clone / "src")}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    peak = Peak(process.pid)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"failed: {' '.join(command)}")
    cpu = usage.ru_utime + usage.ru_stime
    return {"wall_s": time.perf_counter() - start, "cpu_s": cpu, "peak_mb": peak.stop()}


class Peak(threading.Thread):
    """Watches the memory of a process and all below it, ten times a second."""

    def __init__(self, pid: int):
        super().__init__(daemon=True)
        self._pid, self._most, self._ended = pid, 0, threading.Event()
        self.start()

    def run(self) -> None:
        """Look until told to stop."""
        while not self._ended.wait(0.1):
            self._most = max(self._most, sum(map(_resident, _family(self._pid))))

    def stop(self) -> float:
        """The most that was seen, in MB."""
        self._ended.set()
        self.join()
        return self._most / 1e6


def _family(pid: int) -> Iterator[int]:
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            for child in children.read_text().split():
                yield from _family(int(child))
        except OSError:  # it has just ended
            continue


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
    except OSError:  # it has just ended
        return 0


def curate(
    size: int, folder: Path, threads: int, clone: Path | None = None, repeat: int = 1
) -> dict:
    """Make rows, run every step on them, and count the planted rows that were found.

    Steps that were measured before a kill stay in the folder and are not measured again. With
    ``clone``, the clone of a second build, each step is measured right after with that build too,
    on the same input; with ``repeat`` both take turns so many times.
    """
    if not (folder / "planted.jsonl").exists():
        data.make(folder, size)
    measured = folder / "steps.json"
    steps = json.loads(measured.read_bytes()) if measured.exists() else {}
    rows = sum(data.counts(size).values())
    second = work_of(folder, threads, clone, "second.") if clone else {}
    for name, work in work_of(folder, threads).items():
        if name not in steps:
            both = [work, second[name]] if second else [work]
            rounds = [[side() for side in both] for _ in range(repeat)]
            step, *others = map(best, zip(*rounds, strict=True))
            step["rows_per_s"] = rows / step["wall_s"]
            step["rows_per_cpu_s"] = rows / step["cpu_s"]
            steps[name] = step | ({"second": others[0]} if others else {})
            write_json(measured, steps)
    # Sorted by name in the file, in their order here.
    steps = {name: steps[name] for name in work_of(folder, threads)}
    result = {"rows": rows, "threads": threads, "repeat": repeat}
    result |= {"steps": steps, "found": found(folder)}
    return result | ({"found_second": found(folder, "second.")} if second else {})


def best(runs: Iterable[dict[str, float]]) -> dict[str, float]:
    """Several runs of one command as one: the least of each time, the most memory.

    Other work on the machine only ever adds to a time, and memory counts at its highest.
    """
    found = list(runs)
    whole = {name: min(run[name] for run in found) for name in ("wall_s", "cpu_s")}
    return {**whole, "peak_mb": max(run["peak_mb"] for run in found)}


def work_of(
    folder: Path, threads: int, clone: Path = ROOT, prefix: str = ""
) -> dict[str, Callable[[], dict[str, float]]]:
    """Return the steps of one build in their order.

    Args:
        prefix: of the names of its files; the input is always that of this build.
    """
    cleaned = [part for n in data.SHAPES for part in ("--examples", folder / f"{n}.clean")]
    more = ("--threads", threads)
    source = ("--examples", folder / "dedup", "--items", folder / "items.jsonl")
    report = ("--report", folder / f"{prefix}report.json")
    (folder / "recipe.yaml").write_text("mixture: {}\n")
    mixed = ("--recipe", folder / "recipe.yaml", "--out", folder / f"{prefix}train")
    mixed += ("--validation", folder / f"{prefix}validation")
    mixed += ("--ledger", folder / f"{prefix}mix.json", "--stats", folder / f"{prefix}stats")

    def step(verb: str, name: str, *options: str | Path) -> dict[str, float]:
        return run(verb, *options, *outputs(folder, f"{prefix}{name}"), clone=clone)

    def read(name: str) -> dict[str, float]:
        manifest = folder / "raw" / name / "manifest.json"
        return step("read", f"{name}.read", "--dataset", name, "--manifest", manifest)

    def clean(name: str) -> dict[str, float]:
        return step("clean", f"{name}.clean", "--examples", folder / f"{name}.read", *more)

    return {
        "read": lambda: total(map(read, data.SHAPES)),
        "clean": lambda: total(map(clean, data.SHAPES)),
        "dedup": lambda: step("dedup", "dedup", *cleaned, *more),
        "decontaminate": lambda: step("decontaminate", "clear", *source, *report, *more),
        "mix": lambda: run("mix", "--examples", folder / "clear", *mixed, clone=clone),
    }


def outputs(folder: Path, step: str) -> list[str | Path]:
    """The options that say where a step writes."""
    names = {"--out": step, "--dropped": f"{step}.dropped", "--ledger": f"{step}.json"}
    return [part for option, name in names.items() for part in (option, folder / name)]


def total(parts: Iterable[dict[str, float]]) -> dict[str, float]:
    """Several commands as one: times add up, memory does not."""
    found = list(parts)
    whole = {name: sum(part[name] for part in found) for name in ("wall_s", "cpu_s")}
    return {**whole, "peak_mb": max(part["peak_mb"] for part in found)}


def found(folder: Path, prefix: str = "") -> dict[str, float]:
    """Shares of planted rows that were dropped, and drops of near copies that were not planted.

    A copy counts where it came through cleaning.

    Args:
        prefix: of the build's files.
    """
    gone = {}
    for step in [f"{name}.clean" for name in data.SHAPES] + ["dedup", "clear"]:
        table = pq.read_table(folder / f"{prefix}{step}.dropped", columns=["id", "reason"])
        gone |= dict(zip(*(column.to_pylist() for column in table.columns), strict=True))
    with open(folder / "planted.jsonl", encoding="utf-8") as handle:
        planted = [json.loads(line) for line in handle]
    copies = ("exact_duplicate", "near_duplicate")
    near = [p for p in planted if p["kind"] == "near" and p["similarity"] >= 0.82]
    kinds = {
        "exact": ([p for p in planted if p["kind"] == "exact"], copies),
        "near": (near, copies),
        "leak": ([p for p in planted if p["kind"] == "leak"], (*copies, "in_benchmark")),
    }
    recall = {
        kind: sum(gone.get(p["id"]) in reasons for p in rows) / max(len(rows), 1)
        for kind, (rows, reasons) in kinds.items()
    }
    counts = {f"planted_{kind}": len(rows) for kind, (rows, _) in kinds.items()}
    known = {p["id"] for p in planted}
    extra = sum(reason in copies and id not in known for id, reason in gone.items())
    return {**recall, **counts, "copies_not_planted": extra}


def near_copies(work: Path, interpreter: str) -> list[dict]:
    """Near-copy removal by several ways on the same texts, one process each."""
    texts, planted = data.pairs(TEXTS, LENGTH, PAIRS)
    work.mkdir(parents=True, exist_ok=True)
    (work / "texts.json").write_text(json.dumps([texts, planted]), encoding="utf-8")
    rows = []
    for peer in ("ours", "flat", "rensa", "datasketch"):
        python = sys.executable if peer == "ours" else interpreter
        command = [python, Path(__file__).with_name("peers.py"), peer, work / "texts.json"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "RAYON_NUM_THREADS": "1"}
        environment["OMP_NUM_THREADS"] = "1"
        if shutil.which(python) is None:
            sys.exit(f"--peers: no interpreter {python}")
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"{peer}: left out ({done.stderr.strip().splitlines()[-1]})", file=sys.stderr)
        else:
            rows.append(json.loads(done.stdout))
    return rows


def table(result: dict) -> str:
    """The results as Markdown."""
    lines = [f"Measured on: {result['machine']}.", "", "## Stage curated, all 13 datasets", ""]
    lines += ["| rows | step | rows/s | rows a CPU second | CPU s | peak MB | second build |"]
    lines += ["|---:|---|---:|---:|---:|---:|---|"]
    for run in result["sizes"]:
        for name, step in run["steps"].items():
            cells = [f"{run['rows']:,}", name, f"{step['rows_per_s']:,.0f}"]
            cells += [f"{step['rows_per_cpu_s']:,.0f}", f"{step['cpu_s']:,.1f}"]
            cells += [f"{step['peak_mb']:,.0f}", beside(step)]
            lines.append("| " + " | ".join(cells) + " |")
    lines += [
        "",
        "The second build, where one was named (`--beside`), ran each step right after this",
    ]
    lines += [
        "one, on the same input: its CPU seconds, its most memory, and how many times as many"
    ]
    lines += ["rows a CPU second this build has."]
    repeated = [run for run in result["sizes"] if run.get("repeat", 1) > 1]
    if repeated:
        times = ", ".join(f"{run['rows']:,} rows {run['repeat']} times" for run in repeated)
        lines += ["", f"Each step ran more than once (`--repeat`), both builds in turn: {times}."]
        lines += ["Given are the fewest seconds and the most memory of each build."]
    lines += ["", "Found of what was planted (near copies of Jaccard 0.82 and more):", ""]
    lines += ["| rows | exact copies | near copies | benchmark items | copies not planted |"]
    lines += ["|---:|---:|---:|---:|---:|"]
    for run in result["sizes"]:
        for key, build in (("found", ""), ("found_second", ", second build")):
            if key in run:
                shares = [f"{run[key][kind]:.2%}" for kind in ("exact", "near", "leak")]
                cells = [f"{run['rows']:,}{build}", *shares]
                cells.append(f"{run[key]['copies_not_planted']:,}")
                lines.append("| " + " | ".join(cells) + " |")
    lines += ["", f"## Near copies: {TEXTS:,} texts of {LENGTH} characters, {PAIRS:,} planted", ""]
    lines += ["Copies of Jaccard 0.8 and more are to be found; what is less alike is to stay, so a"]
    lines += [
        "share above 0 of those at 0.7 to 0.8 is a fault, counted in the last column too.",
        "",
    ]
    lines += ["| way | rows a CPU second | found at 0.8 and more | at 0.7 to 0.8 | wrongly |"]
    lines += ["|---|---:|---:|---:|---:|"]
    for row in result["near_copies"]:
        cells = [row["way"], f"{row['rows_per_cpu_s']:,.0f}", f"{row['recall']:.3f}"]
        cells += [f"{row['flagged_below']:.3f}", f"{row['false']:,}"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def beside(step: dict) -> str:
    """Return the cell of the second build; empty where none was measured."""
    if "second" not in step:
        return ""
    second = step["second"]
    times = second["cpu_s"] / step["cpu_s"]
    return f"{second['cpu_s']:,.1f} s, {second['peak_mb']:,.0f} MB: {times:.2f} times"


def main() -> None:
    """Measure and write the results; sizes measured before stay in them."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--size", type=int, action="append", default=[], help="rows in all")
    parser.add_argument("--work", type=Path, required=True, help="folder for the data; emptied")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--peers", default=sys.executable, help="interpreter with the peers")
    parser.add_argument("--beside", type=Path, help="clone of a second build to measure too")
    parser.add_argument(
        "--repeat", type=int, default=1, help="runs of each step; the fewest seconds count"
    )
    parser.add_argument("--near-copies", action="store_true", help="measure these ways too")
    options = parser.parse_args()
    if options.repeat < 1:
        parser.error("--repeat: at least 1")
    for size in options.size:
        folder = options.work / str(size)
        save(curate(size, folder, options.threads, options.beside, options.repeat))
        shutil.rmtree(folder)
    if options.near_copies:
        save(near=near_copies(options.work, options.peers))


def save(run: dict | None = None, near: list[dict] | None = None) -> None:
    """Add a result to the earlier ones, as soon as it is there: one may take an hour."""
    path = RESULTS / "curation.json"
    before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    sizes = {old["rows"]: old for old in before.get("sizes", [])}
    sizes |= {run["rows"]: run} if run else {}
    result = {
        "machine": f"{os.cpu_count()} cores ({platform.machine()}), Python "
        f"{platform.python_version()}, other work running beside it",
        "sizes": [sizes[rows] for rows in sorted(sizes)],
        "near_copies": near or before.get("near_copies", []),
    }
    RESULTS.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    (RESULTS / "curation.md").write_text(table(result), encoding="utf-8")


if __name__ == "__main__":
    main()
