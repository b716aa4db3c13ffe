"""What a run took is measured apart from the manifest; the crate describes the release as it is."""

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from collectivesft.common.errors import UserError
from collectivesft.common.files import read_json, sha256
from collectivesft.hub.evidence.images import describe, parts
from collectivesft.hub.provenance import measure, provenance
from tests.helpers.release_folder import Folder

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
    made = Folder(tmp_path / "run")
    (tmp_path / "base").mkdir()
    (tmp_path / "base/model.safetensors").write_bytes(b"base")
    raw = made.files["raw-medqa.json"]
    raw["files"].append({"path": "数据/b c.zip", "size": 2, "sha256": "1" * 64, "origin": "local"})
    (made.root / "raw-medqa.json").write_text(json.dumps(raw))
    more = {"base": tmp_path / "base", "locks": (made.inputs.lock,)}
    made.release(more=more, settings={"run": "paper", "句": [1]})
    (tmp_path / "data.sif").write_bytes(b"image")
    out = tmp_path / "hub"
    shutil.copytree(made.model, out)
    (out / ".snakemake_timestamp").unlink()
    for name in ("README.md", "manifest.json"):
        shutil.copy(made.root / name, out)
    shutil.copy(ROOT / "Snakefile", out)
    places = (out / "measurements.json", out / "ro-crate-metadata.json")
    images = [f"data={tmp_path / 'data.sif'}", f"paper=docker://ghcr.io/me/p:1@sha256:{DIGEST}"]
    provenance(out / "manifest.json", logs, images, out / "Snakefile", *places)
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
    assert found["recorded_on"]["cores"] == os.cpu_count()
    assert "gpus" not in found["recorded_on"]  # a training's are with what it took


def test_images_have_their_digest(logs, tmp_path):
    image = tmp_path / "data.sif"
    image.write_bytes(b"image")
    known = {"file": "data.sif", "sha256": sha256(image)}
    assert measure(logs, [f"data={image}"])["images"] == {"data": known}


DIGEST = "ab" * 32
ADDRESSES = {
    "docker://ghcr.io/me/d:1.2": ({"registry": "ghcr.io", "name": "me/d", "tag": "1.2"}, None),
    f"docker://me/data@sha256:{DIGEST}": ({"registry": "docker.io", "name": "me/data"}, DIGEST),
    "docker://debian": ({"registry": "docker.io", "name": "debian"}, None),
    f"oras://localhost:5000/a/b:1@sha256:{DIGEST}": (
        {"registry": "localhost:5000", "name": "a/b", "tag": "1"}, DIGEST,
    ),
    "library://me/set/data:2": ({"name": "me/set/data", "tag": "2"}, None),
}  # fmt: skip


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_image_of_a_registry_has_its_address_and_the_digest_that_it_names(address):
    known, digest = ADDRESSES[address]
    assert describe([f"data={address}"]) == {"data": {"address": address, "sha256": digest}}
    assert parts(address) == known


def test_a_password_in_an_address_is_left_out():
    found = describe(["data=docker://me:secret@ghcr.io/me/data:1"])
    assert found["data"]["address"] == "docker://ghcr.io/me/data:1"


@pytest.mark.parametrize("given", ["data.sif", "data=none.sif"])
def test_what_is_no_image_is_one_message(given):
    with pytest.raises(UserError, match=f"--image {given}: is no image"):
        describe([given])


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
    assert {"@id": "#datasets/medqa/a.zip"} in action["object"]
    assert action["startTime"] < action["endTime"]
    named = {e["@id"] for e in json.loads(json.dumps(graph), object_hook=dict)}
    for entity in graph:  # nothing points nowhere
        for value in entity.values():
            for one in value if isinstance(value, list) else [value]:
                if isinstance(one, dict) and not one["@id"].startswith("http"):
                    assert one["@id"] in named


def test_crate_has_every_input_with_its_digest(crate, tmp_path):
    """Raw files, locks, recipes, configuration and base go in; images are what it ran in."""
    graph = read_json(crate / "ro-crate-metadata.json")["@graph"]
    entities = {entity["@id"]: entity for entity in graph}
    manifest = read_json(crate / "manifest.json")
    wanted = {
        "#datasets/medqa/a.zip": "0" * 64,
        "#datasets/medqa/%E6%95%B0%E6%8D%AE/b%20c.zip": "1" * 64,
        "#locks/model-cpu.lock": manifest["locks"]["model-cpu.lock"],
        "#recipes/recipe": manifest["results"]["recipe"],
        "#recipes/base_recipe": manifest["results"]["base_recipe"],
    }
    config = entities["#configuration"]
    assert json.loads(config["text"]) == manifest["config"] == {"run": "paper", "句": [1]}
    wanted["#configuration"] = hashlib.sha256(config["text"].encode()).hexdigest()
    assert {one["@id"] for one in entities["#run"]["object"]} == {*wanted, "#base"}
    base = entities["#base"]
    assert (base["version"], base["url"]) == ("0" * 40, "https://huggingface.co/org/base-7b")
    assert base["license"] == "https://example.org/licence"
    parts_of_base = base["hasPart"] if isinstance(base["hasPart"], list) else [base["hasPart"]]
    assert parts_of_base == [{"@id": "#base/model.safetensors"}]
    wanted["#base/model.safetensors"] = sha256(tmp_path / "base/model.safetensors")
    wanted["#images/data"] = sha256(tmp_path / "data.sif")
    wanted["#images/paper"] = DIGEST
    assert {name: entities[name]["sha256"] for name in wanted} == wanted
    images = [entities[one["@id"]] for one in entities["#run"]["containerImage"]]
    assert [image["@type"] for image in images] == ["ContainerImage"] * 2
    assert (images[1]["registry"], images[1]["name"], images[1]["tag"]) == ("ghcr.io", "me/p", "1")
    kinds = [image["additionalType"]["@id"].rpartition("#")[2] for image in images]
    assert kinds == ["SIFImage", "DockerImage"]


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
