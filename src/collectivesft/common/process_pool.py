"""Work spread over processes, with results in the order of the work whatever their number."""

import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

from collectivesft.common.without_pandas import pandas_skipped, skip_pandas

Task = TypeVar("Task")
Result = TypeVar("Result")
SPARE = 1  # tasks more than there are processes that are under way: bounds the memory


def ordered_map(
    function: Callable[[Task], Result],
    tasks: Iterable[Task],
    threads: int,
    start: Callable[[], None] | None = None,
) -> Iterator[Result]:
    """Yield ``function(task)`` for each task, in their order, by processes of its own.

    Args:
        function: a module's own function (processes find it by name), or a ``partial`` of one.
        threads: number of processes, as many as there are tasks at most; 1: none but this one.
        start: see ``OrderedPool``.
    """
    tasks = list(tasks)
    with OrderedPool(min(threads, len(tasks)), start) as pool:
        yield from pool.map(function, tasks)


class OrderedPool:
    """Processes for several maps, so that each of them starts once.

    Args:
        threads: number of processes; at most 1: none but this one.
        start: called once in each of them before its first task, as a ``partial`` with what this
            process has at hand and they would compute again.
    """

    def __init__(self, threads: int, start: Callable[[], None] | None = None):
        self._threads, self._own, self._pool = threads, start, None

    def __enter__(self) -> "OrderedPool":
        if self._threads > 1:
            # Spawned, not forked: Arrow's and rensa's threads do not survive a fork.
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(
                self._threads, context, _start, (pandas_skipped(), self._own)
            )
        return self

    def __exit__(self, *error: object) -> None:
        if self._pool:
            self._pool.shutdown()

    def map(self, function: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result]:
        """Yield ``function(task)`` for each task, in their order (see ``ordered_map``)."""
        if not self._pool:
            yield from map(function, tasks)
            return
        waiting: deque = deque()
        try:
            for task in tasks:
                waiting.append(self._pool.submit(function, task))
                if len(waiting) > self._threads + SPARE:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _start(no_pandas: bool, own: Callable[[], None] | None) -> None:
    """Prepare a process: a killed command leaves none behind that waits for work."""
    if no_pandas:
        skip_pandas()
    if own:
        own()
    parent = multiprocessing.parent_process()
    threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()
