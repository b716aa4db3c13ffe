"""Find the server that answers for a model, if any: a running one, or one that we start."""

import contextlib
import ctypes
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from collectivesft.common.errors import UserError
from collectivesft.scores.engines.openai_server import Server

WAIT_S = 1800.0  # a large model takes minutes to load and compile
EVERY_S = 1.0
LEAVE_S = 30.0
_DIES_WITH_PARENT = 1  # PR_SET_PDEATHSIG of prctl(2)


@contextlib.contextmanager
def connected(folder: Path, command: str | None, server: Server) -> Iterator[Server | None]:
    """The server to ask: ``server`` at its address, or at that of the one that ``command`` starts
    for the model in ``folder``; None without address and command.

    Raises:
        UserError: both an address and a command, or a server that cannot be started.
    """
    if server.url and command:
        raise UserError("An address and a command that starts a server: give one of them.")
    if command:
        with started(command, folder, server.model) as url:
            yield replace(server, url=url)
    else:
        yield server if server.url else None


@contextlib.contextmanager
def started(command: str, folder: Path, name: str) -> Iterator[str]:
    """Run a server and yield its address once it takes connections; end it after.

    It writes where this process writes its errors. It ends with this process, even if that is
    killed.

    Args:
        command: one line without a shell; ``{model}`` becomes the model's folder, ``{name}`` the
            name to serve it under, ``{port}`` a free port of 127.0.0.1.

    Raises:
        UserError: it cannot be started, ended by itself, or does not answer within WAIT_S.
    """
    port = _free_port()
    arguments = _arguments(command, {"model": str(folder), "name": name, "port": str(port)})
    try:
        process = subprocess.Popen(
            arguments, stdout=sys.stderr, start_new_session=True, preexec_fn=_die_with_parent
        )
    except OSError as error:
        raise UserError(f"{arguments[0]}: the server cannot be started ({error}).") from error
    try:
        _wait(process, arguments[0], port)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        _end(process)


def _arguments(command: str, values: dict[str, str]) -> list[str]:
    try:
        found = [part.format_map(values) for part in shlex.split(command)]
    except (KeyError, ValueError, IndexError) as error:
        known = ", ".join(f"{{{name}}}" for name in values)
        raise UserError(f"{command}: not a command ({error}). It may hold {known}.") from error
    if not found:
        raise UserError("The command that starts a server is empty.")
    return found


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_DIES_WITH_PARENT, signal.SIGTERM)


def _wait(process: subprocess.Popen, program: str, port: int) -> None:
    """Wait until the server takes connections."""
    deadline = time.monotonic() + WAIT_S
    while True:
        if process.poll() is not None:
            raise UserError(
                f"{program}: the server ended with code {process.returncode} before it answered. "
                "Its messages are above."
            )
        if time.monotonic() > deadline:
            raise UserError(f"{program}: no answer from the server within {WAIT_S:.0f} s.")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
            break
        time.sleep(EVERY_S)


def _end(process: subprocess.Popen) -> None:
    """End the server and all that it started."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(LEAVE_S)
            break
