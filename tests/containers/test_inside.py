"""The tiny flow in images: the same bytes, nothing of the host gets in, no network is needed."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
IMAGES = ("data", "model-cpu", "paper")
MISSING = [name for name in IMAGES if not (ROOT / f"containers/{name}.sif").is_file()]
ALONE = ("unshare", "--net")


def alone() -> bool:
    """Return True if this machine can run a command that sees no network."""
    if not shutil.which(ALONE[0]):
        return False
    return subprocess.run([*ALONE, "true"], capture_output=True, check=False).returncode == 0


ALONE_HERE = alone()
INTRUDER = """
import os
if "APPTAINER_CONTAINER" in os.environ:
    raise SystemExit("the host's PYTHONPATH reached an image")
"""
# Each would change a result, or end a command, if it came in.
SETTINGS = {"PYTHONOPTIMIZE": "2", "MPLBACKEND": "nonsense"}

# HOME is the working folder: what programs keep for themselves lies there, out of git's sight.
LEFT = {".snakemake", ".cache", "results", "logs"}

pytestmark = [
    pytest.mark.apptainer,
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(not shutil.which("apptainer"), reason="apptainer is not on PATH"),
]
built = pytest.mark.skipif(bool(MISSING), reason=f"run `make containers` first: {MISSING} missing")


@pytest.fixture
def intruder(tmp_path) -> str:
    """A folder for PYTHONPATH that ends every Python that finds it in an image."""
    folder = tmp_path / "intruder"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(INTRUDER, encoding="utf-8")
    return str(folder)


@pytest.fixture
def repository(tmp_path) -> Path:
    """A clone of what is here, committed or not, with the images that were built here."""
    folder = tmp_path / "clone"
    folder.mkdir()
    copy = 'git ls-files -z | tar -c --null --files-from - | tar -x -C "$0"'
    subprocess.run(["bash", "-c", copy, folder], cwd=ROOT, check=True)
    commit = ("-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "-m", "x")
    for arguments in (("init", "--quiet"), ("add", "."), commit):
        subprocess.run(["git", *arguments], cwd=folder, check=True)
    for name in IMAGES:
        image = f"containers/{name}.sif"
        try:
            (folder / image).hardlink_to(ROOT / image)
        except OSError:  # another file system
            shutil.copy2(ROOT / image, folder / image)
    return folder


def run(folder: Path, *command: str, **environment: str) -> str:
    """Run a command; returns what it said, stderr within stdout."""
    done = subprocess.run(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-5000:]
    return done.stdout


@built
@pytest.mark.skipif(not ALONE_HERE, reason="no network namespace: unshare needs root")
def test_a_bundle_runs_to_its_end_without_a_network(repository, bare, intruder, tmp_path):
    """Made here, copied to another folder, and run there by its own BUNDLE.md."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    made = tmp_path / "bundle"
    run(
        repository,
        "workflow/bin/bundle",
        "config/tiny.yaml",
        str(made),
        **os.environ | {"PATH": path},
    )

    # Times are lost on the way, and nothing that this machine has set up for pip or Python helps.
    there = tmp_path / "elsewhere/node"
    there.parent.mkdir()
    subprocess.run(["cp", "-r", made, there], check=True)
    shutil.rmtree(made)
    shutil.rmtree(repository)
    (tmp_path / "home").mkdir()
    kept = {"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home"), "LC_ALL": "C.UTF-8"}
    before = {path.name for path in there.iterdir()}
    text = (there / "BUNDLE.md").read_text(encoding="utf-8")
    commands = "\n".join(re.findall(r"^    (.*)", text, re.M))
    assert "workflow/bin/run config/tiny.yaml --cores all --use-apptainer" in commands
    said = run(
        there, *ALONE, "bash", "-euo", "pipefail", "-c", commands,
        **kept, **SETTINGS, PYTHONPATH=intruder, PIP_CONFIG_FILE="/dev/null",
    )  # fmt: skip
    assert "Nothing is missing." in said
    assert not re.search(r"\braw_fetch", said), "what was fetched is fetched again"
    assert run(there, "workflow/bin/fingerprint", "results/tiny", **kept) == bare()
    made = {path.name for path in there.iterdir()} - before
    assert made <= LEFT | {".venv-workflow"}


@pytest.mark.skipif(
    not (ROOT / "containers/demo.sif").is_file(), reason="run `containers/build demo` first"
)
def test_one_image_runs_the_whole_flow_without_a_python_outside(new_place, bare):
    place = new_place("newcomer")
    before = {path.name for path in place.folder.iterdir()}
    home = place.folder / "home"
    home.mkdir()
    command = ["apptainer", "run", "--cleanenv", "--bind", str(ROOT), "--home", str(home)]
    command += [str(ROOT / "containers/demo.sif"), "config/tiny.yaml"]
    apptainer = Path(shutil.which("apptainer")).parent
    run(place.folder, *command, PATH=f"{apptainer}:/usr/sbin:/sbin", HOME="/nonexistent")
    assert place.fingerprint() == bare()
    assert {path.name for path in place.folder.iterdir()} - before <= LEFT | {"home"}


@built
@pytest.mark.skipif(ALONE_HERE, reason="a bundle ran it, without a network")
def test_the_whole_flow_gives_the_same_bytes_inside(new_place, bare, intruder):
    """The same where there is no way to cut the network off."""
    place = new_place("inside")
    before = {path.name for path in place.folder.iterdir()}
    done = place.snakemake(
        "--cores", "all", "--use-apptainer",
        PYTHONPATH=f"{intruder}:{ROOT / 'src'}", **SETTINGS,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert "Activating singularity image" in done.stdout
    assert place.fingerprint() == bare()
    assert {path.name for path in place.folder.iterdir()} - before <= LEFT
