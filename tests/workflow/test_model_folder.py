"""A base model that lies in a folder of this machine: seen by images, taken again if it changes."""

from pathlib import Path

import pytest
import run_paths
import yaml

ROOT = Path(__file__).parents[2]
MANIFEST = ".cache/raw/models/mine/manifest.json"


@pytest.fixture
def weights(clone, tmp_path_factory) -> Path:
    """The folder of a model that experiment tiny starts from."""
    folder = tmp_path_factory.mktemp("mine")
    (folder / "config.json").write_text("{}", encoding="utf-8")
    models = clone / "config/models"
    model = yaml.safe_load((models / "tiny-random.yaml").read_text("utf-8"))
    model = {key: value for key, value in model.items() if key != "architecture"}
    model["source"] = {"kind": "folder", "path": str(folder)}
    (models / "mine.yaml").write_text(yaml.safe_dump(model), encoding="utf-8")
    path = clone / "config/experiments/tiny.yaml"
    recipe = yaml.safe_load(path.read_text("utf-8")) | {"base": "mine"}
    path.write_text(yaml.safe_dump(recipe), encoding="utf-8")
    return folder


def test_its_folder_is_bound_into_images(clone, weights):
    config = yaml.safe_load((clone / "config/config.yaml").read_text("utf-8"))
    config |= {"experiments": ["collective", "tiny"], "raw": {"folder": "/mnt/raw"}}
    assert run_paths.folders(config, clone) == ["/mnt/raw", str(weights)]


def test_new_weights_in_it_are_taken(weights, snakemake):
    make = (MANIFEST, "--configfile", "config/tiny.yaml")
    assert (done := snakemake("--cores", "1", *make)).returncode == 0, done.stderr
    (weights / ".git").mkdir()
    (weights / ".git/index").touch()
    assert "Nothing to be done" in (again := snakemake("-n", *make)).stdout + again.stderr

    empty = (2).to_bytes(8, "little") + b"{}"  # of a safetensors file
    (weights / "model.safetensors").write_bytes(empty)
    assert "rule raw_fetch_model:" in (again := snakemake("-n", *make)).stdout + again.stderr
    assert snakemake("--cores", "1", *make).returncode == 0
    (weights / "config.json").write_text('{"a": 1}', encoding="utf-8")
    assert "rule raw_fetch_model:" in (again := snakemake("-n", *make)).stdout + again.stderr
