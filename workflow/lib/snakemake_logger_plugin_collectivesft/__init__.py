"""Snakemake's events as a person reads them: a line for each finished job, the cause of a failure.

Snakemake finds this package by its name on ``PYTHONPATH``: ``snakemake --logger collectivesft``.
Its events are an interface; the words of its messages are not, and are only passed on.

Variables:
    COLLECTIVESFT_PLAN: a file into which a dry run writes its jobs, a JSON object a line.
"""

import json
import logging
import os
import re
import signal
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

LAST_LINES = 12  # of a log without an `error:` line
# Their own words come first; the words of Snakemake follow, shortened.
CAUSES = {
    "MissingInputException": "a file is missing that no rule makes",
    "MissingRuleException": "no rule makes what was asked for",
    "LockException": "another run works in this folder, or was killed here",
    "IncompleteFilesException": "files of a killed run are incomplete; add --rerun-incomplete",
    "WildcardError": "a path has braces, which Snakemake reads as wildcards; rename it",
    "PermissionError": "not allowed to write here; check the permissions of the folder",
    "ProtectedOutputException": "a result is write-protected",
}
# Ends that a scheduler decides, by the words of Slurm and LSF, each with its remedy.
ENDED = {
    r"OUT_OF_MEMORY|oom[-_]kill|TERM_MEMLIMIT": "killed for memory; raise mem_mb of {rule}",
    r"\bTIMEOUT\b|DUE TO TIME LIMIT|TERM_RUNLIMIT": "killed for time; raise runtime of {rule}",
    r"\bNODE_FAIL\b|DUE TO NODE FAILURE": "its node failed; start the run again",
    r"\bPREEMPTED\b|DUE TO PREEMPTION": "a job that goes first took its place; start the run again",
}
# The program that reports an error may be named: `slurmstepd-n7: error: ...`.
_TOLD = re.compile(r"\s*(?:[\w.-]+: )?error: ")


@dataclass
class Job:
    """A job that was announced."""

    rule: str
    wildcards: dict[str, str] = field(default_factory=dict)
    logs: list[str] = field(default_factory=list)
    started: float = 0.0

    def __str__(self) -> str:
        """Its rule, and the values that tell it from other jobs of the rule."""
        return " ".join([self.rule, *map(str, self.wildcards.values())])


class LogHandler(LogHandlerBase):
    """Writes to standard output what happens, to standard error what failed."""

    def __post_init__(self) -> None:
        """Start with no jobs."""
        super().__post_init__()
        self.jobs: dict[int, Job] = {}
        self.done = 0
        self.total = 0
        self.jobs_by_rule = ""  # Snakemake's table of a dry run
        self.failed: dict[str, list[str]] = {}
        self.commands: list[str] = []  # reports of failed commands, which name no job
        # The job or group under whose name a failure is kept, by number.
        self.names: dict[int, set[str]] = {}
        self.plan = os.environ.get("COLLECTIVESFT_PLAN")

    @property
    def writes_to_stream(self) -> bool:
        """It takes the place of Snakemake's own messages."""
        return True

    @property
    def writes_to_file(self) -> bool:
        """A plan is no log."""
        return False

    @property
    def has_filter(self) -> bool:
        """Every event is seen here."""
        return True

    @property
    def has_formatter(self) -> bool:
        """The lines are written here."""
        return True

    @property
    def needs_rulegraph(self) -> bool:
        """No picture is drawn."""
        return False

    def emit(self, record: logging.LogRecord) -> None:
        """Handle one event; a fault of this handler must not stop a run."""
        try:
            self._handle(record, vars(record))
        except Exception:
            self.handleError(record)

    def close(self) -> None:
        """Repeat at the end, where it is seen: the failures, each with its log; a plan's table."""
        if self.jobs_by_rule:
            _say(f"\n{self.jobs_by_rule}")
            self.jobs_by_rule = ""
        for name, lines in self.failed.items():
            _say("\n".join([f"\nerror: {name} failed", *lines]), sys.stderr)
        self.failed = {}
        super().close()

    def _handle(self, record: logging.LogRecord, event: dict[str, Any]) -> None:
        match event.get("event"):
            case LogEvent.JOB_INFO:
                self._announced(event)
            case LogEvent.JOB_FINISHED:
                self._finished(event["job_id"])
            case LogEvent.RUN_INFO:
                stats = event.get("stats") or {}
                self.total = int(stats.get("total", self.total)) - int(stats.get("all", 0))
                if self.common_settings.dryrun and not self.plan:
                    self.jobs_by_rule = str(event["msg"]).strip()
            case LogEvent.JOB_ERROR:
                self._failed(event)
            case LogEvent.GROUP_ERROR:
                self._failed_group(event)
            case LogEvent.ERROR:
                self._exception(event.get("exception", ""), str(event["msg"]))
            case None if record.levelno >= logging.WARNING and event["msg"]:
                # The failures follow below, not above; hiding this line hides no cause.
                if not str(event["msg"]).startswith("Exiting because a job execution failed"):
                    _say(str(event["msg"]), sys.stderr)

    def _exception(self, kind: str, message: str) -> None:
        """Report an exception, unless it only repeats that a job's command failed."""
        if kind == "RuleException":
            self.commands.append(message)
            return
        if self.failed and kind == "WorkflowError":
            return
        _say("\n".join(explained(kind, message)), sys.stderr)

    def _announced(self, event: dict[str, Any]) -> None:
        known = self.jobs.get(event["jobid"])
        job = Job(
            event["rule_name"], dict(event["wildcards"] or {}), list(event["log"]), time.monotonic()
        )
        self.jobs[event["jobid"]] = job
        if self.common_settings.dryrun:
            self._planned(event, job)
        elif known:
            _say(f"       again: {job}")

    def _planned(self, event: dict[str, Any], job: Job) -> None:
        if self.plan:
            row = {
                "rule": job.rule,
                "benchmark": event["benchmark"],
                "threads": event["threads"],
            }
            with open(self.plan, "a", encoding="utf-8") as handle:
                handle.write(json.dumps(row) + "\n")
        else:
            _say(f"{job}\n    {shortened(str(event['reason']))}")

    def _finished(self, number: int) -> None:
        self.done += 1
        # A later try did what failed before.
        for name in self.names.pop(number, ()):
            self.failed.pop(name, None)
        job = self.jobs.get(number)
        if job is None or job.rule == "all":
            return
        took = f"{time.monotonic() - job.started:.0f} s"
        _say(f"{self.done:>5}/{max(self.total, self.done)}  {job}  {took}")

    def _failed(self, event: dict[str, Any]) -> None:
        job = self.jobs.get(event["jobid"], Job(event["rule_name"]))
        words = [str(event["rule_msg"])] if event["rule_msg"] else []
        words += [f"{key}: {value}" for key, value in event["aux"].items()]
        details = [f"  {line}" for text in words for line in text.splitlines() if line.strip()]
        logs = [str(path).removesuffix(" (send to storage)") for path in event["log"]]
        scheduler = [path for path in logs if path not in job.logs]
        reasons = ended([*words, *map(_text, scheduler)], job.rule)
        command = (event.get("shellcmd") or "").strip()
        reasons += [
            line
            for report in self.commands
            if command and command in report
            for line in killed(report)
        ]
        for path in logs:
            details += shown_log(Path(path))
        self._keep(str(job), event["jobid"], [*reasons, *(details or ["  it left no log"])])
        _say(f"       failed: {job}{_in_brackets(reasons)}", sys.stderr)

    def _failed_group(self, event: dict[str, Any]) -> None:
        """Report a group by its scheduler's log: the event has none of the executor's words."""
        details = [line for path in event["aux_logs"] for line in shown_log(Path(path))]
        members = event["job_error_info"]
        rules = dict.fromkeys(str(one["rule_name"]) for one in members)
        reasons = ended(map(_text, event["aux_logs"]), ", ".join(rules))
        if event["msg"] and details:
            for one in members:
                name = f"group {event['groupid']}"
                self._keep(name, one["jobid"], [*reasons, *details])

    def _keep(self, name: str, number: int, lines: list[str]) -> None:
        self.failed[name] = lines
        self.names.setdefault(number, set()).add(name)


def ended(texts: Iterable[str], rule: str) -> list[str]:
    """Return a line for each end in a scheduler's words, with its remedy; none for other ends."""
    text = "\n".join(texts)
    return [
        f"  {words.format(rule=rule)}"
        for pattern, words in ENDED.items()
        if re.search(pattern, text)
    ]


def killed(report: str) -> list[str]:
    """Return a line for the signal that ended a command; none where it ended by itself.

    Args:
        report: words of Python's ``CalledProcessError``. A shell adds 128 to a signal's number.
    """
    found = re.search(r"exit status (\d+)\.\s*$|died with <Signals\.\w+: (\d+)>", report)
    number = int(found[2] or int(found[1]) - 128) if found else 0
    if number not in set(signal.Signals):
        return []
    often = ": the kernel does so where memory is short" if number == signal.SIGKILL else ""
    return [f"  ended by {signal.Signals(number).name}{often}"]


def _in_brackets(reasons: list[str]) -> str:
    return f" ({'; '.join(reason.strip() for reason in reasons)})" if reasons else ""


def _text(path: Path | str) -> str:
    """Return a log's text, empty where there is none."""
    try:
        return Path(path).read_bytes().decode("utf-8", "replace")
    except OSError:
        return ""


def shortened(reason: str) -> str:
    """Return Snakemake's reason for a job with at most two files of each cause; some have 30."""
    causes = []
    for cause in reason.split("; "):
        head, colon, listed = cause.partition(": ")
        files = listed.split(", ")
        more = [f"and {len(files) - 2} more"] if len(files) > 3 else []
        causes.append(head + colon + ", ".join([*files[:2], *more] if more else files))
    return "; ".join(causes)


def shown_log(path: Path) -> Iterator[str]:
    """Yield a log's path and its message: its ``error:`` lines, else its last lines."""
    yield f"  log: {path}"
    try:
        lines = path.read_bytes().decode("utf-8", "replace").split("\n")
    except OSError:
        yield "    (not written: the job ended before its command started)"
        return
    # Progress bars rewrite one line: its last state is enough.
    lines = [line.rstrip("\r").rsplit("\r", 1)[-1] for line in lines if line.strip()]
    told = [line for line in lines if _TOLD.match(line)]
    yield from (f"    {line}" for line in told or lines[-LAST_LINES:])


def explained(kind: str, message: str) -> list[str]:
    """Shorten Snakemake's report of an exception to its cause and at most six lines."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    if kind == "WorkflowError" and lines and lines[0] == "WorkflowError:":
        lines = lines[1:]
    if kind in ("SystemExit", "CliException"):
        return lines
    cause = CAUSES.get(kind)
    first = f"error: {cause}" if cause else f"error: {lines[0] if lines else kind}"
    rest = lines[1:] if cause or lines else []
    return [first, *(f"  {line}" for line in rest[:6])]


def _say(text: str, stream=None) -> None:
    print(text, file=stream or sys.stdout, flush=True)
