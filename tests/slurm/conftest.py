"""A Slurm to submit to: the machine's own, or one that tests/slurm/cluster starts for the tests."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
CLUSTER = ROOT / "tests/slurm/cluster"
# Every stage, with few jobs: each costs some seconds beside its own work.
SMALL = {
    "datasets": ["cmb", "cmid"],
    "evaluation": {
        "cmb": {"limit": 28, "protocols": ["answer"]},
        "cmb_clin": {"limit": 1},
    },
}
MORE_GROUPS = {
    "curated_items": "read",
    "curated_dedup": "mixture",
    "curated_decontaminate": "mixture",
    "curated_mix": "mixture",
    "sft_base": "sft",
    "sft_tokenize": "sft",
    "sft_train": "sft",
    "sft_merge": "sft",
    "scores_predict": "answers",
    "scores_answer_cases": "answers",
}
SETTINGS = {
    "slurm-init-seconds-before-status-checks": 5,
    "latency-wait": 10,
    "cores": os.cpu_count(),
    "local-cores": os.cpu_count(),
    "resources": {"mem_mb": 4000},
}


def _answers() -> bool:
    if not shutil.which("sinfo"):
        return False
    command = ["timeout", "10", "sinfo", "--noheader", "--states=idle,mixed,allocated"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode == 0 and bool(done.stdout.strip())


@pytest.fixture(scope="session")
def slurm():
    """A Slurm that takes jobs; skips with the reason where there can be none."""
    if _answers():
        yield
        return
    done = subprocess.run([CLUSTER, "start"], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no Slurm here, and none could be started: {done.stderr.strip()}")
    yield
    subprocess.run([CLUSTER, "stop"], check=True)


@pytest.fixture(scope="session")
def profile(tmp_path_factory) -> Callable[..., Path]:
    """The project's profile as a user would change it for a cluster of this size."""

    def write(**changes) -> Path:
        text = (ROOT / "workflow/profiles/slurm/config.yaml").read_text(encoding="utf-8")
        settings = yaml.safe_load(text) | SETTINGS | changes
        settings["groups"] |= MORE_GROUPS
        settings["group-components"] |= {"read": 20, "answers": 20}
        settings["set-resources"] = {
            rule: {"mem_mb": "attempt * 1500", "runtime": "attempt * 10"}
            for rule in settings["set-resources"]
        }
        folder = tmp_path_factory.mktemp("profile")
        (folder / "config.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
        return folder

    return write


@pytest.fixture
def small_place(new_place) -> Callable:
    """A place for the tiny flow with fewer jobs."""
    return lambda name: new_place(name, **SMALL)


@pytest.fixture(scope="session")
def small_bare(new_place) -> str:
    """The fingerprint of that flow without a cluster and without images."""
    place = new_place("bare-small", **SMALL)
    done = place.snakemake("--cores", "all")
    assert done.returncode == 0, done.stdout
    return place.fingerprint()
