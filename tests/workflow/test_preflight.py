"""The preflight names what is missing, what to do about it, and nothing else."""

import os
import subprocess
import sys
from pathlib import Path

import preflight
import pytest
import yaml

ROOT = Path(__file__).parents[2]


@pytest.fixture
def states(clone):
    """Findings of a configuration by name, with an overlay's changes."""

    def find(overlay: str, *ways: str, **changes) -> dict:
        text = (clone / f"config/{overlay}.yaml").read_text("utf-8")
        (clone / "config/mine.yaml").write_text(yaml.safe_dump(yaml.safe_load(text) | changes))
        config = preflight.config_check.load(clone, clone / "config/mine.yaml")
        return {row.what: row for row in preflight.rows(config, clone, list(ways))}

    return find


@pytest.fixture(autouse=True)
def path(monkeypatch):
    """The Python of the tests comes first, as in an activated environment."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")


def test_the_tiny_run_lacks_nothing(states):
    found = states("tiny")
    assert {row.state for row in found.values()} == {"ok"}
    assert set(found) == {"Python", "Snakemake", "disk"}


def test_curves_need_a_package_that_we_do_not_bring(states, clone, monkeypatch):
    row = states("tiny", "apptainer", report_to=["wandb"])["wandb"]
    assert (row.state, row.found) == ("missing", "our images have none")
    text = (ROOT / "envs/model.in").read_text("utf-8")
    (clone / "envs").unlink()  # a link to this repository's
    (clone / "envs").mkdir()
    (clone / "envs/model.in").write_text(f"{text}wandb==0.31.0\n", "utf-8")
    assert states("tiny", "apptainer", report_to=["wandb"])["wandb"].state == "note"
    for there, state in ((None, "missing"), ("somewhere", "ok")):
        monkeypatch.setattr(preflight.importlib.util, "find_spec", lambda name, there=there: there)
        found = states("tiny", report_to=["trackio"])["trackio"]
        assert found.state == state
        assert found.remedy == ("pip install trackio, or remove it from report_to") * (not there)


def test_a_gguf_copy_needs_the_converter(states, clone):
    assert "GGUF converter" not in states("tiny")
    hub = {"repo_id": "me/model", "gguf": "q8_0"}
    row = states("tiny", hub=hub)["GGUF converter"]
    assert (row.state, row.remedy) == ("missing", "envs/converter, or set hub.gguf: null")
    path = clone / ".tools/llama.cpp/convert_hf_to_gguf.py"
    path.parent.mkdir(parents=True)
    path.touch()
    row = states("tiny", hub=hub)["GGUF converter"]
    assert (row.state, row.remedy) == ("ok", "")


def test_keys_and_servers_that_are_missing_are_named(states, monkeypatch):
    monkeypatch.setenv("VLLM_KEY", "sk-secret")
    monkeypatch.delenv("https_proxy", raising=False)
    monkeypatch.delenv("HTTPS_PROXY", raising=False)
    engine = {"kind": "openai", "url": "http://127.0.0.1:9/v1", "key_env": "VLLM_KEY"}
    found = states("tiny", engine=engine)
    assert found["variable VLLM_KEY"].state == "ok"
    assert "sk-secret" not in str(found)
    assert found["127.0.0.1:9"].remedy == "Start the server, or correct its address"
    monkeypatch.delenv("VLLM_KEY")
    assert states("tiny", engine=engine)["variable VLLM_KEY"].state == "missing"


def test_a_full_disk_is_told_with_numbers(states, monkeypatch):
    from collections import namedtuple

    usage = namedtuple("usage", "free")
    monkeypatch.setattr(preflight.shutil, "disk_usage", lambda _: usage(10**9))
    row = states("tiny")["disk"]
    assert (row.state, row.found) == ("missing", "1 GB free of about 2 GB needed")


def test_missing_images_and_published_ones(states, clone, monkeypatch):
    """By digest an image is one for ever; by tag it is a note. Its server is asked once."""
    asked = []
    reach = lambda host: asked.append(host) or preflight.Row(host, "ok", "answers")  # noqa: E731
    monkeypatch.setattr(preflight, "_reach", reach)
    (clone / "containers").unlink()
    (clone / "containers").mkdir()
    (clone / "containers/data.sif").touch()
    pinned = f"oras://example.org/paper@sha256:{'0' * 64}"
    named = {"paper": pinned, "model-cpu": "oras://example.org/model:1"}
    found = states("tiny", "apptainer", containers=named)
    images = {name: row.state for name, row in found.items() if name.startswith("image")}
    assert images == {"image data": "ok", "image model-cpu": "note", "image paper": "ok"}
    assert found["image paper"].found == f"{pinned}, pulled when the run starts"
    assert "by digest (oras://host/name@sha256:...)" in found["image model-cpu"].remedy
    assert asked == ["example.org"]

    for image in named.values():
        path = preflight.apptainer_env.pulled(image, clone)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (clone / "containers/data.sif").unlink()
    found = states("tiny", "apptainer", containers=named)
    assert found["image paper"].found == f"{pinned}, pulled"
    assert found["image data"].state == "missing"
    assert asked == ["example.org"]


@pytest.mark.parametrize(
    ("told", "state"),
    [
        ("apptainer version 1.4.5", "ok"),
        ("apptainer version 1.1.0-rc.1", "ok"),
        ("apptainer version 1.0.3", "missing"),
        ("singularity-ce version 4.2.1", "missing"),
        (None, "missing"),
    ],
)
def test_apptainer_must_read_its_variables(tmp_path, monkeypatch, told, state):
    if told:
        program = tmp_path / told.split()[0].removesuffix("-ce")
        program.write_text(f"#!/bin/sh\necho {told}\n", encoding="utf-8")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    row = preflight._apptainer_version()
    assert (row.state, row.found) == (state, told or "none")
    assert row.remedy.startswith("Install Apptainer 1.1 or newer") == (state == "missing")


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("docker://debian:12", "registry-1.docker.io"),
        ("docker://library/debian", "registry-1.docker.io"),
        ("docker://ghcr.io/a/b:1", "ghcr.io"),
        ("oras://localhost:5000/a", "localhost:5000"),
        ("https://example.org/a.sif", "example.org"),
        ("library://a/b/c:1", ""),
    ],
)
def test_the_registry_of_an_address(address, host):
    assert preflight._registry(address) == host


def test_files_placed_by_hand_are_named(states, clone):
    (clone / "raw").mkdir()
    found = states("tiny", sources={"datasets/nlpec": {"folder": "raw"}})["datasets/nlpec"]
    assert found.state == "missing"
    assert "1 of 1 files absent, first NLPEC_public_data/train.json" in found.found


def test_the_paper_needs_hands_gpus_and_the_network(states, monkeypatch):
    asked = []

    def reach(host):
        asked.append(host)
        return preflight.Row(host, "ok", "answers")

    monkeypatch.setattr(preflight, "_reach", reach)
    monkeypatch.setattr(preflight.shutil, "which", lambda name: None)
    monkeypatch.delenv("HF_ENDPOINT", raising=False)
    found = states("config")
    assert found["datasets/nlpec"].state == "note"
    assert found["datasets/nlpec"].remedy.endswith("; a dataset that cannot be had is left out")
    raw = {"folder": None, "checksums": None, "missing": "error"}
    assert states("config", raw=raw)["datasets/nlpec"].state == "missing"
    assert found["datasets/medicaldialogue"].state == "note"
    assert found["GPUs"].state == "missing"
    assert "8 with 18 GB each" in found["GPUs"].found
    assert "huggingface.co" in asked


def test_the_token_is_found_where_it_is_kept(monkeypatch, tmp_path):
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setenv("HF_TOKEN_PATH", str(tmp_path / "secret"))
    assert preflight._token(["cmb"]).state == "missing"
    (tmp_path / "secret").write_text("hf_kept")
    row = preflight._token(["cmb"])
    assert (row.state, row.found) == ("ok", str(tmp_path / "secret"))


@pytest.fixture
def paper(states, clone, monkeypatch):
    """Findings for one of the paper's experiments alone; keywords change its training."""
    monkeypatch.setattr(preflight, "_reach", lambda host: preflight.Row(host, "ok", "answers"))
    monkeypatch.setattr(preflight.shutil, "which", lambda name: None)
    headline = yaml.safe_load((clone / "config/config.yaml").read_text("utf-8"))["headline"]

    def find(name: str, nodes: int = 1, **training) -> dict:
        path = clone / f"config/experiments/{name}.yaml"
        recipe = yaml.safe_load(path.read_text("utf-8"))
        recipe["training"] |= training
        path.write_text(yaml.safe_dump(recipe), "utf-8")
        only = {"experiments": [name], "headline": headline | {"experiment": name}}
        return states("config", nodes=nodes, **only)

    return find


def test_bfloat16_alone_asks_for_half_the_memory(paper):
    wide = paper("collective")
    half = paper("collective", master_weights="bfloat16")
    # By fsdp over 8 GPUs, with the layers at work: 2 GB.
    assert "8 with 18 GB each before activations (collective)" in wide["GPUs"].found
    assert "8 with 10 GB each before activations (collective)" in half["GPUs"].found
    # 7.7 billion parameters: 4 bytes for the base, 30 or 16 for the experiment; 40 GB for the rest.
    assert "about 303 GB needed" in wide["disk"].found
    assert "about 195 GB needed" in half["disk"].found


def test_what_ddp_does_not_share_is_wanted_of_every_gpu(paper):
    """LoRA: 2 bytes a frozen weight and the adapters; full: 16 and the copies of autocast."""
    for nodes in (1, 2):
        assert "8 with 18 GB each" in paper("collective-lora", nodes)["GPUs"].found
        assert "8 with 139 GB each" in paper("collective", nodes, distributed="ddp")["GPUs"].found
    assert "8 with 10 GB each" in paper("collective", 2, distributed="fsdp")["GPUs"].found


def test_a_gpu_too_small_for_frozen_weights_is_found(paper, monkeypatch):
    monkeypatch.setattr(preflight, "_gpu_memory", lambda: [8.6] * 8)
    row = paper("collective-lora")["GPUs"]
    assert row.state == "missing"
    assert "8 with 9 GB; wanted: 8 with 18 GB each" in row.found


def test_a_base_without_a_shape_is_a_note(paper, clone):
    path = clone / "config/models/internlm2_5-7b.yaml"
    model = yaml.safe_load(path.read_text("utf-8"))
    del model["shape"]
    path.write_text(yaml.safe_dump(model), "utf-8")
    row = paper("collective")["shape of internlm2_5-7b"]
    assert (row.state, row.found) == ("note", "unknown: its trainings are not counted")
    assert row.remedy == "Add shape: to config/models/internlm2_5-7b.yaml"


def test_two_base_models_of_one_size_take_the_disk_twice(states, clone):
    config = clone / "config"
    model = yaml.safe_load((config / "models/tiny-random.yaml").read_text("utf-8"))
    for name in ("tiny-random", "second"):
        text = yaml.safe_dump(model | {"parameters": 10**9})
        (config / f"models/{name}.yaml").write_text(text, "utf-8")
    recipe = yaml.safe_load((config / "experiments/tiny.yaml").read_text("utf-8"))
    for name, base in (("same", "tiny-random"), ("other", "second")):
        text = yaml.safe_dump(recipe | {"base": base})
        (config / f"experiments/{name}.yaml").write_text(text, "utf-8")
    # 2 GB, and of a billion parameters: 4 bytes for a base, 2 for an experiment.
    for names, needed in ((["tiny"], 8), (["tiny", "same"], 10), (["tiny", "other"], 14)):
        assert f"about {needed} GB" in states("tiny", experiments=names)["disk"].found


@pytest.mark.parametrize(
    ("told", "code", "found"),
    [
        ("81559\n81559\n", 0, "2 with 86 GB"),
        ("81559\n[N/A]\n", 0, "1 with 86 GB"),
        ("No devices were found\n", 0, "none here"),
        ("NVIDIA-SMI has failed because it couldn't communicate with the driver\n", 9, "none here"),
        ("Driver 535 is too old\n", 9, "none here"),
    ],
)
def test_gpus_are_counted_whatever_nvidia_smi_says(clone, tmp_path, monkeypatch, told, code, found):
    program = tmp_path / "path/nvidia-smi"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\ncat <<'TOLD'\n{told}TOLD\nexit {code}\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    config = preflight.config_check.load(clone, clone / "config/config.yaml")
    (row,) = preflight._gpus(config, clone, [])
    assert row.state == "missing" and row.found.startswith(found)
    # With Slurm the GPUs are the nodes': those of this machine say nothing.
    (row,) = preflight._gpus(config, clone, ["slurm"])
    assert (row.state, row.remedy) == ("note", "The nodes must have them")
    assert row.found.startswith("wanted: 8 with ")


@pytest.mark.parametrize(
    ("gpus", "nodes", "state"), [(8, 1, "ok"), (8, 2, "missing"), (4, 2, "ok"), (16, 1, "missing")]
)
def test_nodes_with_gpus_are_counted(monkeypatch, gpus, nodes, state):
    told = "n1 gpu:h100:8(S:0-1)\nn2 gpu:4\nn3 (null)\n"
    done = subprocess.CompletedProcess([], 0, told)
    monkeypatch.setattr(preflight.subprocess, "run", lambda *_, **__: done)
    row = preflight._gpu_nodes({"gpus": gpus, "nodes": nodes})
    assert row.state == state
    assert ("at most 8" in row.remedy) == (state == "missing")


@pytest.mark.parametrize(
    ("text", "state", "words"),
    [
        ("default-resources: {slurm_partition: cpu}", "ok", ""),
        ("set-resources: {sft_train: {slurm_partition: 'gpu,cpu'}}", "ok", ""),
        (
            "set-resources: {sft_train: {slurm_partition: h100}}",
            "missing",
            "the cluster has cpu, gpu",
        ),
        (
            "default-resources: [mem_mb=1, slurm_partition=h100]",
            "missing",
            "Correct slurm_partition",
        ),
        ("jobs: [", "missing", "not valid YAML"),
        (None, "missing", "PROFILE must name a folder with config.yaml"),
    ],
)
def test_the_profile_names_partitions_of_the_cluster(
    clone, tmp_path, monkeypatch, text, state, words
):
    mine = tmp_path / "my profile"
    mine.mkdir()
    if text is not None:
        (mine / "config.yaml").write_text(text, encoding="utf-8")
    monkeypatch.setenv("PROFILE", str(mine))
    monkeypatch.setattr(preflight.shutil, "which", lambda name: f"/usr/bin/{name}")
    done = subprocess.CompletedProcess([], 0, "cpu* up 2 nodes\ngpu up 1 nodes\n")
    monkeypatch.setattr(preflight.subprocess, "run", lambda *_, **__: done)
    (row,) = (row for row in preflight._slurm({"device": "cpu"}) if row.what == "profile")
    assert row.state == state and words in row.remedy


def test_a_way_that_is_none_is_refused(clone):
    command = [clone / "workflow/bin/check", clone / "config/tiny.yaml", "apptanier", "slurm"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: apptanier: no way to run. Known are apptainer, slurm.\n"


def test_exit_code_and_one_line_for_a_wrong_configuration(clone):
    (clone / "wrong.yaml").write_text("hubb: {}\n", encoding="utf-8")
    done = subprocess.run(
        [clone / "workflow/bin/check", clone / "wrong.yaml"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == "error: wrong.yaml: hubb: unknown key; did you mean 'hub'?\n"


NO_RUNS = ("raw.lock.yaml", "claims.yaml")


@pytest.mark.parametrize(
    "path",
    sorted(p for p in (ROOT / "config").glob("*.yaml") if p.name not in NO_RUNS),
    ids=lambda path: path.stem,
)
def test_every_run_of_the_repository_is_valid(monkeypatch, path):
    monkeypatch.setenv("COLLECTIVESFT_REAL_DATA", "/folder")
    config = preflight.config_check.load(ROOT, path)
    assert config["run"] == yaml.safe_load(path.read_text("utf-8"))["run"]
