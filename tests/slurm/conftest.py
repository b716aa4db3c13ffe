"""A Slurm to submit to: the machine's own, or one that tests/slurm/cluster starts for the tests.

Of two nodes with a GPU each, all pretended: this machine under two names, and null devices.
"""

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
    size = {"SLURM_TEST_NODES": "2", "SLURM_TEST_GPUS": "1"}
    done = subprocess.run(
        [CLUSTER, "start"], env=os.environ | size, capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"no Slurm here, and none could be started: {done.stderr.strip()}")
    yield
    subprocess.run([CLUSTER, "stop"], check=True)


@pytest.fixture(scope="session")
def profile(tmp_path_factory) -> Callable[..., Path]:
    """The project's profile as a user would change it for a cluster of this size."""

    def write(grouped: bool = True, **changes) -> Path:
        text = (ROOT / "workflow/profiles/slurm/config.yaml").read_text(encoding="utf-8")
        settings = yaml.safe_load(text) | SETTINGS | changes
        settings["groups"] |= MORE_GROUPS
        settings["group-components"] |= {"read": 20, "answers": 20}
        if not grouped:
            del settings["groups"], settings["group-components"]
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
def done_place(new_place):
    """That flow, done without a cluster and without images."""
    place = new_place("bare-small", **SMALL)
    done = place.snakemake("--cores", "all")
    assert done.returncode == 0, done.stdout
    return place


@pytest.fixture(scope="session")
def small_bare(done_place) -> str:
    """Its fingerprint."""
    return done_place.fingerprint()


@pytest.fixture
def trainable(done_place, new_place) -> Callable:
    """A place in which all is done but the training, by a recipe with other settings.

    Files keep their times, so that Snakemake sees no reason to make the tokens again.
    """

    def make(name: str, settings: dict, **changes):
        place = new_place(name, **SMALL, **changes)
        for folder in ("results/tiny/1_raw", "results/tiny/2_curated", ".cache"):
            shutil.copytree(done_place.folder / folder, place.folder / folder)
        tokens = "results/tiny/3_sft/tiny/tokens"
        shutil.copytree(done_place.folder / tokens, place.folder / tokens)
        path = place.folder / "config/experiments/tiny.yaml"
        recipe, times = yaml.safe_load(path.read_text("utf-8")), path.stat()
        recipe["training"] |= settings
        path.write_text(yaml.safe_dump(recipe), encoding="utf-8")
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
        return place

    return make
