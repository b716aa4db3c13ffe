"""Bound the work of a chat template that anybody may have written.

Templates run in jinja's sandbox, which forbids dangerous names, but neither loops without end nor
texts without bound.
"""

import contextlib
import resource
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from collectivesft.common.errors import UserError

LONGEST_S = 20.0  # a template of 10,000 characters renders in milliseconds
MOST_BYTES = 2 << 30
_REMEDY = "Do not use this model; ask whoever published it"


class _TooLong(Exception):
    """The time is up."""


@contextlib.contextmanager
def rendering(longest_s: float = LONGEST_S, most_bytes: int = MOST_BYTES) -> Iterator[None]:
    """Within it, a chat template may take so many seconds and so much more memory.

    The time is bounded in the main thread only, where the command line works.

    Raises:
        UserError: the template took more, or has a fault.
    """
    import jinja2

    try:
        with _time(longest_s), _memory(most_bytes):
            yield
    except _TooLong as error:
        text = f"was not rendered within {longest_s:g} seconds"
        raise UserError(f"chat template: {text}. {_REMEDY}.") from error
    except MemoryError as error:
        text = f"asked for more than {most_bytes >> 20:,} MiB of memory"
        raise UserError(f"chat template: {text}. {_REMEDY}.") from error
    except (jinja2.TemplateError, RecursionError) as error:
        problem = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(f"chat template: has a fault ({problem}). {_REMEDY}.") from error


@contextlib.contextmanager
def _time(longest_s: float) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        raise _TooLong

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, longest_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextlib.contextmanager
def _memory(most_bytes: int) -> Iterator[None]:
    """Bound the address space to its present size and ``most_bytes`` more."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = pages * resource.getpagesize() + most_bytes
    bound = min((n for n in (soft, hard) if n != resource.RLIM_INFINITY), default=wanted)
    resource.setrlimit(resource.RLIMIT_AS, (min(wanted, bound), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
