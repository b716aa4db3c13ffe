"""The image of the data environment does what the environment itself does, to the byte."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
IMAGE = ROOT / "containers/data.sif"
TARGET = "results/tiny/2_curated/cmid/clean.parquet"
COPIED = ("Snakefile", "workflow", "src", "envs", "paper", "resources", "config", "containers")

pytestmark = [
    pytest.mark.apptainer,
    pytest.mark.skipif(not shutil.which("apptainer"), reason="apptainer is not on PATH"),
    pytest.mark.skipif(not IMAGE.is_file(), reason="run `make containers IMAGES=data` first"),
]


def curated(folder: Path, *options: str) -> str:
    """Run the workflow up to a curated file in a copy of the clone; the file's sha256."""
    # A copy, since an image sees the working folder and nothing beside it.
    for name in COPIED:
        source = ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, folder / name)
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    command = [sys.executable, "-m", "snakemake", TARGET, "--cores", "1", *options]
    done = subprocess.run(
        [*command, "--configfile", "config/tiny.yaml"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return hashlib.sha256((folder / TARGET).read_bytes()).hexdigest()


def test_same_bytes_inside_and_outside(tmp_path):
    for name in ("inside", "outside"):
        (tmp_path / name).mkdir()
    clean = "--cleanenv --env TMPDIR=/tmp"
    inside = curated(tmp_path / "inside", "--sdm", "apptainer", "--apptainer-args", clean)
    assert inside == curated(tmp_path / "outside")


def test_image_names_its_lock_and_version():
    labels = subprocess.run(
        ["apptainer", "inspect", "--labels", str(IMAGE)], capture_output=True, text=True, check=True
    ).stdout
    lock = hashlib.sha256((ROOT / "envs/data.lock").read_bytes()).hexdigest()
    assert f"collectivesft.lock.sha256: {lock}" in labels
