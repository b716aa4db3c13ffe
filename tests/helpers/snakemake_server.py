"""Start `snakemake` as a fork of a process that has imported it: tests start it hundreds of times.

`command()` returns an executable that behaves as `snakemake` does. It passes on its arguments,
folder, environment, umask, open files and signals, and it returns the exit status. Each call is a
process of its own, which has read no workflow before. The fork saves the import, about two seconds
of a processor. The real command runs where a variable changes how Python itself starts.

Run as a program, this module is the server: `python snakemake_server.py SOCKET`. It ends once its
stdin is closed.
"""

import atexit
import gc
import importlib
import io
import os
import select
import shutil
import signal
import site
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import NoReturn

# Variables that an interpreter reads when it starts; a fork has those of the server.
START = ("PYTHON", "LC_", "LANG", "LD_", "TZ", "MALLOC_", "GLIBC_")
# The first is read again after the fork. The second changes nothing where there is no user site,
# as in a virtual environment; the rules' commands set it.
FREE = ("PYTHONPATH",) if site.ENABLE_USER_SITE else ("PYTHONPATH", "PYTHONNOUSERSITE")
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
MOST_FILES = 250  # the kernel's limit for one message is 253
# Snakemake, and what it or this workflow imports only later.
IMPORTED = (
    "snakemake.cli", "snakemake.storage", "snakemake.report.html_reporter",
    "smart_open", "requests", "jsonschema", "pydantic", "yaml",
)  # fmt: skip
# Each lists all of site-packages once. A logger may be the caller's own; these are installed ones.
PLUGINS = ("report", "scheduler", "storage")
# The client needs no site-packages: it starts in hundredths of a second.
CLIENT = """\
#!{python} -IS
import _socket
import os
import signal
import sys


def inherited():
    for name in os.listdir("/proc/self/fd"):
        try:
            if os.get_inheritable(int(name)):
                yield int(name)
        except OSError:  # the listing itself
            continue


def ask():
    if {module!r} and not " ".join(sys.argv[1:]).startswith("-m " + {module!r}):
        return None
    start = {{name: value for name, value in os.environ.items() if name.startswith({names!r})}}
    if {{name: start[name] for name in start if name not in {free!r}}} != {start!r}:
        return None
    files = list(inherited())
    umask = os.umask(0)
    os.umask(umask)
    numbers = ",".join(map(str, files))
    words = [os.getcwd(), str(umask), numbers, str(len(sys.argv) - 1), *sys.argv[1:]]
    words += [name + "=" + value for name, value in os.environ.items()]
    text = os.fsencode("\\0".join(words))
    server = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    server.connect({address!r})
    rights = b"".join(file.to_bytes(4, sys.byteorder) for file in files)
    size = len(text).to_bytes(8, "big")
    server.sendmsg([size], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, rights)])
    server.sendall(text)
    for number in {signals!r}:
        signal.signal(number, lambda number, _: server.send(bytes([number])))
    answer = b""
    while len(answer) < 4:
        part = server.recv(4 - len(answer))
        if not part:
            sys.exit("error: a server of tests/helpers has ended")
        answer += part
    return int.from_bytes(answer, "big", signed=True)


status = ask()
if status is None:
    os.execv({real!r}, [{real!r}, *sys.argv[1:]])
if status < 0:  # a signal ended it
    if -status != signal.SIGKILL:  # which nobody can handle
        signal.signal(-status, signal.SIG_DFL)
    os.kill(os.getpid(), -status)
sys.exit(status)
"""


def real_command() -> str:
    """Return the path of the installed `snakemake`."""
    return str(Path(sys.executable).parent / "snakemake")


@cache
def command() -> str:
    """Return the path of the executable; the first call starts this process's server."""
    return real_command() if sys.platform != "linux" else start("snakemake", __file__)


def start(
    name: str, program: str, module: str = "", names: tuple = START, free: tuple = FREE
) -> str:
    """Start a server, which runs ``serve``; return the path of its client.

    Args:
        name: a command of this Python's environment, which the client stands for.
        program: the server, as a file; its argument is the path of the socket.
        module: the server takes ``-m`` and names that begin so; the real command takes the rest.
        names: starts of the names of variables that are read before the fork.
        free: those of them that may have another value, since a fork takes it up or has no use.
    """
    folder = Path(tempfile.mkdtemp(prefix=f"{name}-"))
    client, address = folder / name, folder / "socket"
    start = {name: os.environ[name] for name in os.environ if name.startswith(names)}
    start = {name: value for name, value in start.items() if name not in free}
    code = CLIENT.format(
        python=sys.executable, real=str(Path(sys.executable).parent / name), names=names,
        free=free, start=start, module=module, signals=tuple(map(int, SIGNALS)),
        address=str(address),
    )  # fmt: skip
    client.write_text(code, encoding="utf-8")
    client.chmod(0o755)
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    server = subprocess.Popen(
        [sys.executable, program, str(address)],
        cwd="/", env=environ, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    atexit.register(_end, server)
    while not address.exists():
        if server.poll() is not None:
            raise RuntimeError(f"the server of {name} ended with status {server.returncode}")
        time.sleep(0.02)
    return str(client)


def _end(server: subprocess.Popen) -> None:
    server.stdin.close()
    server.wait(timeout=60)


def with_command(
    environ: Mapping[str, str] = os.environ, *others: Callable[[], str]
) -> dict[str, str]:
    """Return the environment with the executable first on PATH, then this Python's commands.

    Args:
        others: further servers' ``command``, whose executables are first on PATH too.
    """
    clients = [Path(each()).parent for each in (command, *others)]
    path = (*clients, Path(sys.executable).parent, environ["PATH"])
    return {**environ, "PATH": os.pathsep.join(map(str, path))}


def serve(address: str, prepare: Callable[[], None]) -> list[str]:
    """Fork a process for each call; return its arguments in the fork that is to be the command.

    Args:
        address: the path of the socket.
        prepare: imports what each call needs, at the first one: there may be none.
    """
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(f"{address}.new")
    listener.listen(64)
    os.rename(f"{address}.new", address)
    # A terminal's interrupt ends the tests first. In the background it is ignored from the start.
    interrupt = signal.signal(signal.SIGINT, signal.SIG_IGN)
    holding: set[int] = set()
    prepared = False
    while True:
        ready, _, _ = select.select([listener, 0], [], [])
        # Waited for, its time is time of the tests.
        holding = {process for process in holding if os.waitpid(process, os.WNOHANG) == (0, 0)}
        if 0 in ready:
            shutil.rmtree(Path(address).parent)
            os._exit(0)
        connection, _ = listener.accept()
        if not prepared:
            prepare()
            gc.freeze()
            prepared = True
        holder = os.fork()
        if holder == 0:
            listener.close()
            return _hold(connection, interrupt)
        holding.add(holder)
        connection.close()


def _hold(connection: socket.socket, interrupt: object) -> list[str]:
    """Answer one call: start its process, pass on signals, tell its end."""
    size, files, _, _ = socket.recv_fds(connection, 8, MOST_FILES)
    text = connection.recv(int.from_bytes(size, "big"), socket.MSG_WAITALL)
    if len(size) < 8 or len(text) < int.from_bytes(size, "big"):  # the client was killed
        os._exit(0)
    folder, umask, numbers, count, *words = os.fsdecode(text).split("\0")
    arguments, environ = words[: int(count)], words[int(count) :]
    child = os.fork()
    if child == 0:
        os.setsid()  # the caller's own group lies with the client
        signal.signal(signal.SIGINT, interrupt)
        _take_files(dict(zip(map(int, numbers.split(",")), files, strict=True)))
        os.umask(int(umask))
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(entry.split("=", 1) for entry in environ)
        return arguments
    for file in files:
        os.close(file)
    ended = os.pidfd_open(child)
    while True:
        ready, _, _ = select.select([connection, ended], [], [])
        if ended in ready:
            _, status = os.waitpid(child, 0)
            code = os.waitstatus_to_exitcode(status)
            connection.sendall(code.to_bytes(4, "big", signed=True))
            os._exit(0)
        number = connection.recv(1)
        if not number:  # the client was killed
            os.kill(child, signal.SIGKILL)
            os._exit(0)
        os.kill(child, number[0])


def _take_files(files: dict[int, int]) -> None:
    """Have exactly these files open, each under the caller's number."""
    high = max(files) + 1
    copies = {number: os.dup(file) for number, file in files.items()}
    while any(copy < high for copy in copies.values()):
        copies = {n: os.dup(copy) if copy < high else copy for n, copy in copies.items()}
    for number, copy in copies.items():
        os.dup2(copy, number, inheritable=True)
    for name in os.listdir("/proc/self/fd"):
        if int(name) not in files:
            try:
                os.close(int(name))
            except OSError:  # the listing itself
                continue
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        stream = _open_stream(number, getattr(sys, name))
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _open_stream(number: int, before: io.TextIOWrapper) -> io.TextIOWrapper:
    """Open a standard stream as the interpreter does when it starts."""
    raw = io.FileIO(number, "w" if number else "r", closefd=False)
    direct = before.write_through  # PYTHONUNBUFFERED
    buffer = raw if number and direct else (io.BufferedWriter if number else io.BufferedReader)(raw)
    return io.TextIOWrapper(
        buffer, before.encoding, before.errors, write_through=direct,
        line_buffering=not direct and (number == 2 or os.isatty(number)),
    )  # fmt: skip


def end(command: Callable[[], object]) -> NoReturn:
    """Run the command and end as the interpreter does, but for taking apart what was imported.

    That costs up to half a second of a processor: what the fork shares with the server is copied.
    """
    code = None
    try:
        command()
    except SystemExit as error:
        code = error.code
    if code is not None and not isinstance(code, int):
        print(code, file=sys.stderr)
        code = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit((code or 0) & 0xFF)


def _import_snakemake() -> None:
    """Import what every call needs, and nothing of this project, which a caller may have edited."""
    for name in IMPORTED:
        importlib.import_module(name)
    for kind in PLUGINS:
        module = importlib.import_module(f"snakemake_interface_{kind}_plugins.registry")
        getattr(module, f"{kind.capitalize()}PluginRegistry")()


if __name__ == "__main__":
    sys.path.pop(0)  # this folder
    sys.argv = [real_command(), *serve(sys.argv[1], _import_snakemake)]
    paths = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    sys.path[:0] = [str(Path(real_command()).resolve().parent), *map(os.path.abspath, paths)]
    tempfile.tempdir = None
    importlib.invalidate_caches()
    from snakemake.cli import main
    from snakemake.workflow import Workflow

    Workflow._rundir = os.getcwd()  # which its module has taken from the server
    end(lambda: sys.exit(main()))
