"""Two runs beside each other: the first stage, key and file that differ, on one screen."""

import copy

import pytest

from collectivesft.common.errors import UserError
from collectivesft.common.files import write_json
from collectivesft.hub.compare import compare

DIGEST = "0" * 64
RUN = {
    "run": "demo",
    "experiment": {"name": "mine", "training": {"seed": 1}},
    "package": {"version": "0.1.0", "code_sha256": DIGEST},
    "config": {"curation": {"full": {"threshold": 0.8}}},
    "raw": {"datasets/medqa": [{"path": "a.zip", "sha256": DIGEST}]},
    "results": {"train.parquet": DIGEST},
    "model": {"files": {"model.safetensors": {"size": 1, "sha256": DIGEST}}},
    "scores": [{"model": "mine", "macro": {"value": 0.5}}],
}


def compared(tmp_path, change=lambda content: None) -> tuple[bool, list[str]]:
    other = copy.deepcopy(RUN)
    change(other)
    write_json(tmp_path / "one.json", RUN)
    write_json(tmp_path / "run/7_hub/mine/manifest.json", other)
    said = []
    same = compare(str(tmp_path / "one.json"), str(tmp_path / "run"), said.append)
    return same, said


def test_the_same_run_twice_has_no_difference(tmp_path):
    same, said = compared(tmp_path)
    assert same and said[-1].startswith("no difference")


def threshold(content):
    content["config"]["curation"]["full"]["threshold"] = 0.9
    content["results"]["train.parquet"] = "1" * 64
    content["model"]["files"]["model.safetensors"]["sha256"] = "2" * 64


def seed(content):
    content["experiment"]["training"]["seed"] = 2
    content["model"]["files"]["model.safetensors"]["sha256"] = "2" * 64


# Case: what is changed, the first stage that differs, and a line of its cause.
CASES = {
    "a key of the configuration": (
        threshold, "2 curated", "    curation.full.threshold: 0.8 -> 0.9"),
    "a seed": (seed, "3 sft", "    training.seed: 1 -> 2"),
    "a raw file": (
        lambda c: c["raw"]["datasets/medqa"][0].update(sha256="3" * 64), "1 raw",
        f"    datasets/medqa.0.sha256: {'0' * 45}... -> {'3' * 45}..."),
    "the base as it was converted": (
        lambda c: c.update(base={"files": {"config.json": {"size": 1, "sha256": DIGEST}}}),
        "3 sft", "    all: not there -> "),
    "answers of one protocol more": (
        lambda c: c["results"].update({"answers/mine.cmb.circular.answers.jsonl": DIGEST}),
        "4 scores", "    answers/mine.cmb.circular.answers.jsonl: not there -> "),
    "code alone": (
        lambda c: c["package"].update(version="0.2.0"), "none; every result is the same",
        "    version: 0.1.0 -> 0.2.0"),
    "a score": (
        lambda c: c["scores"][0]["macro"].update(value=0.6), "4 scores",
        "    0.macro.value: 0.5 -> 0.6"),
    "a file that is not there": (
        lambda c: c["model"]["files"].clear(), "3 sft",
        "    files.model.safetensors: {'sha256': '"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "stage", "line"), CASES.values(), ids=list(CASES))
def test_the_first_stage_key_and_file_are_named(tmp_path, change, stage, line):
    same, said = compared(tmp_path, change)
    assert not same
    assert f"first stage that differs: {stage}" in said
    assert any(text.startswith(line) for text in said), said
    assert len(said) < 40


def test_a_folder_without_a_release_is_one_line(tmp_path):
    with pytest.raises(UserError, match=r"holds no manifest\.json"):
        compare(str(tmp_path), str(tmp_path), print)
    with pytest.raises(UserError, match="neither a folder here nor owner/name"):
        compare("nothing", "nothing", print)


def test_two_releases_of_the_hub_are_compared(hub, release):
    release.publish()
    release.tag = "v2"
    release.change(config__json='{"a": 1}').publish()
    said = []
    assert not compare("demo/model@v1", "demo/model@v2", said.append)
    assert "first stage that differs: 3 sft" in said
    assert any(line.startswith("    files.config.json.sha256: ") for line in said), said
