"""The data side gives the same bytes on another Python, in the environment of the same lock."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from collectivesft.common.files import sha256

ROOT = Path(__file__).parents[2]
MIX = "results/tiny/2_curated/mixtures/tiny"
OWN = f"{sys.version_info[0]}.{sys.version_info[1]}"
VERSIONS = ("3.11", "3.12", "3.13")
# Two in Chinese and one in English; each step of stage curated has something to do for them.
DATASETS = ["cmid", "webmedqa", "headqa"]


def find_python(version: str) -> str | None:
    """Return a Python of that version on PATH, of pyenv or of uv."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    places = [shutil.which(f"python{version}"), *pyenv.glob(f"versions/{version}.*/bin/python")]
    uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    if Path(uv).is_file():
        command = [uv, "python", "find", "--no-config", "--no-project", version]
        found = subprocess.run(command, capture_output=True, text=True, check=False)
        places.append(found.stdout.strip())
    code = f"import sys, venv, ensurepip; sys.exit('%d.%d' % sys.version_info[:2] != '{version}')"
    for place in filter(None, places):
        done = subprocess.run([place, "-c", code], capture_output=True, check=False)
        if done.returncode == 0:
            return str(place)
    return None


def curated(clone: Path, python: Path) -> dict[str, str]:
    """Run stages raw and curated with a Python; return the sha256 of what they made."""
    environment = os.environ | {"PATH": f"{python.parent}:{os.environ['PATH']}"}
    target = f"{MIX}/train.parquet"
    command = [sys.executable, "-m", "snakemake", "--configfile", "config/tiny.yaml"]
    done = subprocess.run(
        [*command, "--cores", "2", "--", target],
        cwd=clone, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    made = sorted(path for path in (clone / "results/tiny/2_curated").rglob("*") if path.is_file())
    return {str(path.relative_to(clone)): sha256(path) for path in made}


@pytest.fixture(scope="module")
def of_this_python(new_place) -> dict[str, str]:
    return curated(new_place("own", datasets=DATASETS).folder, Path(sys.executable))


@pytest.mark.slow
@pytest.mark.parametrize("version", VERSIONS)
def test_curated_files_are_the_same_bytes_on_another_python(new_place, of_this_python, version):
    if version == OWN:
        pytest.skip("the Python of the tests")
    python = find_python(version)
    if python is None:
        pytest.skip(f"no Python {version} with venv and ensurepip here")
    folder = ROOT / f".venv-data-{version}"
    command = [ROOT / "envs/install", "data", folder]
    done = subprocess.run(
        command, env=os.environ | {"PYTHON": python}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    other = curated(new_place(f"python-{version}", datasets=DATASETS).folder, folder / "bin/python")
    assert f"{MIX}/train.parquet" in other and len(other) > 20
    assert other == of_this_python
