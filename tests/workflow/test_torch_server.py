"""A job that starts as a fork is the started process in all that a rule's command can see."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.helpers import torch_server

pytestmark = pytest.mark.slow
BOTH = {"real": lambda: sys.executable, "forked": torch_server.command}
COMMAND = ("-m", "collectivesft")
# A package of this name that tells the process in which it runs, then does what it is asked.
TELL = """
import atexit, json, multiprocessing, os, signal, stat, sys, threading, time

from collectivesft import work

umask = os.umask(0o22)
files = {}
for name in os.listdir("/proc/self/fd"):
    if os.path.exists(f"/proc/self/fd/{name}") and os.get_inheritable(int(name)):
        files[name] = stat.S_IFMT(os.fstat(int(name)).st_mode)

if __name__ == "__main__":
    print(json.dumps({
        "folder": os.getcwd(), "environ": dict(os.environ), "umask": umask, "argv": sys.argv,
        "path": list(map(os.path.realpath, sys.path)), "files": files, "file": __file__,
        "python": sys.executable, "name": __spec__.name, "package": __package__,
        "streams": [[s.encoding, s.errors, s.line_buffering, s.write_through, s.fileno()]
                    for s in (sys.stdin, sys.stdout, sys.stderr)],
        "signals": [str(signal.getsignal(number)) for number in (2, 13, 15)],
        "own": sorted(name for name in sys.modules if name.startswith("collectivesft")),
        "pandas": "pandas" in sys.modules,
    }), flush=True)
    asked = sys.argv[1] if len(sys.argv) > 1 else ""
    if asked == "spawn":
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            print(pool.map(work.twice, [1, 2]))
    elif asked == "threads":
        import torch

        print(torch.get_num_threads(), torch.get_num_interop_threads())
    elif asked == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif asked == "wait":
        with open("process", "w") as file:
            file.write(str(os.getpid()))
        os.rename("process", "waits")
        time.sleep(60)
    elif asked == "words":
        atexit.register(print, "the last")
        threading.Thread(target=lambda: (time.sleep(0.1), print("a thread"))).start()
        sys.exit("an error")
    elif asked == "fail":
        raise ValueError("a fault")
    elif asked:
        sys.exit(int(asked))
"""
WORK = """
import sys


def twice(number):
    return 2 * number, sys.argv[1:]
"""


@pytest.fixture
def place(tmp_path) -> Path:
    (tmp_path / "lib/collectivesft").mkdir(parents=True)
    for name, text in {"__init__": "", "__main__": TELL, "work": WORK}.items():
        (tmp_path / f"lib/collectivesft/{name}.py").write_text(text, encoding="utf-8")
    return tmp_path


@pytest.fixture(scope="module", autouse=True)
def _server():
    """Start a server here: one that a test with other variables started would fork nothing."""
    torch_server.command.cache_clear()


def environ() -> dict[str, str]:
    """The variables that Snakemake and the rules' commands set too."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "2")
    own = {"PYTHONPATH": "lib", "PYTHONNOUSERSITE": "1", "MINE": "我\n="}
    return os.environ | threads | own | {"OMP_WAIT_POLICY": "PASSIVE"}


def call(place: Path, which: str, *arguments: str) -> subprocess.CompletedProcess:
    with open(place / "open", "w") as file:
        return subprocess.run(
            [BOTH[which](), *COMMAND, *arguments], cwd=place, env=environ(), umask=0o27,
            pass_fds=(file.fileno(),), stdin=subprocess.PIPE, capture_output=True, text=True,
        )  # fmt: skip


@pytest.mark.parametrize("argument", ["0", "3", "spawn", "threads", "words", "fail", "kill"])
def test_a_forked_job_is_as_a_started_one(place, argument):
    first, second = (call(place, which, argument) for which in BOTH)
    assert second.returncode == first.returncode
    told, *rest = first.stdout.splitlines()
    again, *others = second.stdout.splitlines()
    assert json.loads(again) == json.loads(told) and others == rest
    # The traceback of a fork has runpy's lines too; its own lines are the last.
    assert second.stderr.splitlines()[-3:] == first.stderr.splitlines()[-3:]


def test_it_is_a_fork(place):
    """Else the tests above compare a process with itself."""
    done = subprocess.run(
        [torch_server.command(), *COMMAND, "fail"], cwd=place, env=environ(),
        capture_output=True, text=True,
    )  # fmt: skip
    assert "tests/helpers/torch_server.py" in done.stderr


@pytest.mark.parametrize("which", BOTH)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_signal_ends_it(place, which, number):
    process = subprocess.Popen(
        [BOTH[which](), *COMMAND, "wait"], cwd=place, env=environ(), stdout=subprocess.DEVNULL
    )
    until((place / "waits").is_file)
    job = int((place / "waits").read_text())
    process.send_signal(number)
    assert process.wait(60) == -number
    until(lambda: not running(job))


def running(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def until(true) -> None:
    for _ in range(1200):
        if true():
            return
        time.sleep(0.05)
    raise AssertionError("not within a minute")
