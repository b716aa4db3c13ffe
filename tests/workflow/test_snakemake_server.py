"""The Snakemake that tests start by a fork is the installed command in all that a test can see."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.helpers import snakemake_server

BOTH = {"real": snakemake_server.real_command, "forked": snakemake_server.command}
# Tells the process in which Snakemake reads a workflow.
TELL = """
import json, os, resource, signal, stat, sys
import sibling

umask = os.umask(0o22)
files = {}
for name in os.listdir("/proc/self/fd"):
    if os.path.exists(f"/proc/self/fd/{name}") and os.get_inheritable(int(name)):
        files[name] = stat.S_IFMT(os.fstat(int(name)).st_mode)
print(json.dumps({
    "folder": os.getcwd(), "environ": dict(os.environ), "umask": umask, "argv": sys.argv,
    "path": list(map(os.path.realpath, sys.path)), "files": files,
    "sibling": sibling.__file__, "hash": hash("a"),
    "streams": [[s.encoding, s.errors, s.line_buffering, s.write_through, s.fileno()]
                for s in (sys.stdin, sys.stdout, sys.stderr)],
    "signals": [str(signal.getsignal(number)) for number in (2, 13, 15)],
    "own": sorted(name for name in sys.modules if name.startswith("collectivesft")),
    "nice": os.nice(0), "limits": resource.getrlimit(resource.RLIMIT_NOFILE),
}))

rule all:
    input: "made"

rule made:
    output: "made"
    shell: "echo $$ >shell; sleep $TIME; touch {output}"
"""


@pytest.fixture
def place(tmp_path) -> Path:
    (tmp_path / "Snakefile").write_text(TELL, encoding="utf-8")
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/sibling.py").touch()
    return tmp_path


def environ(**more: str) -> dict[str, str]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return os.environ | {"PYTHONPATH": "lib", "PATH": path, "TIME": "0", "MINE": "我\n="} | more


def told(place: Path, which: str, *arguments: str, **more: str) -> dict:
    with open(place / "open", "w") as file:
        done = subprocess.run(
            [BOTH[which](), *arguments], cwd=place, env=environ(**more), umask=0o27,
            pass_fds=(file.fileno(),), stdin=subprocess.PIPE, capture_output=True, text=True,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(next(line for line in done.stdout.splitlines() if line.startswith("{")))


def test_a_forked_process_is_as_a_started_one(place):
    first, second = (told(place, which, "-n", "--quiet") for which in BOTH)
    assert first.pop("hash") and second.pop("hash")  # each interpreter has a seed of its own
    assert second == first and first["own"] == []


def test_a_variable_of_the_interpreter_starts_the_real_command(place):
    values = {told(place, which, "-n", PYTHONHASHSEED="7")["hash"] for which in BOTH}
    assert len(values) == 1


def test_its_plan_is_the_plan_of_the_installed_command(clone, snakemake):
    arguments = ("-n", "-p", "--configfile", "config/tiny.yaml")
    forked = snakemake(*arguments)
    real = subprocess.run(
        [snakemake_server.real_command(), *arguments], cwd=clone, env=environ(PYTHONPATH="src"),
        capture_output=True, text=True,
    )  # fmt: skip
    assert forked.returncode == real.returncode == 0
    assert words(forked.stdout) == words(real.stdout)
    assert words(forked.stderr) == words(real.stderr)


def words(output: str) -> list[list[str]]:
    """Each line's words without those of one call; their order changes with the hash seed."""
    output = re.sub(r"^ *(?:Date|Workflow ID|Host): .*$|^\[.* 20\d\d\]$", "", output, flags=re.M)
    return sorted(sorted(re.split(r"[\s,;]+", line)) for line in output.splitlines())


@pytest.mark.parametrize("which", BOTH)
def test_its_exit_status_and_errors_reach_the_caller(place, which):
    done = subprocess.run(
        [BOTH[which](), "-n", "nowhere"], cwd=place, env=environ(), capture_output=True, text=True
    )
    assert done.returncode == 1 and "MissingRuleException" in done.stdout + done.stderr


@pytest.mark.parametrize("which", BOTH)
def test_a_signal_reaches_it(place, which):
    """Snakemake then waits for its job and starts no other."""
    process = subprocess.Popen(
        [BOTH[which](), "--cores", "1"], cwd=place, env=environ(TIME="2"),
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    until(lambda: (place / "shell").is_file() and (place / "shell").read_text())
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1 and "Will exit after finishing" in errors
    assert (place / "made").exists()


def test_nothing_plans_on_once_the_caller_is_killed(place):
    process = subprocess.Popen(
        [snakemake_server.command(), "--cores", "1"], cwd=place, env=environ(TIME="2"),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    until(lambda: (place / "shell").is_file() and (place / "shell").read_text())
    process.kill()
    assert process.wait(60) == -signal.SIGKILL
    shell = int((place / "shell").read_text())
    until(lambda: parent(shell) in (None, 1))


def parent(process: int) -> int | None:
    try:
        return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
    except FileNotFoundError:
        return None


def until(true) -> None:
    for _ in range(1200):
        if true():
            return
        time.sleep(0.05)
    raise AssertionError("not within a minute")
