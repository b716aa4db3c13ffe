"""A change that decides tokens or weights makes them again; others leave them."""

import shutil
from pathlib import Path

import code_files
import pytest

from collectivesft.common import digests
from collectivesft.common.files import read_json, write_json
from collectivesft.sft.batches import cache_keys
from tests.helpers.training_job import steps_taken

ROOT = Path(__file__).parents[2]
# Modules of `sft train` that report, measure and stop; and those that read or make tokens and
# recipes, whose content is counted instead.
NOT_WEIGHTS = {
    "common/digests",
    "config/experiment",
    "config/section",
    "models/jieba_tokenizer",
    "models/word_vocabulary",
    "sft/batches/cache_keys",
    "sft/batches/token_files",
    "sft/batches/truncate",
    "sft/distributed/gpu_specs",
    "sft/loop/precision",
    "sft/distributed/stop_signal",
    "sft/loop/cost_tracker",
    "sft/loop/history",
    "sft/loop/out_of_memory",
    "sft/loop/trackers",
}


@pytest.fixture
def taken(monkeypatch) -> list[int]:
    return steps_taken(monkeypatch)


def test_every_module_of_the_training_is_counted_or_known_not_to_matter():
    root = ROOT / "src/collectivesft"
    files = code_files.files(root, ["sft/train.py"])
    found = {path.relative_to(root).with_suffix("").as_posix() for path in files}
    assert found - NOT_WEIGHTS == set(cache_keys.WEIGHTS[0])
    assert found >= NOT_WEIGHTS


def test_code_counts_and_comments_do_not(tmp_path, monkeypatch):
    monkeypatch.setattr(digests, "__file__", str(tmp_path / "common/digests.py"))
    module, found = tmp_path / "loop.py", []
    for text in ("x = 1\n", "# why\nx  = 1  # so\n", "x = 2\n"):
        module.write_text(text)
        found.append(digests.software(("loop",), ("torch",)))
    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize("what", ["code", "library"])
def test_a_finished_training_by_other_software_starts_from_step_0(
    job, monkeypatch, capfd, taken, what
):
    made = job(save_steps=2).run()
    assert "starts from step 0" not in capfd.readouterr().err
    taken.clear()
    if what == "code":
        monkeypatch.setattr(
            cache_keys, "WEIGHTS", (("sft/batches/packing",), cache_keys.WEIGHTS[1])
        )
    else:
        monkeypatch.setattr(digests, "version", lambda name: f"{name} of tomorrow")
    result = made.result
    assert made.run().result == result
    assert taken == list(range(6))
    told = capfd.readouterr().err
    wanted = "the training code was " if what == "code" else "is now torch of tomorrow"
    assert wanted in told and told.count("starts from step 0") == 1
    taken.clear()
    made.run()
    assert taken == []
    assert "starts from step 0" not in capfd.readouterr().err


def test_a_remark_on_the_base_keeps_a_finished_training(job, tmp_path, taken):
    made = job(save_steps=2)
    base = made.base = Path(shutil.copytree(made.base, tmp_path / "copy"))
    made.run()
    taken.clear()
    remarks = {"notes": "seen", "title": "Another", "licence": "MIT", "homepage": "here"}
    write_json(base / "base.json", read_json(base / "base.json") | remarks)
    made.run()
    assert taken == []


@pytest.mark.parametrize("change", ["weights", "lora_targets", "config.json"])
def test_what_the_base_is_decides_the_weights(workshop, tmp_path, change):
    base = Path(shutil.copytree(workshop.base(), tmp_path / "copy"))
    before = cache_keys.base_weights(base)
    if change == "config.json":
        (base / change).write_text((base / change).read_text() + " ")
    else:
        write_json(base / "base.json", read_json(base / "base.json") | {change: ["other"]})
    assert cache_keys.base_weights(base) != before
