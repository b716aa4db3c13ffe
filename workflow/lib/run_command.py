"""Rebuild the results of a configuration: print the plan, run it, print the results' paths.

    workflow/bin/run CONFIG [more arguments of snakemake]

The lock on a file tells a run that still works from one that was killed: a killed run leaves
Snakemake's own lock behind, which is removed here once nothing of that run lives any more.
"""

import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import config_check
import run_paths
import run_summary
from layout import Layout

STATE = Path(".snakemake")
PLAN, STARTED = STATE / "plan", STATE / "started"
# Newer than the report: it is made again.
SHOWN = ("scores", "figures", "paper")


def main(arguments: Sequence[str]) -> int:
    """The command line; the exit code."""
    if not arguments:
        sys.exit("error: no configuration. Use: workflow/bin/run CONFIG [arguments of snakemake]")
    overlay, *rest = arguments
    if not says_cores(rest, os.environ):
        rest = ["--cores", "all", *rest]
    root = Path.cwd()  # workflow/bin/run goes to the clone
    _prepare_environment(root)
    try:
        config = config_check.load(root, Path(overlay))
        found = [problem for _, problem in run_paths.raw_problems(config)]
        found += [*config_check.key_problems(config, os.environ), *problems(config, rest)]
        config_check.refuse(found, [root / "config/config.yaml", Path(overlay)])
    except config_check.ConfigurationError as error:
        sys.exit(error.report())
    if {"-n", "--dry-run", "--dryrun"} & set(rest):
        return _snakemake(overlay, *rest)
    _check_writable(config["run"])
    lock = _lock()
    if any(STATE.glob("locks/*")):
        _snakemake(overlay, "--unlock", "--quiet", "all")
    return run(config, overlay, rest, lock)


def problems(config: dict, rest: Sequence[str]) -> list[config_check.Problem]:
    """Return what this way of running cannot give the configuration."""
    if config["nodes"] > 1 and not sends_jobs(rest, os.environ):
        text = f"{config['nodes']}: several need Slurm; use workflow/bin/slurm, or set 1"
        return [config_check.Problem(("nodes",), text)]
    return []


def run(config: dict, overlay: str, rest: Sequence[str], lock: int) -> int:
    """Plan, run and show one run; the exit code."""
    began = time.monotonic()
    PLAN.unlink(missing_ok=True)
    # The plan comes first: it takes seconds, and nothing follows where no job is left.
    planned = _snakemake(overlay, "--dry-run", *rest, COLLECTIVESFT_PLAN=str(PLAN.absolute()))
    if planned:
        return planned
    STARTED.touch()
    jobs = read_plan()
    asked = [job for job in jobs if job.rule != "all"]
    if not asked:
        print(f"Run {config['run']}: Nothing to be done: all files are there and up to date.")
    else:
        print("\n".join(run_summary.start_lines(config, asked, cores(rest))), flush=True)
        progress = os.environ.get("COLLECTIVESFT_PROGRESS", _terminal())
        code = _snakemake(overlay, *rest, lock=lock, COLLECTIVESFT_PROGRESS=progress)
        if code:
            return code
    if whole(jobs, rest):
        _report(config["run"], overlay)
        run_summary.end(config["run"], config["headline"]["experiment"], STARTED.stat().st_mtime)
        for line in _left_out(config["run"]):
            print(line)
    if asked:
        print(f"\nFinished in {run_summary.duration(time.monotonic() - began)}.")
    return 0


def read_plan(path: Path = PLAN) -> list[run_summary.Job]:
    """The jobs that a dry run has written."""
    if not path.is_file():
        return []
    rows = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return [
        run_summary.Job(
            row["rule"], Path(row["benchmark"]) if row["benchmark"] else None, row["threads"]
        )
        for row in rows
    ]


def says_cores(rest: Sequence[str], environ: Mapping[str, str]) -> bool:
    """Return whether somebody says how many jobs run at once, or where; Snakemake asks for it."""
    words = ("--cores", "--jobs", "--profile", "--workflow-profile", "--executor")
    return bool(environ.get("SNAKEMAKE_PROFILE")) or any(
        word.partition("=")[0] in words or re.fullmatch(r"-[cje]\S*", word) for word in rest
    )


def sends_jobs(rest: Sequence[str], environ: Mapping[str, str]) -> bool:
    """Return whether a profile or an executor sends jobs to other machines."""
    words = ("--profile", "--executor", "-e")
    return bool(environ.get("SNAKEMAKE_PROFILE")) or any(
        word.partition("=")[0] in words for word in rest
    )


def cores(rest: Sequence[str]) -> int | None:
    """Return the cores that the jobs share; None where a profile sends them to other machines."""
    if sends_jobs(rest, {}):
        return None
    value = None
    for position, word in enumerate(rest):
        if word in ("--cores", "-c", "-j", "--jobs"):
            value = rest[position + 1 : position + 2]
            value = value[0] if value else None
        elif glued := re.fullmatch(r"(?:--cores=|--jobs=|-[cj])(\w+)", word):
            value = glued[1]
    if value and value.isdigit():
        return int(value)
    # macOS has no affinity of processes to cores.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def whole(jobs: Sequence[run_summary.Job], rest: Sequence[str]) -> bool:
    """Say if the whole run was asked for, not single files or rules."""
    if jobs:
        return any(job.rule == "all" for job in jobs)
    if len(rest) <= 2:  # such as --cores 4
        return True
    from snakemake.cli import get_argument_parser

    targets = get_argument_parser().parse_known_args(list(rest))[0].targets
    return not targets or set(targets) == {"all"}


def _terminal(proc: Path = Path("/proc")) -> str:
    """Return a name of this process's stderr for other processes, empty where it has none."""
    file = proc / str(os.getpid()) / "fd/2"
    if file.parent.is_dir():
        return str(file)
    return os.ttyname(2) if os.isatty(2) else ""  # macOS has no /proc


def _prepare_environment(root: Path) -> None:
    # A folder behind a link: Apptainer and shells go by PWD, which must name the real one.
    os.environ["PWD"] = str(root)
    path = os.pathsep.join([str(root / "src"), str(root / "workflow/lib")])
    os.environ["PYTHONPATH"] = path
    # Snakemake keeps a cache in the user's home, which some machines do not let a job write to.
    home = os.environ.get("HOME") or "/"
    cache = Path(os.environ.get("XDG_CACHE_HOME") or f"{home}/.cache")
    try:
        cache.mkdir(parents=True, exist_ok=True)
        usable = os.access(cache, os.W_OK)
    except OSError:
        usable = False
    if not usable:
        os.environ["XDG_CACHE_HOME"] = str(root / STATE / "cache")
        Path(os.environ["XDG_CACHE_HOME"]).mkdir(parents=True, exist_ok=True)


def _check_writable(name: str) -> None:
    for folder in (STATE, Path(Layout(name).results), Path(Layout(name).logs)):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            usable = os.access(folder, os.W_OK | os.X_OK)
        except OSError:
            usable = False
        if not usable:
            sys.exit(f"error: {folder}: not allowed to write here. Check its permissions.")


def _lock() -> int:
    lock = os.open(STATE / "alive", os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit("error: a run still works in this folder. Wait for it, or end it first.")
    return lock


def _snakemake(overlay: str, *rest: str, lock: int | None = None, **environ: str) -> int:
    """Run Snakemake with our logger and wait for it, also after an interrupt."""
    command = [sys.executable, str(Path(__file__).with_name("start_snakemake.py"))]
    # --configfile and --logger take several words: an option without one ends their lists.
    command += ["--configfile", overlay, "--logger", "collectivesft", "--rerun-incomplete", *rest]
    process = subprocess.Popen(
        command, env=os.environ | environ, pass_fds=() if lock is None else (lock,)
    )
    before = signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    try:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:  # the terminal has told Snakemake too, which ends its jobs
                continue
    finally:
        signal.signal(signal.SIGTERM, before)


def _report(name: str, overlay: str) -> None:
    """Make the HTML report where something that it shows is newer."""
    at = Layout(name)
    report = Path(at.report)
    if report.is_file():
        made = report.stat().st_mtime
        sources = [Path("workflow/report"), *(Path(at.stage(one)) for one in SHOWN)]
        files = [path for source in sources for path in source.rglob("*")]
        if all(path.stat().st_mtime <= made for path in files):
            return
    done = subprocess.run(
        ["workflow/bin/make-report", overlay], stdout=subprocess.DEVNULL, check=False
    )
    if done.returncode:
        sys.exit(done.returncode)


def _left_out(name: str) -> list[str]:
    """Return the warnings of stage raw about skipped datasets."""
    logs = sorted(Path(Layout(name).stage_logs("raw")).rglob("*.log"))
    lines = [line for path in logs for line in path.read_text("utf-8", "replace").splitlines()]
    return [line for line in lines if line.startswith("warning: ") and " left out of " in line]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
