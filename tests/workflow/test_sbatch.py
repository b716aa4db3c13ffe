"""A submission that is not answered in time is looked up before it is made again."""

import os
import subprocess
from pathlib import Path

import pytest

SBATCH = Path(__file__).parents[2] / "workflow/lib/slurm-commands/sbatch"
FAKES = {
    "sbatch": """
echo "$*" >>calls
n=$(wc -l <calls)
[ ! -f "answer$n" ] || { cat "answer$n" >&2; exit 1; }
echo "10$n"
""",
    "squeue": """
echo look >>looks
[ "$(wc -l <looks)" -gt "$(cat asleep)" ] || exit 1
cat queue
""",
    "scancel": 'echo "$1" >>cancelled\n',
}
TIMEOUT = "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation\n"
EARLIER, LATER = "2001-02-03T04:05:06", "9001-02-03T04:05:06"  # than the submission
ASKED = ["--parsable", "--job-name", "mine", "--comment", "rule_sft_train_wildcards_a b"]


@pytest.fixture
def slurm(tmp_path):
    """A Slurm of three scripts; returns what submits a job to it."""
    (tmp_path / "bin").mkdir()
    for name, text in FAKES.items():
        path = tmp_path / "bin" / name
        path.write_text(f"#!/bin/sh\n{text}", encoding="utf-8")
        path.chmod(0o755)
    for name, text in (("calls", ""), ("looks", ""), ("asleep", "0"), ("queue", "")):
        (tmp_path / name).write_text(text, encoding="utf-8")

    def submit(*more: str, **variables: str) -> subprocess.CompletedProcess:
        environ = {"PATH": f"{SBATCH.parent}:{tmp_path}/bin:{os.environ['PATH']}"} | variables
        return subprocess.run(
            ["sbatch", *ASKED, "--wrap", "true", *more], cwd=tmp_path,
            env=os.environ | environ | {"COLLECTIVESFT_SLURM_PAUSE": "0"},
            capture_output=True, text=True, check=False, timeout=30,
        )  # fmt: skip

    return submit


def read(folder: Path, name: str) -> list[str]:
    """Lines of a file of the fake Slurm; none where it is not there."""
    path = folder / name
    return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []


def test_a_job_that_is_taken_at_once_is_submitted_once(slurm, tmp_path):
    done = slurm()
    assert (done.returncode, done.stdout, done.stderr) == (0, "101\n", "")
    assert len(read(tmp_path, "calls")) == 1 and not read(tmp_path, "looks")


def test_a_link_to_its_folder_is_no_other_slurm(slurm, tmp_path):
    (tmp_path / "clone").symlink_to(SBATCH.parents[2])
    linked = f"{tmp_path}/clone/lib/slurm-commands"
    done = slurm(PATH=f"{linked}:{SBATCH.parent}:{tmp_path}/bin:{os.environ['PATH']}")
    assert (done.returncode, done.stdout, done.stderr) == (0, "101\n", "")
    assert len(read(tmp_path, "calls")) == 1


def test_a_refusal_passes_with_the_words_of_slurm(slurm, tmp_path):
    (tmp_path / "answer1").write_text("sbatch: error: invalid partition specified: gpux\n", "utf-8")
    done = slurm()
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr == "sbatch: error: invalid partition specified: gpux\n"
    assert len(read(tmp_path, "calls")) == 1


def test_a_job_that_a_sleeping_controller_took_is_not_submitted_again(slurm, tmp_path):
    (tmp_path / "answer1").write_text(TIMEOUT, encoding="utf-8")
    (tmp_path / "asleep").write_text("3", encoding="utf-8")
    name = "rule_sft_train_wildcards_a"
    queue = f"7|PD|{EARLIER}|{name}\n44|R|{EARLIER}|{name} b\n"
    (tmp_path / "queue").write_text(queue, encoding="utf-8")
    done = slurm()
    assert (done.returncode, done.stdout) == (0, "44\n")
    assert len(read(tmp_path, "calls")) == 1 and not read(tmp_path, "cancelled")


def test_copies_of_a_job_are_cancelled(slurm, tmp_path):
    (tmp_path / "answer1").write_text(TIMEOUT, encoding="utf-8")
    same = "rule_sft_train_wildcards_a b"
    queue = "".join(f"{job}|PD|{EARLIER}|{same}\n" for job in (46, 44, 45))
    (tmp_path / "queue").write_text(queue, encoding="utf-8")
    assert slurm().stdout == "44\n"
    assert read(tmp_path, "cancelled") == ["45", "46"]


def test_a_job_that_has_ended_before_the_first_look_is_not_submitted_again(slurm, tmp_path):
    (tmp_path / "answer1").write_text(TIMEOUT, encoding="utf-8")
    queue = f"44|CD|{LATER}|rule_sft_train_wildcards_a b\n"
    (tmp_path / "queue").write_text(queue, encoding="utf-8")
    assert slurm().stdout == "44\n"
    assert len(read(tmp_path, "calls")) == 1


def test_an_earlier_try_that_has_ended_is_no_answer(slurm, tmp_path):
    (tmp_path / "answer1").write_text(TIMEOUT, encoding="utf-8")
    queue = f"44|F|{EARLIER}|rule_sft_train_wildcards_a b\n"
    (tmp_path / "queue").write_text(queue, encoding="utf-8")
    assert slurm().stdout == "102\n"


def test_a_job_that_was_not_taken_is_submitted_again(slurm, tmp_path):
    (tmp_path / "answer1").write_text(TIMEOUT, encoding="utf-8")
    done = slurm()
    assert (done.returncode, done.stdout) == (0, "102\n")
    assert len(read(tmp_path, "calls")) == 2


def test_patience_ends_with_the_words_of_slurm(slurm, tmp_path, monkeypatch):
    monkeypatch.setenv("COLLECTIVESFT_SLURM_PATIENCE", "3")
    (tmp_path / "answer1").write_text(TIMEOUT, encoding="utf-8")
    (tmp_path / "asleep").write_text("99", encoding="utf-8")
    done = slurm()
    assert done.returncode == 1 and "Socket timed out" in done.stderr
    assert len(read(tmp_path, "calls")) == 1


def test_a_script_on_standard_input_reaches_every_try(slurm, tmp_path):
    (tmp_path / "answer1").write_text(TIMEOUT, encoding="utf-8")
    fake = tmp_path / "bin/sbatch"
    fake.write_text(fake.read_text("utf-8").replace("n=$(", "cat >>scripts\nn=$(", 1), "utf-8")
    environ = {"PATH": f"{SBATCH.parent}:{tmp_path}/bin:{os.environ['PATH']}"}
    subprocess.run(
        ["sbatch", *ASKED, "/dev/stdin"], cwd=tmp_path, input="train\n", text=True, check=True,
        env=os.environ | environ | {"COLLECTIVESFT_SLURM_PAUSE": "0"}, timeout=30,
    )  # fmt: skip
    assert read(tmp_path, "scripts") == ["train", "train"]
