"""The images do what the environments do, to the byte, and nothing of the host gets in."""

import hashlib
import shutil
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
IMAGES = ("data", "model-cpu", "paper")
MISSING = [name for name in IMAGES if not (ROOT / f"containers/{name}.sif").is_file()]
# model-cpu is the largest that a CPU needs; the limit is the project's own.
LIMIT_MB = 700
# What a rule may take longer to start in an image than without.
STARTUP_SECONDS = 2

pytestmark = [
    pytest.mark.apptainer,
    pytest.mark.skipif(not shutil.which("apptainer"), reason="apptainer is not on PATH"),
    pytest.mark.skipif(bool(MISSING), reason=f"run `make containers` first: {MISSING} missing"),
]

INTRUDER = """
import os
if "APPTAINER_CONTAINER" in os.environ:
    raise SystemExit("the host's PYTHONPATH reached an image")
"""


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_whole_flow_gives_the_same_bytes_inside(new_place, bare, tmp_path):
    """With a PYTHONPATH, a user site and settings that would change it, if they came in."""
    (tmp_path / "sitecustomize.py").write_text(INTRUDER, encoding="utf-8")
    place = new_place("inside")
    done = place.snakemake(
        "--cores", "all", "--use-apptainer",
        PYTHONPATH=f"{tmp_path}:{ROOT / 'src'}", PYTHONOPTIMIZE="2", MPLBACKEND="nonsense",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert "Activating singularity image" in done.stdout
    assert place.fingerprint() == bare
    # HOME is the working folder: what programs keep for themselves lies there, out of git's sight.
    ignored = {".snakemake", ".cache", "results", "logs"}
    made = {path.name for path in place.folder.iterdir()} - {"config"}
    assert {name for name in made if not (ROOT / name).exists()} <= ignored


def labels(name: str) -> str:
    command = ["apptainer", "inspect", "--labels", str(ROOT / f"containers/{name}.sif")]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("name", IMAGES)
def test_image_says_what_it_was_made_of(name):
    lock = hashlib.sha256((ROOT / f"envs/{name}.lock").read_bytes()).hexdigest()
    found = labels(name)
    assert f"collectivesft.lock.sha256: {lock}" in found
    assert f"org.opencontainers.image.title: collectivesft-{name}" in found
    revision = found.split("image.revision: ")[1].split()[0]
    assert len(revision) == 40 or revision == "unknown"


@pytest.mark.parametrize("name", IMAGES)
def test_image_passes_its_own_test_and_is_small(name):
    image = ROOT / f"containers/{name}.sif"
    done = subprocess.run(["apptainer", "test", str(image)], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert image.stat().st_size < LIMIT_MB * 2**20


def test_an_image_starts_quickly():
    """The best of five: other work on the machine is not the image's."""
    image = str(ROOT / "containers/model-cpu.sif")

    def seconds(*command: str) -> float:
        before = time.perf_counter()
        subprocess.run([*command, "python3", "-c", "pass"], check=True)
        return time.perf_counter() - before

    inside = min(seconds("apptainer", "exec", image) for _ in range(5))
    assert inside - min(seconds() for _ in range(5)) < STARTUP_SECONDS


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
