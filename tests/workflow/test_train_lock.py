"""Two jobs never train into the same checkpoints, on systems without flock(1) too."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers import snakemake_server

ROOT = Path(__file__).parents[2]
# Stands in for the training; the lock's own program is the real one.
STANDIN = f"""#!/bin/sh
case "$1" in *file_lock.py) exec {sys.executable} "$@" ;; esac
while [ $# -gt 0 ]; do
  [ "$1" = --out ] && mkdir -p "$2"
  [ "$1" = --history ] && echo "{{}}" >"$2"
  shift
done
"""


@pytest.mark.parametrize("held", [True, False], ids=["held", "free"])
def test_a_second_training_into_the_same_checkpoints_ends_at_once(clone, held):
    (clone / "bin").mkdir()
    (clone / "bin/python").write_text(STANDIN, encoding="utf-8")
    (clone / "bin/python").chmod(0o755)
    (clone / "bin/flock").write_text("#!/bin/sh\nexit 127\n", encoding="utf-8")
    (clone / "bin/flock").chmod(0o755)
    for name in ("results/tiny/3_sft/tiny/tokens/x", ".cache/models/tiny-random/x"):
        (clone / name).parent.mkdir(parents=True)
        (clone / name).touch()
    lock = clone / "results/tiny/3_sft/tiny/checkpoints/.lock"
    lock.parent.mkdir()
    command = [snakemake_server.command(), "results/tiny/3_sft/tiny/history.jsonl"]
    command += ["--allowed-rules", "sft_train", "--configfile", "config/tiny.yaml", "--cores", "1"]
    env = os.environ | {"PATH": f"{clone / 'bin'}:{os.environ['PATH']}"}
    with open(lock, "a", encoding="utf-8") as file:
        if held:
            fcntl.flock(file, fcntl.LOCK_EX)
        done = subprocess.run(command, cwd=clone, env=env, capture_output=True, text=True)
    said = (clone / "logs/tiny/3_sft/tiny/train.log").read_text("utf-8")
    if held:
        assert done.returncode == 1
        assert said == (
            "error: results/tiny/3_sft/tiny/checkpoints: another job trains into it. Wait for it, "
            "or cancel it.\n"
        )
    else:
        assert (done.returncode, said) == (0, ""), done.stderr
