"""A wrong configuration ends in one line that names the key, before anything runs."""

import json
import re
from pathlib import Path

import pytest
import yaml

SCHEMA = Path(__file__).parents[2] / "workflow/schemas/config.schema.yaml"
HUB = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))["properties"]["hub"]["properties"]
TAG = re.compile(HUB["tag"].get("pattern", ""))
WRONG = {
    "a typo at the top": ({"dataset": ["cmb"]}, "unknown key dataset; did you mean 'datasets'?"),
    "a typo below": ({"hub": {"repo": "a/b"}}, "unknown key hub.repo; did you mean 'repo_id'?"),
    "an unknown dataset": (
        {"datasets": ["cmd"]},
        "datasets: unknown name 'cmd'; did you mean 'cmid'?",
    ),
    "an unknown benchmark": ({"benchmarks": ["cmc"]}, "benchmarks: unknown name 'cmc'"),
    "an unknown experiment": ({"experiments": ["nothing"]}, "experiments: unknown name 'nothing'"),
    "a wrong type": ({"gpus": "eight"}, "gpus: 'eight' is not of type 'integer'"),
    "a wrong choice": ({"device": "tpu"}, "device: 'tpu' is not one of"),
    "a headline elsewhere": (
        {"headline": {"experiment": "tiny"}},
        "headline.experiment: unknown name",
    ),
    "an unset variable": (
        {"raw": {"folder": "$NOT_SET_HERE/x"}},
        "environment variable $NOT_SET_HERE",
    ),
    "files without a folder": (
        {"sources": {"datasets/cmid": {"files": ["a"]}}},
        "sources.datasets/cmid: 'folder' is a dependency of 'files'",
    ),
    "a benchmark left out": (
        {"sources": {"benchmarks/cmb": {"missing": "leave_out"}}},
        "sources.benchmarks/cmb.missing: a benchmark cannot be left out",
    ),
    "a reader without options": (
        {"readers": {"cmedqa": {"answers": "all"}}},
        "unknown key readers.cmedqa; did you mean 'cmedqa2'?",
    ),
    "a wrong option of a reader": (
        {"readers": {"cmedqa2": {"answers": "some"}}},
        "readers.cmedqa2.answers: 'some' is not one of ['first', 'all']",
    ),
    "another word for missing": ({"raw": {"missing": "skip"}}, "raw.missing: 'skip' is not one of"),
    "a GGUF type that nobody makes": (
        {"hub": {"gguf": "q4_k_m"}},
        "hub.gguf: 'q4_k_m' is not one of [None, 'f16', 'bf16', 'q8_0']",
    ),
    "a GGUF copy of an adapter": (
        {"hub": {"gguf": "q8_0", "weights": "adapter"}},
        "hub.gguf: hub.weights: adapter has no whole model to copy; set hub.gguf to null, or",
    ),
    "a GGUF copy without a converter": (
        {"hub": {"gguf": "f16"}},
        "hub.gguf_converter: .tools/llama.cpp/convert_hf_to_gguf.py: no such file; run "
        "envs/converter, or set hub.gguf to null",
    ),
    "a tag with a space": ({"hub": {"tag": "v1 0"}}, "hub.tag: 'v1 0' does not match"),
    "an adapter that full training makes none of": (
        {"hub": {"weights": "both"}},
        "hub.weights: 'both' asks for an adapter, and config/experiments/collective.yaml has "
        "training.method: full",
    ),
    "letters of cases": (
        {"evaluation": {"cmb_clin": {"kind": "choice"}}},
        "evaluation.cmb_clin.kind: 'choice' does not fit the benchmark; take clinical",
    ),
    "letters of free text": (
        {"evaluation": {"meds_bench": {"kind": "choice"}}, "benchmarks": ["cmb", "meds_bench"]},
        "evaluation.meds_bench.kind: 'choice' does not fit the benchmark; take text or upload",
    ),
    "scores of kept answers": (
        {"evaluation": {"medbench": {"kind": "text"}}, "benchmarks": ["cmb", "medbench"]},
        "evaluation.medbench.kind: 'text' does not fit the benchmark; take upload",
    ),
    "an unknown source": ({"sources": {"datasets/x": {"folder": "y"}}}, "sources: unknown name"),
}


@pytest.mark.parametrize("change, message", WRONG.values(), ids=list(WRONG))
def test_wrong_configuration(clone, snakemake, change, message):
    (clone / "wrong.yaml").write_text(yaml.safe_dump(change), encoding="utf-8")
    result = snakemake("-n", "--configfile", "wrong.yaml")
    assert result.returncode != 0
    assert result.stderr.startswith("error: config: ")
    assert message in result.stderr
    assert result.stderr.count("\n") == 1, "one line says it all"


@pytest.mark.parametrize(
    "change, message",
    [
        ({"base": "no-such-model"}, "base: unknown name 'no-such-model'"),
        ({"base": 7}, "base: Input should be a valid string"),
        ({"training": {"cutoff": 5000}}, "training.cutoff: 5000 tokens, tiny-random takes 4096"),
        ({"mixture": {"datasets": ["cmb", "cmd"]}}, "mixture.datasets: unknown name 'cmd'"),
        ({"mixture": {"max_samples": {"cmd": 9}}}, "mixture.max_samples: unknown name 'cmd'"),
        ({"training": {"metod": "lora"}}, "training.metod: Extra inputs are not permitted"),
        ({"mixture": {"validaton": 0.1}}, "mixture.validaton: Extra inputs are not permitted"),
        (
            {"training": {"master_weights": "bfloat16", "precision": "float32"}},
            "training: Value error, master_weights bfloat16 needs precision bfloat16",
        ),
    ],
    ids=[
        "base",
        "no name",
        "cutoff",
        "datasets",
        "max_samples",
        "a key",
        "a key of the mixture",
        "two that disagree",
    ],
)
def test_what_is_wrong_in_an_experiment_is_named_with_its_file(clone, snakemake, change, message):
    path = clone / "config/experiments/tiny.yaml"
    recipe = yaml.safe_load(path.read_text(encoding="utf-8")) | change
    path.write_text(yaml.safe_dump(recipe), encoding="utf-8")
    (clone / "overlay.yaml").write_text(
        "experiments: [tiny]\nheadline: {experiment: tiny}\n", encoding="utf-8"
    )
    result = snakemake("-n", "--configfile", "overlay.yaml")
    assert result.returncode != 0
    assert f"config/experiments/tiny.yaml: {message}" in result.stderr


@pytest.mark.parametrize("tag", ["v0.1.0", "1.2", "v1.0.0-rc.1", "v1.0.0+cpu", "paper_2024"])
def test_tags_that_a_hub_takes(tag):
    assert TAG.search(tag)


@pytest.mark.parametrize(
    "tag", ["v1 0", "", "-v1", "v1..2", "v1.", "a/b", "v1@2", "v1.lock", "v~1"]
)
def test_tags_that_no_hub_takes(tag):
    """Git's rules for a name, without folders; ``@`` parts the name of a version here."""
    assert not TAG.search(tag)


@pytest.mark.parametrize("place", ["folder", "cache"])
def test_positions_are_read_where_a_model_is_at_hand(clone, snakemake, place):
    folder = clone / ("mine" if place == "folder" else ".cache/models/tiny-random")
    path = clone / "config/models/tiny-random.yaml"
    model = yaml.safe_load(path.read_text(encoding="utf-8"))
    del model["architecture"]
    model["source"] = {"kind": "folder", "path": "mine"}
    path.write_text(yaml.safe_dump(model), encoding="utf-8")
    folder.mkdir(parents=True)
    positions = {"text_config": {"max_position_embeddings": 511}}
    (folder / "config.json").write_text(json.dumps(positions), encoding="utf-8")
    result = snakemake("-n", "--configfile", "config/tiny.yaml")
    assert result.stderr.startswith(
        "error: config: config/experiments/tiny.yaml: training.cutoff: 512 tokens, tiny-random "
        "takes 511"
    )


def test_dry_run_of_the_paper_shows_the_whole_plan(clone, snakemake):
    result = snakemake("-n", timeout=500)
    assert result.returncode == 0, result.stderr
    whole = result.stdout + result.stderr
    config = yaml.safe_load((clone / "config/config.yaml").read_text(encoding="utf-8"))
    assert len(config["datasets"]) == 13
    for dataset in config["datasets"]:
        assert f"1_raw/datasets/{dataset}/manifest.json" in whole
    for experiment in config["experiments"]:
        assert f"3_sft/{experiment}/model" in whole
    for wanted in (
        "internlm2_5-7b",
        "3_sft/collective/model",
        "cmb.answer.scores.json",
        "paper.pdf",
    ):
        assert wanted in whole


def test_a_gguf_copy_is_made_only_where_it_is_asked_for(clone, snakemake):
    plan = ("-n", "--printshellcmds", "--configfile", "config/tiny.yaml")
    without = snakemake(*plan).stdout
    assert "hub release" in without
    assert not any(word in without for word in ("hub_gguf", "--gguf", '"gguf'))
    (clone / "own.py").touch()
    (clone / "mine.yaml").write_text("hub: {gguf: q8_0, gguf_converter: own.py}", encoding="utf-8")
    done = snakemake(*plan, "mine.yaml")
    assert done.returncode == 0, done.stderr
    path = "results/tiny/7_hub/tiny/gguf/CollectiveSFT-tiny-Q8_0"
    wanted = "hub gguf --model results/tiny/3_sft/tiny/model --converter own.py --type q8_0"
    assert f"{wanted} --name CollectiveSFT-tiny --threads 2 --out {path}.gguf" in done.stdout
    assert f" --gguf {path}.json " in done.stdout
    assert '"gguf": "q8_0"' in done.stdout and "gguf_converter" not in done.stdout


def test_damaged_lock_file_is_named(clone, snakemake):
    lock = {"datasets/cmid": {"CMID.json": {"size": 1, "sha256": "abc"}}}
    (clone / "config/raw.lock.yaml").write_text(yaml.safe_dump(lock), encoding="utf-8")
    result = snakemake("-n")
    assert result.returncode != 0
    assert result.stderr.startswith(
        "error: config: config/raw.lock.yaml: datasets/cmid.CMID.json.sha256: 'abc' does not match"
    )
