"""Progress of long work: a bar on a terminal, plain lines elsewhere."""

import contextlib
import os
import sys
import time
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.progress import Progress

Item = TypeVar("Item")
LINE_EVERY_S = 10.0
# A second place for the lines: the terminal of a workflow whose commands write to log files.
TERMINAL = "COLLECTIVESFT_PROGRESS"


class Reporter:
    """Counts done work on stderr; ``advance`` takes an optional status such as a loss.

    Args:
        label: name of the work.
        total: how many units there are, or None if unknown.
    """

    def __init__(self, label: str, total: int | None = None):
        self.label, self.total, self.done = label, total, 0
        self._skipped = 0
        self._start = self._last_line = time.monotonic()
        self._bar: Progress | None = None

    def __enter__(self) -> "Reporter":
        if sys.stderr.isatty():
            self._bar = _bar()
            self._bar.start()
            self._task = self._bar.add_task(self.label, total=self.total, status="")
        return self

    def advance(self, count: int = 1, status: str = "") -> None:
        """Report ``count`` more units done."""
        self.done += count
        if self._bar is not None:
            self._bar.update(self._task, advance=count, status=status)
        elif time.monotonic() - self._last_line >= LINE_EVERY_S:
            self._line(status)

    def note(self, text: str) -> None:
        """Say something once, above the bar or on its own line."""
        if self._bar is not None:
            self._bar.console.print(f"{self.label}: {text}", markup=False, highlight=False)
        else:
            sys.stderr.write(f"{self.label}: {text}\n")
            sys.stderr.flush()

    def skip(self, count: int, status: str = "") -> None:
        """Report ``count`` units that an earlier run did: they say nothing about the speed."""
        self._skipped += count
        self.advance(count, status)

    def _left(self, seconds: float) -> str:
        """Time that is left at this run's mean speed, where it can be known."""
        taken = self.done - self._skipped
        if not self.total or not taken or self.done >= self.total:
            return ""
        left = seconds / taken * (self.total - self.done)
        return f", {timedelta(seconds=round(left))} left"

    def _line(self, status: str = "") -> None:
        self._last_line = time.monotonic()
        of = "" if self.total is None else f"/{self.total}"
        seconds = self._last_line - self._start
        line = f"{self.label}: {self.done}{of} in {seconds:.0f} s{self._left(seconds)} {status}"
        line = line.rstrip() + "\n"
        sys.stderr.write(line)
        sys.stderr.flush()
        terminal = os.environ.get(TERMINAL, "")
        if seconds >= LINE_EVERY_S and os.access(terminal, os.W_OK):
            # It belongs to a different process: it may be gone by now, or a socket, which no name
            # opens. The line is in the log, and no work ends for want of a second place.
            with contextlib.suppress(OSError), open(terminal, "a", encoding="utf-8") as handle:
                handle.write(f"    {line}")

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.stop()
        else:
            self._line()


def _bar() -> "Progress":
    """Make a bar on stderr; rich is imported only here, since processes without a terminal do not
    need it and its import takes a third of a second."""
    from rich import progress
    from rich.console import Console

    return progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeElapsedColumn(),
        progress.TimeRemainingColumn(),
        progress.TextColumn("{task.fields[status]}"),
        console=Console(stderr=True),
    )


def track(items: Iterable[Item], label: str, total: int | None = None) -> Iterator[Item]:
    """Yield the items, reporting each as one unit of progress."""
    with Reporter(label, total) as reporter:
        for item in items:
            yield item
            reporter.advance()
