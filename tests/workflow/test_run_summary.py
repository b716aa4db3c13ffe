"""Messages of a run: before it starts, a line a job, and at its end."""

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import run_command
import run_summary
import yaml

from tests.helpers import snakemake_server

ROOT = Path(__file__).parents[2]
PLAN = [
    {"rule": "raw_fetch", "benchmark": "logs/tiny/1_raw/cmid.benchmark.tsv", "threads": 1},
    {"rule": "raw_fetch", "benchmark": "logs/tiny/1_raw/cmb.benchmark.tsv", "threads": 1},
    {"rule": "sft_train", "benchmark": "logs/tiny/3_sft/train.benchmark.tsv", "threads": 2},
]
TIMES = "s\th:m:s\n{}\t0:00:00\n"


@pytest.fixture
def times(tmp_path, monkeypatch):
    """Write run times of the last run, in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def write(**seconds: float) -> None:
        for name, value in seconds.items():
            stage = "3_sft" if name == "train" else "1_raw"
            path = tmp_path / f"logs/tiny/{stage}/{name}.benchmark.tsv"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(TIMES.format(value), encoding="utf-8")

    return write


def planned() -> list[run_summary.Job]:
    """The jobs of PLAN, as a dry run writes them."""
    path = Path("plan")
    path.write_text("".join(json.dumps(row) + "\n" for row in PLAN), encoding="utf-8")
    return run_command.read_plan(path)


def test_a_plan_has_its_jobs_with_the_files_of_their_times(times):
    jobs = planned()
    assert [(job.rule, job.threads) for job in jobs] == [
        ("raw_fetch", 1), ("raw_fetch", 1), ("sft_train", 2),
    ]  # fmt: skip
    assert jobs[2].times == Path("logs/tiny/3_sft/train.benchmark.tsv")


def test_time_is_the_work_over_the_cores_and_at_least_the_longest_job(times, monkeypatch):
    monkeypatch.setattr(run_summary, "recorded", lambda run: {})
    times(cmid=10, cmb=20, train=100)
    jobs = planned()
    assert run_summary.estimate(jobs, "tiny", 1) == (130, "the last run here")
    assert run_summary.estimate(jobs, "tiny", 2)[0] == (10 + 20 + 100 * 2) / 2
    assert run_summary.estimate(jobs, "tiny", 16)[0] == 100


def test_time_is_of_the_recorded_run_where_none_was_here_and_unknown_else(times, monkeypatch):
    monkeypatch.setattr(run_summary, "recorded", lambda run: {"raw_fetch": 3, "sft_train": 40})
    jobs = planned()
    assert run_summary.estimate(jobs, "tiny", 1) == (46, "the recorded run on two cores")
    times(train=50)
    found = run_summary.estimate(jobs, "tiny", 1)
    assert found == (56, "the last run here and the recorded run on two cores")
    monkeypatch.setattr(run_summary, "recorded", lambda run: {"raw_fetch": 3})
    (Path("logs/tiny/3_sft/train.benchmark.tsv")).unlink()
    assert run_summary.estimate(jobs, "tiny", 1) is None


def test_a_recorded_run_gives_its_means_back(times, tmp_path, monkeypatch):
    monkeypatch.setattr(run_summary, "RECORDED", tmp_path / "times.csv")
    times(cmid=10, cmb=20, train=100)
    run_summary.record("tiny", planned())
    run_summary.record("other", planned()[:1])
    run_summary.record("tiny", planned())
    assert run_summary.recorded("tiny") == {"raw_fetch": 15, "sft_train": 100}
    assert len((tmp_path / "times.csv").read_text("utf-8").splitlines()) == 4


def test_the_start_names_jobs_time_disk_and_places(times, monkeypatch):
    monkeypatch.setattr(run_summary, "recorded", lambda run: {})
    times(cmid=10, cmb=20, train=100)
    config = run_summary.config_check.load(ROOT, ROOT / "config/tiny.yaml")
    first, time, disk, places = run_summary.start_lines(config, planned(), 2)
    assert first == "Run tiny: 3 jobs (raw 2, sft 1) on 2 cores."
    assert time == "Time: about 2 min, by the last run here."
    assert disk.startswith("Disk: ") and "GB free of about 2 GB needed" in disk
    assert places == "Results: results/tiny/, logs: logs/tiny/."


@pytest.mark.parametrize(
    ("value", "words"), [(3.2, "3 s"), (89, "89 s"), (90, "2 min"), (5400, "1.5 h")]
)
def test_durations_are_in_words(value, words):
    assert run_summary.duration(value) == words


def test_the_recorded_times_are_of_rules_that_exist():
    rules = "".join(p.read_text("utf-8") for p in (ROOT / "workflow/rules").glob("*.smk"))
    with open(run_summary.RECORDED, encoding="utf-8", newline="") as handle:
        found = list(csv.DictReader(handle))
    assert found
    for row in found:
        drawn = ROOT / "src/collectivesft/figures" / f"{row['rule'].removeprefix('figures_')}.py"
        assert f"\nrule {row['rule']}:" in rules or drawn.is_file()  # a figure's rule is a loop's
        assert (ROOT / f"config/{row['run']}.yaml").is_file()
        assert float(row["seconds"]) > 0 and int(row["jobs"]) > 0


TABLE = (
    "model,benchmark,protocol,items,macro,macro_low,macro_high,micro,official_macro,submitted_micro,"
    "unparsed,differ,p,p_holm\n"
    "tiny,cmb,answer,56,14.24,7.29,21.53,14.29,14.24,14.29,0.00,0,1,1\n"
)


LEDGER = json.dumps(
    {
        "steps": ["read", "mix"],
        "datasets": {"cmid": {"read": {"rows_in": 12_000, "kept": 11_990}, "mix": {"kept": 7}}},
        "totals": {"read": {"rows_in": 12_000, "kept": 11_990}, "mix": {"kept": 7}},
    }
)


def on_a_terminal(command: list[str], folder: Path, **environment: str) -> str:
    """Return a command's output on a terminal of 100 columns."""
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
    known = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS")}
    env = known | {"PYTHONPATH": str(ROOT / "src"), "TERM": "xterm-256color"} | environment
    process = subprocess.Popen(command, cwd=folder, env=env, stdout=theirs, stderr=theirs)
    os.close(theirs)
    written = b""
    while True:
        try:
            block = os.read(ours, 4096)
        except OSError:  # Linux says so when the other side is closed
            break
        if not block:
            break
        written += block
    os.close(ours)
    assert process.wait() == 0, written
    return written.decode()


@pytest.fixture
def ended(times, tmp_path) -> tuple[list[str], Path]:
    """The command that a finished run ends with, and its folder."""
    times(cmid=10, cmb=20, train=100)
    table = tmp_path / "results/tiny/4_scores/table.csv"
    table.parent.mkdir(parents=True)
    table.write_text(TABLE, encoding="utf-8")
    ledger = tmp_path / "results/tiny/2_curated/mixtures/tiny/ledger.json"
    ledger.parent.mkdir(parents=True)
    ledger.write_text(LEDGER, encoding="utf-8")
    (tmp_path / "started").touch()
    os.utime(tmp_path / "started", (1, 1))
    script, config = ROOT / "workflow/lib/run_summary.py", ROOT / "config/tiny.yaml"
    return [sys.executable, str(script), "end", str(config), "started"], tmp_path


def test_the_end_is_a_table_of_scores_of_stages_and_of_places(ended):
    command, folder = ended
    env = os.environ | {"PYTHONPATH": str(ROOT / "src"), "COLUMNS": "100"}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=True)
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert "tiny cmb answer 56 14.2 (7.3 to 21.5) 14.3 14.2 0.0" in lines
    assert "dataset raw read mix" in lines and "total 12,000 11,990 7" in lines
    assert "cmid 12,000 11,990 7" in lines
    assert "raw 2 30 s files with their sha256 results/tiny/1_raw/" in lines
    assert "sft 1 2 min the trained model results/tiny/3_sft/" in lines
    assert lines[-1] == "report results/tiny/report.html"
    assert "\x1b" not in done.stdout and "─" not in done.stdout


def test_on_a_terminal_the_end_has_rules_and_no_colour_where_none_is_wanted(ended):
    command, folder = ended
    shown = on_a_terminal(command, folder)
    assert "─" in shown and "\x1b[1m" in shown
    plain = on_a_terminal(command, folder, NO_COLOR="1")
    assert "─" in plain
    assert not re.search(r"\x1b\[[\d;]*[34][0-8]", plain), "a colour"


def test_nothing_was_done_leaves_the_stages_out(ended):
    command, folder = ended
    os.utime(folder / "started", (4_000_000_000,) * 2)
    env = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=True)
    assert "job time" not in done.stdout and "14.2" in done.stdout


def run(place: Path, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        ["workflow/bin/run", *arguments],
        cwd=place, env=snakemake_server.with_command(),
        capture_output=True, text=True, check=False, timeout=500,
    )  # fmt: skip


def test_a_wrong_configuration_is_one_line(clone):
    (clone / "config/wrong.yaml").write_text("run: wrong\nhubb: {}\n", encoding="utf-8")
    done = run(clone, "config/wrong.yaml", "--cores", "1")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: config/wrong.yaml: hubb: unknown key; did you mean 'hub'?\n"


def test_a_configuration_that_is_not_there_is_one_line(clone):
    done = run(clone, "config/none.yaml")
    assert done.returncode == 1
    assert done.stderr.startswith("error: config/none.yaml: no such file. Name a configuration")


def test_overlays_without_a_run_of_their_own_do_not_hide_in_another(clone):
    """Every configuration of the repository names its run: results never mix."""
    overlays = list((ROOT / "config").glob("*.yaml"))
    named = [yaml.safe_load(p.read_text("utf-8")).get("run") for p in overlays if p.name not in ("raw.lock.yaml", "claims.yaml")]  # fmt: skip  # noqa: E501
    assert None not in named and len(set(named)) == len(named)
