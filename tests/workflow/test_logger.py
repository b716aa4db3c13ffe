"""Snakemake's events as lines: progress, failures with their logs, exceptions in short."""

import json
import logging
from pathlib import Path
from types import SimpleNamespace

import pytest
import snakemake_logger_plugin_collectivesft as plugin
from snakemake_interface_logger_plugins.common import LogEvent


def event(
    kind: LogEvent | None, level: int = logging.INFO, msg: str = "", **more
) -> logging.LogRecord:
    """A record as Snakemake logs it."""
    return logging.makeLogRecord({"levelno": level, "msg": msg, "event": kind, **more})


def job(number: int, rule: str, *logs: str, **wildcards: str) -> logging.LogRecord:
    """A job that Snakemake announces."""
    return event(
        LogEvent.JOB_INFO, jobid=number, rule_name=rule, wildcards=wildcards, log=list(logs),
        benchmark=f"{rule}.tsv", threads=2, reason="Missing output files",
    )  # fmt: skip


def failure(number: int, rule: str, *logs: str, **more) -> logging.LogRecord:
    """A job that Snakemake reports as failed."""
    settings = {"jobid": number, "rule_name": rule, "rule_msg": None, "log": list(logs), "aux": {}}
    return event(LogEvent.JOB_ERROR, logging.ERROR, **settings | more)


@pytest.fixture
def handler():
    """A handler of a run, not of a dry run."""
    return plugin.LogHandler(SimpleNamespace(dryrun=False), None)


def test_a_finished_job_is_a_line_with_its_name_and_how_many_there_are(handler, capsys):
    handler.emit(event(LogEvent.RUN_INFO, stats={"total": 3, "raw_fetch": 2, "all": 1}))
    handler.emit(job(1, "raw_fetch", kind="datasets", name="cmid"))
    handler.emit(job(2, "all"))
    handler.emit(event(LogEvent.JOB_FINISHED, job_id=1))
    handler.emit(event(LogEvent.JOB_FINISHED, job_id=2))
    handler.emit(event(None, msg="Select jobs to execute..."))
    said = capsys.readouterr()
    assert said.out == "    1/2  raw_fetch datasets cmid  0 s\n" and said.err == ""


def test_every_failure_is_told_at_the_end_with_its_log(handler, capsys, tmp_path):
    told, bug = tmp_path / "told.log", tmp_path / "bug.log"
    told.write_text("loading\nerror: a.csv, row 3: no label. Delete it.\n", encoding="utf-8")
    lines = [f"line {number}" for number in range(30)]
    bug.write_text("\n".join([*lines, "KeyError: 'answer'"]), encoding="utf-8")
    handler.emit(job(1, "curated_read", str(told), dataset="cmid"))
    handler.emit(job(2, "curated_read", str(bug), dataset="ward"))
    handler.emit(failure(1, "curated_read", str(told)))
    handler.emit(failure(2, "curated_read", str(bug)))
    handler.close()
    text = capsys.readouterr().err
    assert f"error: curated_read cmid failed\n  log: {told}\n    error: a.csv, row 3" in text
    end = text.split("error: curated_read ward failed\n")[1]
    assert end.startswith(f"  log: {bug}\n    line 19\n") and end.endswith("KeyError: 'answer'\n")


def test_a_job_that_died_before_its_command_says_so_with_the_scheduler_s_words(handler, capsys):
    handler.emit(job(1, "sft_train", "no.log", experiment="mine"))
    words = "sbatch: error: invalid partition specified: gpux"
    handler.emit(failure(1, "sft_train", "no.log", rule_msg=words, aux={"external_jobid": "7"}))
    handler.close()
    text = capsys.readouterr().err
    assert "error: sft_train mine failed\n" in text and f"  {words}\n" in text
    assert "  external_jobid: 7\n" in text and "the job ended before its command started" in text


def test_words_of_the_scheduler_pass_as_they_are(handler, capsys):
    handler.emit(event(None, logging.ERROR, "SLURM sbatch failed. The error message was 'x'"))
    handler.emit(event(None, logging.WARNING, "No SLURM account given, trying to guess."))
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_a_dry_run_writes_its_jobs(tmp_path, monkeypatch):
    monkeypatch.setenv("COLLECTIVESFT_PLAN", str(tmp_path / "plan"))
    handler = plugin.LogHandler(SimpleNamespace(dryrun=True), None)
    handler.emit(job(1, "sft_train", experiment="mine"))
    assert json.loads((tmp_path / "plan").read_text("utf-8")) == {
        "rule": "sft_train", "benchmark": "sft_train.tsv", "threads": 2,
    }  # fmt: skip


def test_a_dry_run_that_a_person_asked_for_lists_its_jobs(capsys, monkeypatch):
    monkeypatch.delenv("COLLECTIVESFT_PLAN", raising=False)
    handler = plugin.LogHandler(SimpleNamespace(dryrun=True), None)
    for _ in range(2):  # Snakemake tells it before and after the jobs
        handler.emit(event(LogEvent.RUN_INFO, msg="Job stats:\nsft_train 1\ntotal 1\n", stats={}))
    handler.emit(job(1, "sft_train", experiment="m"))
    assert capsys.readouterr().out == "sft_train m\n    Missing output files\n"
    handler.close()
    assert capsys.readouterr().out == "\nJob stats:\nsft_train 1\ntotal 1\n"


def test_an_exception_is_its_cause_and_a_few_lines():
    message = "\n".join(["MissingInputException in rule x in file y:", *map(str, range(30))])
    first, *rest = plugin.explained("MissingInputException", message)
    assert first == "error: a file is missing that no rule makes" and len(rest) == 6
    assert plugin.explained("OtherError", "one line") == ["error: one line"]


def test_progress_bars_in_a_log_are_shown_by_their_last_state(tmp_path):
    path = Path(tmp_path / "a.log")
    path.write_bytes(b"0 %\r50 %\r99 %\nKilled\n")
    assert list(plugin.shown_log(path))[1:] == ["    99 %", "    Killed"]


def test_a_failed_command_is_not_repeated_as_an_exception(handler, capsys):
    handler.emit(job(1, "sft_train", experiment="mine"))
    repeated = event(LogEvent.ERROR, logging.ERROR, "CalledProcessError", exception="RuleException")
    handler.emit(repeated)
    handler.emit(failure(1, "sft_train"))
    last = "At least one job did not complete successfully."
    handler.emit(event(LogEvent.ERROR, logging.ERROR, last, exception="WorkflowError"))
    handler.emit(event(None, logging.ERROR, "Exiting because a job execution failed. Look above"))
    handler.close()
    assert capsys.readouterr().err.splitlines() == [
        "       failed: sft_train mine", "", "error: sft_train mine failed", "  it left no log",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        ("Missing output files: a.md", "Missing output files: a.md"),
        ("Code has changed since last execution", "Code has changed since last execution"),
        (
            "Missing output files: a, b, c; Input files updated by another job: 1, 2, 3, 4, 5",
            "Missing output files: a, b, c; Input files updated by another job: 1, 2, and 3 more",
        ),
    ],
    ids=["one file", "no file", "many files"],
)
def test_a_reason_names_at_most_three_files_of_each_cause(reason, shown):
    assert plugin.shortened(reason) == shown


OOM = "slurmstepd-n7: error: Detected 1 oom-kill event(s) in StepId=7.batch."


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("SLURM status is: 'OUT_OF_MEMORY'. Reason: x", "killed for memory; raise mem_mb of sft"),
        ("SLURM status is: 'TIMEOUT'. Reason: x", "killed for time; raise runtime of sft_train"),
        ("SLURM status is: 'NODE_FAIL'", "its node failed; start the run again"),
        ("SLURM status is: 'FAILED'", "SLURM status is: 'FAILED'"),
    ],
)
def test_the_end_that_a_scheduler_decided_is_the_first_line(handler, capsys, words, told):
    handler.emit(job(1, "sft_train", "own.log", experiment="mine"))
    handler.emit(failure(1, "sft_train", "own.log", rule_msg=words))
    handler.close()
    assert f"error: sft_train mine failed\n  {told}" in capsys.readouterr().err


def test_a_group_is_told_by_the_log_of_the_scheduler(handler, capsys, tmp_path):
    log = tmp_path / "7.log"
    log.write_text(f"rule a:\n    output: a\nKilled\n{OOM}\n", encoding="utf-8")
    members = [{"rule_name": rule, "jobid": number} for number, rule in enumerate(("a", "b"))]
    handler.emit(
        event(
            LogEvent.GROUP_ERROR, logging.ERROR, "Error in group g", groupid="g",
            aux_logs=[str(log)], job_error_info=members,
        )
    )  # fmt: skip
    handler.close()
    assert capsys.readouterr().err.splitlines()[1:] == [
        "error: group g failed", "  killed for memory; raise mem_mb of a, b",
        f"  log: {log}", f"    {OOM}",
    ]  # fmt: skip


def test_a_job_that_a_later_try_did_is_no_failure(handler, capsys):
    handler.emit(job(1, "sft_train", experiment="mine"))
    handler.emit(failure(1, "sft_train", rule_msg="SLURM status is: 'OUT_OF_MEMORY'"))
    handler.emit(job(1, "sft_train", experiment="mine"))
    handler.emit(event(LogEvent.JOB_FINISHED, job_id=1))
    handler.close()
    said = capsys.readouterr()
    assert "again: sft_train mine" in said.out and "error:" not in said.err
    assert "failed: sft_train mine (killed for memory; raise mem_mb of sft_train" in said.err


@pytest.mark.parametrize(
    ("end", "told"),
    [
        (
            "returned non-zero exit status 137.",
            ["  ended by SIGKILL: the kernel does so where memory is short"],
        ),
        ("died with <Signals.SIGTERM: 15>.", ["  ended by SIGTERM"]),
        ("returned non-zero exit status 1.", []),
        ("returned non-zero exit status 255.", []),
    ],
)
def test_a_signal_that_ended_a_command_is_named(handler, capsys, end, told):
    handler.emit(job(1, "sft_train", "own.log", experiment="mine"))
    report = f"RuleException:\nCalledProcessError in file x, line 1:\nCommand 'set -e; train' {end}"
    handler.emit(event(LogEvent.ERROR, logging.ERROR, report, exception="RuleException"))
    handler.emit(failure(1, "sft_train", "own.log", shellcmd="train"))
    handler.close()
    lines = capsys.readouterr().err.split("error: sft_train mine failed\n")[1].splitlines()
    assert lines[: lines.index("  log: own.log")] == told
