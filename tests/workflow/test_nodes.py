"""A training on several nodes: its request to Slurm, and how workflow/bin/torchrun starts it."""

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TORCHRUN = ROOT / "workflow/bin/torchrun"
STANDINS = {
    # Runs its command once, as the second of two nodes would.
    "srun": """echo "srun $@" >>"$PLACE/called"
        while [[ $1 = --* ]]; do shift; done
        SLURM_NODEID=1 SLURMD_NODENAME=n2 SLURM_STEP_NODELIST=n[1-2] exec "$@" """,
    "scontrol": """case $2 in hostnames) printf 'n1\\nn2\\n' ;;
        node) echo "   NodeAddr=10.0.0.$(tr -d n <<<"$3") NodeHostName=$3 Version=22" ;; esac""",
    "python": 'echo "python $@" >>"$PLACE/called"',
    "apptainer": """echo "apptainer $@" >>"$PLACE/called"
        env | grep ^APPTAINERENV_ | sort >>"$PLACE/called" """,
}


@pytest.mark.parametrize(
    ("nodes", "resources", "command"),
    [
        (
            1,
            "gpu=4",
            r"exec python -m collectivesft\.sft\.distributed\.launcher --standalone"
            r" --nproc-per-node 4 -m",
        ),
        (
            2,
            "gpu=8, nodes=2, tasks=2, tasks_per_gpu=0, mpi=srun",
            r"exec \S*workflow/bin/torchrun 2 4 -m",
        ),
    ],
)
def test_what_training_asks_for(snakemake, nodes, resources, command):
    target = "results/tiny/3_sft/tiny/history.jsonl"
    changes = ["device=cuda", "gpus=4", f"nodes={nodes}"]
    done = snakemake(
        "-n", "-p", "--configfile", "config/tiny.yaml", "--config", *changes, "--", target
    )
    assert done.returncode == 0, done.stdout + done.stderr
    block = (done.stdout + done.stderr).split("rule sft_train:")[1]
    block = block[: block.rindex("2> logs")]
    found = [one for one in re.findall(r"\w+=\w+", block) if one.split("=")[0] in resources]
    assert ", ".join(dict.fromkeys(found)) == resources
    assert re.search(command + " collectivesft sft train", block)


@pytest.mark.parametrize(
    ("setting", "wanted"),
    [("report_to=[]", ""), ("report_to=[tensorboard,wandb]", "--report-to wandb"),
     ("tensorboard=True", "--report-to tensorboard")],
)  # fmt: skip
def test_curves_lie_with_the_logs_where_they_are_asked_for(snakemake, setting, wanted):
    options = ["--configfile", "config/tiny.yaml", "--config", setting]
    done = snakemake("-n", "-p", *options, "--", "results/tiny/3_sft/tiny/history.jsonl")
    assert done.returncode == 0, done.stdout + done.stderr
    shown = done.stdout + done.stderr
    command = f"{wanted}  --tracker-folder logs/tiny/3_sft/tiny --tracker-run tiny/tiny"
    assert (command.replace("  ", " ") in shown) is bool(wanted)


def launch(place: Path, **environment: str) -> subprocess.CompletedProcess:
    for name, body in STANDINS.items():
        path = place / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/bash\n{body}\n", encoding="utf-8")
        path.chmod(0o755)
    kept = {key: value for key, value in os.environ.items() if not key.startswith("SLURM_")}
    kept |= {"PATH": f"{place}/bin:{os.environ['PATH']}", "PLACE": str(place)}
    command = [TORCHRUN, "2", "4", "-m", "collectivesft", "a, b"]
    return subprocess.run(
        command, cwd=place, env=kept | environment, capture_output=True, text=True, check=False
    )


def called(place: Path) -> list[str]:
    return (place / "called").read_text(encoding="utf-8").splitlines()


def test_outside_of_slurm_it_says_what_to_do(tmp_path):
    done = launch(tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith(
        "error: a training on 2 nodes needs a Slurm job. Use workflow/bin/slurm"
    )
    assert not (tmp_path / "called").exists()


def test_every_node_meets_at_the_first(tmp_path):
    done = launch(tmp_path, SLURM_JOB_ID="30017")
    assert done.returncode == 0, done.stderr
    srun, python = called(tmp_path)
    assert "--nodes=2 --ntasks=2 --ntasks-per-node=1 --cpu-bind=none --kill-on-bad-exit=1" in srun
    assert python == (
        "python -m collectivesft.sft.distributed.launcher --nnodes=2 --nproc-per-node=4"
        " --node-rank=1 --master-addr=10.0.0.1 --master-port=20017 -m collectivesft a, b"
    )
    assert done.stderr == "node n2 is 2 of 2, with 4 process(es); they meet at 10.0.0.1:20017\n"


def test_the_image_is_started_on_the_node(tmp_path):
    done = launch(
        tmp_path,
        SLURM_JOB_ID="7", COLLECTIVESFT_IMAGE="some.sif", PYTHONPATH="/clone/src",
        CUDA_VISIBLE_DEVICES="0,1,2,3",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    _, apptainer, *variables = called(tmp_path)
    assert apptainer.startswith(
        f"apptainer exec --home {tmp_path} some.sif python -m collectivesft."
    )
    assert "APPTAINERENV_CUDA_VISIBLE_DEVICES=0,1,2,3" in variables
    assert "APPTAINERENV_PYTHONPATH=/clone/src" in variables
