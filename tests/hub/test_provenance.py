"""What a run took is measured apart from the manifest; the crate describes the release as it is."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from test_release import Folder

from collectivesft.errors import UserError
from collectivesft.files import read_json, sha256
from collectivesft.hub.provenance import measure, provenance

ROOT = Path(__file__).parents[2]
HEAD = "s\th:m:s\tmax_rss\tcpu_time\n"


@pytest.fixture
def logs(tmp_path):
    folder = tmp_path / "logs"
    (folder / "3_sft/mine").mkdir(parents=True)
    (folder / "3_sft/mine/train.benchmark.tsv").write_text(HEAD + "90.5\t0:01:30\t512.25\t170.0\n")
    (folder / "quick.benchmark.tsv").write_text(HEAD + "0.1\t0:00:00\t-\tNA\n")
    for path in folder.rglob("*.tsv"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    return folder


@pytest.fixture
def crate(tmp_path, logs, monkeypatch):
    """The folder of a release as it lies on the Hub, crate included."""
    monkeypatch.setenv("COLLECTIVESFT_COMMIT", "c0ffee")
    made = Folder(tmp_path / "run").release()
    out = tmp_path / "hub"
    shutil.copytree(made.model, out)
    (out / ".snakemake_timestamp").unlink()
    for name in ("README.md", "manifest.json"):
        shutil.copy(made.root / name, out)
    shutil.copy(ROOT / "Snakefile", out)
    places = (out / "measurements.json", out / "ro-crate-metadata.json")
    provenance(out / "manifest.json", logs, [], out / "Snakefile", *places)
    return out


def test_jobs_are_measured(logs, monkeypatch):
    monkeypatch.setenv("COLLECTIVESFT_COMMIT", "c0ffee")
    (logs / "3_sft/mine/training-costs.json").write_text('{"energy_kwh": 1.5}')
    found = measure(logs, [])
    assert found["training"] == {"mine": {"energy_kwh": 1.5}}
    train = {"seconds": 90.5, "cpu_seconds": 170.0, "memory_mb": 512.25}
    assert found["jobs"]["3_sft/mine/train"] == train
    assert found["jobs"]["quick"] == {"seconds": 0.1, "cpu_seconds": None, "memory_mb": None}
    assert (found["started"], found["ended"]) == (
        "2001-09-09T01:45:09+00:00",
        "2001-09-09T01:46:40+00:00",
    )
    assert found["job_seconds"] == 90.6 and found["commit"] == "c0ffee"
    assert found["hardware"]["cores"] == os.cpu_count()


def test_images_have_their_digest(logs, tmp_path):
    image = tmp_path / "data.sif"
    image.write_bytes(b"image")
    assert measure(logs, [image])["images"] == {"data.sif": sha256(image)}


def test_a_run_without_measurements_is_one_message(tmp_path):
    with pytest.raises(UserError, match=r"no \.benchmark\.tsv file"):
        measure(tmp_path, [])


def test_crate_lists_every_file_with_its_digest(crate):
    graph = read_json(crate / "ro-crate-metadata.json")["@graph"]
    entities = {entity["@id"]: entity for entity in graph}
    for path in crate.iterdir():
        if path.name not in ("ro-crate-metadata.json", "Snakefile"):
            assert entities[path.name]["sha256"] == sha256(path)
            assert entities[path.name]["contentSize"] == str(path.stat().st_size)
    parts = {part["@id"] for part in entities["./"]["hasPart"]}
    assert parts == {p.name for p in crate.iterdir()} - {"ro-crate-metadata.json"}


def test_crate_follows_the_profile(crate):
    """Its musts: root conforms to the profiles, main workflow, one action with its instrument."""
    graph = read_json(crate / "ro-crate-metadata.json")["@graph"]
    entities = {entity["@id"]: entity for entity in graph}
    root = entities["./"]
    assert {"@id": "https://w3id.org/ro/wfrun/workflow/0.5"} in root["conformsTo"]
    assert root["mainEntity"] == {"@id": "Snakefile"}
    assert "ComputationalWorkflow" in entities["Snakefile"]["@type"]
    action = entities[root["mentions"]["@id"]]
    assert action["@type"] == "CreateAction" and action["instrument"] == {"@id": "Snakefile"}
    assert {"@id": "manifest.json"} in action["result"]
    assert action["object"] == [{"@id": "#datasets/medqa/a.zip"}]
    assert action["startTime"] < action["endTime"]
    named = {e["@id"] for e in json.loads(json.dumps(graph), object_hook=dict)}
    for entity in graph:  # nothing points nowhere
        for value in entity.values():
            for one in value if isinstance(value, list) else [value]:
                if isinstance(one, dict) and not one["@id"].startswith("http"):
                    assert one["@id"] in named


def test_the_validator_accepts_the_crate(crate):
    """roc-validator, in an environment of its own (envs/install roc .venv-roc)."""
    validator = ROOT / ".venv-roc/bin/rocrate-validator"
    if not validator.is_file():
        pytest.skip("needs roc-validator: envs/install roc .venv-roc")
    script = Path(__file__).with_name("validate_crate.py")
    done = subprocess.run(
        [validator.with_name("python"), script, crate], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_manifest_holds_nothing_that_was_measured(crate):
    text = (crate / "manifest.json").read_text(encoding="utf-8")
    assert "c0ffee" not in text and "90.5" not in text
    assert "c0ffee" in (crate / "measurements.json").read_text(encoding="utf-8")
