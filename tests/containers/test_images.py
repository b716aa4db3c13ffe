"""Each image says what it is, is small, starts quickly; test_inside.py runs the flow in them."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
IMAGES = ("data", "model-cpu", "paper")
MISSING = [name for name in IMAGES if not (ROOT / f"containers/{name}.sif").is_file()]
STAGES = {"data": "raw", "model-cpu": "sft", "paper": "figures"}
# model-cpu is the largest that a CPU needs; the limit is the project's own.
LIMIT_MB = 700
# What a rule may take longer to start in an image than without.
STARTUP_SECONDS = 2

pytestmark = [
    pytest.mark.apptainer,
    pytest.mark.skipif(not shutil.which("apptainer"), reason="apptainer is not on PATH"),
]
built = pytest.mark.skipif(bool(MISSING), reason=f"run `make containers` first: {MISSING} missing")


def labels(name: str) -> str:
    command = ["apptainer", "inspect", "--labels", str(ROOT / f"containers/{name}.sif")]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@built
@pytest.mark.parametrize("name", IMAGES)
def test_image_says_what_it_was_made_of(name):
    lock = hashlib.sha256((ROOT / f"envs/{name}.lock").read_bytes()).hexdigest()
    found = labels(name)
    assert f"collectivesft.lock.sha256: {lock}" in found
    assert f"org.opencontainers.image.title: collectivesft-{name}" in found
    assert re.search(r"image\.version: \d+\.\d+\.\d+", found)  # as of when it was built
    revision = found.split("image.revision: ")[1].split()[0]
    assert len(revision) == 40 or revision == "unknown"


@built
@pytest.mark.parametrize("name", IMAGES)
def test_image_passes_its_own_test_and_is_small(name):
    image = ROOT / f"containers/{name}.sif"
    done = subprocess.run(
        ["apptainer", "test", "--cleanenv", str(image)], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    print(f"{name}: {image.stat().st_size / 10**6:.0f} MB")
    assert image.stat().st_size < LIMIT_MB * 10**6


def run_image(name: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    command = ["apptainer", "run", "--cleanenv", str(ROOT / f"containers/{name}.sif"), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@built
@pytest.mark.parametrize(("name", "stage"), [*STAGES.items()])
def test_an_image_runs_the_clone_s_command(name, stage):
    done = run_image(name, ROOT, stage, "--help")
    assert done.returncode == 0, done.stderr
    assert f"collectivesft {stage} [OPTIONS]" in done.stdout


@pytest.mark.skipif(
    not (ROOT / "containers/demo.sif").is_file(), reason="run `containers/build demo` first"
)
def test_the_image_of_the_whole_flow_says_what_it_is_and_needs_a_clone(tmp_path):
    """test_inside.py runs the flow in it."""
    locks = (f"envs/{name}.lock" for name in ("data", "paper", "workflow"))
    digest = hashlib.sha256(b"".join((ROOT / name).read_bytes() for name in locks)).hexdigest()
    assert f"collectivesft.lock.sha256: {digest}" in labels("demo")
    size = (ROOT / "containers/demo.sif").stat().st_size
    print(f"demo: {size / 10**6:.0f} MB")
    assert size < LIMIT_MB * 10**6
    done = run_image("demo", tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith("Run the image in the top folder of a clone.\n")
    plan = run_image("demo", ROOT, "config/tiny.yaml", "-n", "--cores", "1")
    assert plan.returncode == 0 and "paper_build" in plan.stdout, plan.stderr


@built
def test_an_image_outside_of_a_clone_says_so(tmp_path):
    done = run_image("data", tmp_path, "raw", "status")
    assert done.returncode == 1
    assert done.stderr.startswith("error: no src/collectivesft here")


@built
def test_a_rule_s_command_starts_as_quickly_inside():
    """The command as Snakemake starts it. The best of five: other work here is not the image's."""
    source = str(ROOT / "src")
    inside = {"APPTAINER_CLEANENV": "1", "APPTAINERENV_PYTHONPATH": source}

    def seconds(python: list[str], **variables: str) -> float:
        command = [*python, "-m", "collectivesft", "sft", "train", "--help"]
        before = time.perf_counter()
        subprocess.run(command, env=os.environ | variables, check=True, capture_output=True)
        return time.perf_counter() - before

    image = ["apptainer", "exec", "--home", str(ROOT), str(ROOT / "containers/model-cpu.sif")]
    pairs = [
        (seconds([*image, "python3"], **inside), seconds([sys.executable], PYTHONPATH=source))
        for _ in range(5)
    ]
    there, here = map(min, zip(*pairs, strict=True))
    print(f"sft train --help: {here:.2f} s, in the image {there:.2f} s")
    if there - here >= STARTUP_SECONDS and os.getloadavg()[0] > os.cpu_count():
        pytest.skip(f"too busy to measure: {os.getloadavg()[0]:.0f} processes want to run")
    assert there - here < STARTUP_SECONDS


@built
def test_what_is_built_is_not_built_again():
    done = subprocess.run(
        ["containers/build"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == [f"containers/{n}.sif is up to date" for n in
                                        ("data", "model-cpu", "paper")]  # fmt: skip


def test_an_unknown_image_is_one_message():
    done = subprocess.run(
        ["containers/build", "nothing"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr == "error: containers/nothing.def: no such definition\n"
