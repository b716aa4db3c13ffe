"""A scheduler's request to stop: finish the step, save, and say that there is more to do."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from collectivesft.common.errors import UserError

# sysexits.h EX_TEMPFAIL: try again later.
REQUEUE = 75


class Interrupted(UserError):
    """The training was asked to stop and has saved its state; exit code 75 asks for a requeue."""

    exit_code = REQUEUE


class Request:
    """Return whether somebody asked this process to stop."""

    def __init__(self) -> None:
        self.made = False

    def make(self, *_: object) -> None:
        """Note the request; a signal's handler."""
        self.made = True


@contextmanager
def listening() -> Iterator[Request]:
    """Note SIGTERM and SIGUSR1 instead of dying of them, until the end of the block."""
    request = Request()
    kinds = (signal.SIGTERM, signal.SIGUSR1)
    before = [signal.signal(kind, request.make) for kind in kinds]
    try:
        yield request
    finally:
        for kind, handler in zip(kinds, before, strict=True):
            signal.signal(kind, handler)
