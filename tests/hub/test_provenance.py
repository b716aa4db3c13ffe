"""Costs of a run are measured apart from the manifest; the crate describes the release as it is."""

import base64
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
from collectivesft.hub.evidence.jobs import read_jobs
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
    manifest = out / "manifest.json"
    records(tmp_path, str(manifest))
    rules = {"sft_train": "model-cpu", "hub_release": "model-cpu"}
    folder = tmp_path / "records"
    provenance(manifest, logs, images, out / "Snakefile", *places, folder, rules)
    return out


def records(root: Path, last: str) -> None:
    """Write what Snakemake keeps of four jobs; ``last`` is made by the third."""
    jobs = {
        "raw of it.zip": ("raw_fetch", [], {}),
        "model": (
            "sft_train",
            ["raw of it.zip", "src/collectivesft/sft/train.py"],
            {"raw of it.zip": "sha256:" + "3" * 64},
        ),
        last: ("hub_release", ["model"], {}),
        "paper.pdf": ("paper_build", ["model"], {}),
    }
    for number, (output, (rule, inputs, checksums)) in enumerate(jobs.items()):
        name = base64.urlsafe_b64encode(output.encode()).decode()
        parts = [name[at : at + 200] for at in range(0, len(name), 200)]
        path = root.joinpath("records", *(f"@{part}" for part in parts[:-1]), parts[-1])
        path.parent.mkdir(parents=True, exist_ok=True)
        content = {"rule": rule, "input": inputs, "log": [f"logs/{rule}.log"], "incomplete": False}
        content |= {"input_checksums": checksums, "starttime": 999_999_999 + number}
        path.write_text(json.dumps(content | {"endtime": 1_000_000_000.5 + number}))


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
    assert {"@id": "#run"} in root["mentions"]
    assert root["mainEntity"] == {"@id": "Snakefile"}
    assert "ComputationalWorkflow" in entities["Snakefile"]["@type"]
    action = entities["#run"]
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
    assert base["license"] == {"@id": "https://example.org/licence"}
    assert entities["https://example.org/licence"]["name"] == "Apache-2.0"
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


# The validator recommends an absolute id of every workflow, and requires that the main workflow is
# in the crate, or answers at its address (crs4/rocrate-validator, issue 51). The address of a
# release answers after the push, and never while its repository is private.
CANNOT_BE = "The SoftwareApplication id SHOULD be an absolute URI"


def complaints(folder: Path, profile: str) -> list[tuple[str, str]]:
    """Entity and message of each required or recommended check that roc-validator finds failed."""
    validator = ROOT / ".venv-roc/bin/rocrate-validator"
    if not validator.is_file():
        pytest.skip("needs roc-validator: envs/install roc .venv-roc")
    script = Path(__file__).with_name("validate_crate.py")
    command = [validator.with_name("python"), script, folder, profile]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.startswith("{"), done.stdout + done.stderr
    issues = json.loads(done.stdout)["issues"]
    return [(str(issue["violatingEntity"]), issue["message"]) for issue in issues]


@pytest.mark.parametrize("profile", ["workflow-run-crate", "provenance-run-crate"])
def test_the_validator_recommends_nothing_more(crate, profile):
    """roc-validator, in an environment apart (envs/install roc .venv-roc)."""
    found = [pair for pair in complaints(crate, profile) if pair[1] != CANNOT_BE]
    assert found == []


def test_the_validator_still_wants_what_cannot_be(crate):
    """Its two reports on the Snakefile, one a type; no tool is among them."""
    found = [pair for pair in complaints(crate, "workflow-run-crate") if pair[1] == CANNOT_BE]
    assert len(found) == 2
    graph = read_json(crate / "ro-crate-metadata.json")["@graph"]
    tools = [one for one in graph if one["@type"] == "SoftwareApplication"]
    assert tools and all(one["@id"].startswith("https://") for one in tools)


def test_an_absolute_id_of_the_workflow_fails_a_required_check(crate):
    """So the recommended one stays unmet: both can be met only where the address answers."""
    path = crate / "ro-crate-metadata.json"
    text = path.read_text(encoding="utf-8")
    own = next(one for one in json.loads(text)["@graph"] if one["@id"] == "Snakefile")
    path.write_text(text.replace('"@id": "Snakefile"', f'"@id": "{own["url"]}"'), encoding="utf-8")
    found = [message for _, message in complaints(crate, "workflow-run-crate")]
    assert CANNOT_BE not in found
    assert f"Main Workflow {own['url']} not found in crate" in found


def test_a_crate_read_and_written_by_the_library_says_the_same(crate, tmp_path):
    """rocrate drops the terms that `@context` adds; entities and keys stay."""
    from rocrate.rocrate import ROCrate

    ROCrate(crate).write(tmp_path / "again")
    before, after = (
        read_json(folder / "ro-crate-metadata.json") for folder in (crate, tmp_path / "again")
    )
    assert before["@context"] != after["@context"]
    by_id = [{one["@id"]: one for one in content["@graph"]} for content in (before, after)]
    assert by_id[0] == by_id[1]


def test_every_job_behind_the_release_is_one_action(crate):
    """Inputs and outputs with their digests, the rule as the tool, the lock of its environment."""
    entities = {one["@id"]: one for one in read_json(crate / "ro-crate-metadata.json")["@graph"]}
    manifest = read_json(crate / "manifest.json")
    jobs = {one["name"]: one for key, one in entities.items() if key.startswith("#jobs/")}
    assert set(jobs) == {
        "Job of rule raw_fetch",
        "Job of rule sft_train",
        "Job of rule hub_release",
    }
    train = jobs["Job of rule sft_train"]
    rule = entities[train["instrument"]["@id"]]
    assert rule["softwareRequirements"] == {"@id": "#locks/model-cpu.lock"}
    digest = entities["#locks/model-cpu.lock"]["sha256"]
    assert digest == manifest["locks"]["model-cpu.lock"] and digest in train["description"]
    assert train["startTime"] == "2001-09-09T01:46:40+00:00"
    assert train["object"] == {"@id": "#run/raw%20of%20it.zip"}  # no module of this package
    assert entities["#run/raw%20of%20it.zip"]["sha256"] == "3" * 64  # as its job recorded it
    assert train["result"] == {"@id": "#run/model"}
    (made,) = [jobs["Job of rule hub_release"]["result"]]
    assert entities[made["@id"]]["sha256"] == sha256(crate / "manifest.json")
    # Its path is absolute here: the folders of a machine are not published.
    assert made["@id"].startswith("#run/outside/") and made["@id"].endswith("/manifest.json")
    assert str(crate.parent) not in (crate / "ro-crate-metadata.json").read_text("utf-8")
    mentioned = {one["@id"] for one in entities["./"]["mentions"]}
    assert mentioned == {"#run", "#jobs/1", "#jobs/2", "#jobs/3"}
    assert entities["Snakefile"]["step"][0] == {"@id": "#steps/raw_fetch"}


def test_without_records_the_crate_claims_no_provenance_of_jobs(crate, logs):
    out = crate / "ro-crate-metadata.json"
    provenance(crate / "manifest.json", logs, [], crate / "Snakefile", crate / "m.json", out)
    assert "wfrun/provenance" not in out.read_text(encoding="utf-8")
    assert "#jobs/" not in out.read_text(encoding="utf-8")


def test_a_record_that_a_killed_process_left_is_skipped(tmp_path):
    records(tmp_path, "b")
    (tmp_path / "records/YQ==").write_text('{"rule": "a", "inp')
    (tmp_path / "records/!").write_text("{}")
    assert [job.rule for job in read_jobs(tmp_path / "records", "b")] == [
        "raw_fetch",
        "sft_train",
        "hub_release",
    ]


def test_a_long_path_is_read_from_its_folders(tmp_path):
    name = "results/" + "長" * 100
    records(tmp_path, name)
    assert read_jobs(tmp_path / "records", name)[-1].outputs == [name]


def test_the_manifest_holds_nothing_that_was_measured(crate):
    text = (crate / "manifest.json").read_text(encoding="utf-8")
    assert "c0ffee" not in text and "90.5" not in text
    assert "c0ffee" in (crate / "measurements.json").read_text(encoding="utf-8")
