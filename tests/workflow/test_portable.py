"""The commands that a laptop runs need no program that only Linux has."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# On Linux only: Slurm, Apptainer and CI's machine. Each says so where it cannot run.
LINUX = (
    "workflow/bin/slurm",
    "workflow/bin/torchrun",
    "workflow/bin/bundle",
    "containers/",
    ".ci/",
    "tests/",
)
GNU = re.compile(
    r"\b(flock|nproc|sha256sum|mapfile|readarray|realpath|tac)\b|\bsed -i|\breadlink -f|\bstat -c"
    r"|-printf|-print0|-quit|\bsort -z|xargs (-0 )?-r|date \+%s%|grep -[a-zA-Z]*P|declare -A"
    r"|cp --|mktemp -p|/proc/(?!\$\$/fd/2)"
)
# Programs that POSIX lists, and bash, git, mktemp and which: macOS has them all.
POSIX = (
    "awk basename bash cat chmod cmp cp cut date dirname env expand expr find git grep head id ln"
    " ls mkdir mktemp mv ps rm rmdir sed sh sleep sort tail tee touch tr tty uname wc which xargs"
)
RAW = "results/tiny/1_raw/datasets/cmid/manifest.json"


def shell_files() -> list[str]:
    tracked = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files"], capture_output=True, text=True, check=True
    ).stdout.split()
    first = re.compile(r"#!.*\b(ba)?sh$")
    names = [name for name in tracked if (ROOT / name).is_file() and "." not in Path(name).name]
    found = [name for name in names if first.match(_first_line(ROOT / name))]
    return [name for name in [*found, "Makefile"] if not name.startswith(LINUX)]


def _first_line(path: Path) -> str:
    with open(path, "rb") as file:
        return file.readline().decode("utf-8", "replace").rstrip()


def test_no_script_of_a_laptop_uses_a_program_that_only_linux_has():
    files = shell_files()
    assert {"envs/install", "envs/lock", "workflow/bin/run", "workflow/bin/check"} <= set(files)
    found = {}
    for name in files:
        lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
        code = [line for line in lines if not line.lstrip().startswith("#")]
        # envs/sha256 is where the choice between sha256sum and shasum is made.
        bad = [line for line in code if GNU.search(line) and name != "envs/sha256"]
        found |= {name: bad} if bad else {}
    assert not found


@pytest.fixture
def posix(tmp_path) -> Path:
    """A folder with the Python of the tests and the programs of POSIX."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in POSIX.split():
        if path := shutil.which(name):
            (folder / name).symlink_to(path)
    for name in ("python", "snakemake"):
        command = f'#!/bin/sh\nexec "{Path(sys.executable).parent / name}" "$@"\n'
        (folder / name).write_text(command, encoding="utf-8")
        (folder / name).chmod(0o755)
    return folder


def run(clone: Path, posix: Path, *words: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        words, cwd=clone, env=os.environ | {"PATH": str(posix)},
        capture_output=True, text=True, check=False, timeout=200,
    )  # fmt: skip


def test_a_run_needs_the_programs_of_posix_only(clone, posix):
    done = run(clone, posix, "workflow/bin/run", "config/tiny.yaml", "--cores", "1", "--", RAW)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (clone / RAW).is_file()


def test_a_lock_of_a_shell_refuses_a_run_in_the_folder(clone, posix):
    hold = "exec 9>.snakemake/alive; python workflow/lib/file_lock.py 9 held; echo held; read -r _"
    with subprocess.Popen(
        ["bash", "-c", hold], cwd=clone, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as first:
        assert first.stdout.readline() == "held\n"
        done = run(clone, posix, "workflow/bin/run", "config/tiny.yaml", "--cores", "1", "--", RAW)
        assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
        assert done.stderr.startswith("error: a run still works in this folder.")
        first.communicate("\n")


def test_a_lock_that_the_file_system_does_not_know_is_another_error(monkeypatch, capsys):
    import fcntl

    import file_lock

    def refuse(*_):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    assert file_lock.lock(9, "a run still works", wait=False) == 2
    text = capsys.readouterr().err
    assert "no locks (No locks available)" in text and "still works" not in text


def test_a_waiting_lock_says_that_it_waits(tmp_path):
    hold = "exec 9>alive; python workflow/lib/file_lock.py 9 held && echo held; read -r _"
    wait = "exec 9>alive; python workflow/lib/file_lock.py --wait 9 waiting; echo taken"
    (tmp_path / "workflow").symlink_to(ROOT / "workflow")
    path = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    place = {"cwd": tmp_path, "env": os.environ | path}
    with subprocess.Popen(["bash", "-c", hold], **place, **pipes) as first:
        assert first.stdout.readline() == "held\n"
        with subprocess.Popen(["bash", "-c", wait], **place, **pipes) as second:
            assert second.stdout.readline() == "waiting\n"
            first.communicate("\n")
            assert second.communicate()[0] == "taken\n"


def test_progress_has_a_place_without_proc(tmp_path, monkeypatch):
    import run_command

    assert run_command._terminal() == f"/proc/{os.getpid()}/fd/2"
    monkeypatch.setattr(os, "isatty", lambda _: False)
    assert run_command._terminal(tmp_path) == ""
    monkeypatch.setattr(os, "isatty", lambda _: True)
    monkeypatch.setattr(os, "ttyname", lambda _: "/dev/ttys001")
    assert run_command._terminal(tmp_path) == "/dev/ttys001"


def test_cores_are_counted_where_processes_have_no_affinity(monkeypatch):
    import run_command

    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    assert run_command.cores([]) == 7


def test_the_fingerprint_is_what_sha256sum_says_without_what_holds_times(tmp_path):
    for name in ("b", "a/ä b", "a/B", "4_scores/x.json", "7_hub/demo/manifest.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name, encoding="utf-8")
    for name in (
        "3_sft/checkpoints/1/x", "report.html", "7_hub/loopback/x",
        "7_hub/demo/measurements.json", "7_hub/demo/ro-crate-metadata.json",
    ):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "link").symlink_to(tmp_path / "b")
    made = subprocess.run(
        [ROOT / "workflow/bin/fingerprint", tmp_path], capture_output=True, text=True, check=True
    ).stdout
    names = [line.split("  ", 1)[1] for line in made.splitlines()]
    want = ["4_scores/x.json", "7_hub/demo/manifest.json", "a/B", "a/ä b", "b"]
    assert names == [f"./{name}" for name in want]
    check = ["sha256sum", "--quiet", "--check"]
    subprocess.run(check, cwd=tmp_path, input=made, text=True, check=True)
