"""containers/build against a stand-in of Apptainer: which images it builds, and what it leaves."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

STANDINS = {
    "apptainer": """echo "$*" >>calls
        for word in "$@"; do [[ $word != *.sif ]] || touch "$word"; done""",
    "unshare": 'shift 5; exec "$@"',  # root's own namespace: -m bash -c SCRIPT FILE
}


@pytest.fixture
def place(clone: Path) -> Path:
    """A clone with a folder of images of its own."""
    definitions = [path.resolve() for path in (clone / "containers").iterdir()]
    (clone / "containers").unlink()
    (clone / "containers").mkdir()
    for path in definitions:
        if path.suffix == ".def" or path.name in ("build", "install"):
            shutil.copy(path, clone / "containers")
    (clone / "bin").mkdir()
    for name, body in STANDINS.items():
        path = clone / "bin" / name
        path.write_text(f"#!/bin/bash\n{body}\n", encoding="utf-8")
        path.chmod(0o755)
    return clone


def build(place: Path, config: str, *names: str) -> subprocess.CompletedProcess:
    more = {"PATH": f"{place}/bin:{os.environ['PATH']}", "IMAGE_BASE": "docker://debian:12"}
    return subprocess.run(
        ["containers/build", *names], cwd=place, env=os.environ | more | {"CONFIG": config},
        capture_output=True, text=True, check=False, timeout=500,
    )  # fmt: skip


def images(place: Path) -> set[str]:
    return {path.stem for path in (place / "containers").glob("*.sif")}


def test_a_missing_configuration_is_a_failure(place):
    done = build(place, "config/nope.yaml")
    assert (done.returncode, done.stdout, images(place)) == (1, "", set())
    assert done.stderr.startswith("error: config/nope.yaml: no such file")


ALL = {"data", "model-cpu", "paper"}


@pytest.mark.parametrize(
    ("here", "overlay", "built"),
    [
        ("  {}", "device: cpu", ALL),
        ("  {}", "device: cuda\ncontainers: {}", ALL | {"model-cuda"}),
        (
            "  data: /my/data.sif",
            "containers:\n  paper: oras://ghcr.io/me/p:1\nrun: x",
            {"model-cpu"},
        ),
        ("  {}", "containers: {data: a.sif, model-cpu: b.sif}", {"paper"}),
        ("  # data: old.sif\n  data: a.sif\n  paper: b.sif", "containers: {model-cpu: c}", set()),
    ],
)
def test_an_image_that_the_configuration_names_elsewhere_is_not_built(place, here, overlay, built):
    path = place / "config/config.yaml"
    text = path.read_text("utf-8").replace("device: cuda", "device: cpu")
    path.write_text(text.replace("containers:\n  {}", f"containers:\n{here}"), encoding="utf-8")
    (place / "mine.yaml").write_text(f"{overlay}\n", encoding="utf-8")
    done = build(place, "mine.yaml")
    assert done.returncode == 0, done.stderr
    assert images(place) == built


def test_the_image_of_the_whole_flow_lies_on_that_of_the_model(place):
    done = build(place, "config/demo.yaml", "demo")
    assert done.returncode == 0, done.stderr
    assert images(place) == {"demo", "model-cpu"}
    calls = (place / "calls").read_text("utf-8").splitlines()
    (made,) = (line for line in calls if line.endswith("containers/demo.def"))
    assert "BOOTSTRAP=localimage" in made and "FROM=containers/model-cpu.sif" in made


def test_what_a_killed_build_left_is_swept(place):
    for name in (".paper.aB3x", ".model-cpu.0000"):
        (place / "containers" / name).mkdir()
        (place / "containers" / name / "image.sif").touch()
    done = build(place, "config/tiny.yaml")
    assert done.returncode == 0, done.stderr
    assert [path.name for path in (place / "containers").iterdir() if path.is_dir()] == []
