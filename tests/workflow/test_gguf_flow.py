"""A run with hub.gguf: the copy is made, is part of the release, and agrees with its manifest."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
# workflow/bin/verify looks at the clone that it lies in; here it is a link.
VERIFY = """
import importlib.machinery, pathlib, sys
verify = importlib.machinery.SourceFileLoader("verify", "workflow/bin/verify").load_module()
sys.exit(verify.main(["config/tiny.yaml"], pathlib.Path.cwd()))
"""
NAME = "CollectiveSFT-tiny-F16.gguf"
TARGET = "results/tiny/7_hub/tiny/README.md"


def snakemake(tiny, folder: Path) -> subprocess.CompletedProcess:
    """Make the release of the run in a folder."""
    command = ["snakemake", "--cores", "2"]
    command += ["--configfile", "config/tiny.yaml", "--", TARGET]
    return subprocess.run(command, check=False, **pipes(tiny, folder))


def pipes(tiny, folder: Path) -> dict:
    environ = tiny.environment(forks=True)
    return {"cwd": folder, "env": environ, "text": True, "capture_output": True}


@pytest.fixture(scope="module")
def place(tiny, tmp_path_factory):
    """The tiny run in a folder of its own, with a copy asked for of a stand-in for llama.cpp's."""
    done = tiny[0]
    folder = tmp_path_factory.mktemp("gguf") / "run"
    shutil.copytree(done.folder, folder, symlinks=True)
    # Other tests may have added an experiment to that run: first all is as its configuration says.
    settled = snakemake(done, folder)
    assert settled.returncode == 0, settled.stderr
    shutil.copy(ROOT / "tests/hub/fake_converter.py", folder / "converter.py")
    path = folder / "config/tiny.yaml"
    settings = yaml.safe_load(path.read_text("utf-8"))
    settings["hub"] |= {"gguf": "f16", "gguf_converter": "converter.py"}
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return folder


@pytest.mark.slow
def test_the_copy_is_part_of_the_release_and_nothing_else_is_made_again(tiny, place):
    done = snakemake(tiny[0], place)
    assert done.returncode == 0, done.stderr
    rules = re.findall(r"^(?:local)?rule (\w+):$", done.stderr, re.M)
    assert sorted(rules) == ["hub_gguf", "hub_release"]
    log = (place / "logs/tiny/7_hub/tiny/CollectiveSFT-tiny-F16.gguf.log").read_text("utf-8")
    assert "offline: 1" in log
    hub = place / "results/tiny/7_hub/tiny"
    manifest = json.loads((hub / "manifest.json").read_text("utf-8"))
    assert manifest["files"][NAME]["sha256"] == manifest["gguf"]["sha256"]
    assert manifest["gguf"]["agreement"]["divergence"] < 0.001
    assert manifest["config"]["hub"]["gguf"] == "f16"
    assert "gguf_converter" not in manifest["config"]["hub"]
    assert (hub / "files" / NAME).read_bytes()[:4] == b"GGUF"
    assert "## GGUF" in (hub / "README.md").read_text("utf-8")

    command = [sys.executable, "-c", VERIFY]
    checked = subprocess.run(command, check=False, **pipes(tiny[0], place))
    assert "card, scores, notice, adapter and GGUF: " in checked.stdout, checked.stderr
    assert "DIFFER" not in checked.stdout and "GONE" not in checked.stdout
