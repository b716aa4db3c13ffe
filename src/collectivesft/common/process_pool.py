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
AHEAD = 2  # tasks a process may be ahead of whoever takes the results: bounds the memory


def ordered_map(
    function: Callable[[Task], Result], tasks: Iterable[Task], threads: int
) -> Iterator[Result]:
    """Yield ``function(task)`` for each task, in their order.

    Args:
        function: a module's own function (processes find it by name), or a ``partial`` of one.
        threads: number of processes, as many as there are tasks at most; 1: none but this one.
    """
    tasks = list(tasks)
    threads = min(threads, len(tasks))
    if threads <= 1:
        yield from map(function, tasks)
        return
    # Spawned, not forked: Arrow's and rensa's threads do not survive a fork.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(threads, context, _start, (pandas_skipped(),)) as pool:
        waiting: deque = deque()
        try:
            for task in tasks:
                waiting.append(pool.submit(function, task))
                if len(waiting) > AHEAD * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _start(no_pandas: bool) -> None:
    """Prepare a process: a killed command leaves none behind that waits for work."""
    if no_pandas:
        skip_pandas()
    parent = multiprocessing.parent_process()
    threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()
