"""Trackers show the curves of a training and never decide anything about it."""

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from collectivesft.common.errors import UserError
from collectivesft.config.run import RunConfig
from collectivesft.config.section import canonical
from collectivesft.sft.distributed.stop_signal import Interrupted, Request
from collectivesft.sft.loop import trackers as module
from collectivesft.sft.loop.trackers import Trackers, Tracking
from collectivesft.sft.train import train

ROOT = Path(__file__).parents[2]
NAMES = ("tensorboard", "trackio", "wandb")


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch) -> None:
    """Keep the store of trackio that a training names to its test."""
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))


class Fake:
    """A tracker of accelerate that notes its calls, or fails at one."""

    calls: list
    fails: str = ""

    def __init__(self, **arguments):
        self._note("init", arguments)

    def _note(self, what, *values):
        type(self).calls.append((what, *values))
        if type(self).fails == what:
            raise RuntimeError("no network\nand a long story")

    def start(self):
        self._note("start")

    def log(self, values, step):
        self._note("log", step, values)

    def finish(self):
        self._note("finish")


@pytest.fixture
def fake(monkeypatch):
    """All of accelerate's trackers are one that notes its calls."""
    from accelerate import tracking

    monkeypatch.setattr(module, "installed", lambda name: True)
    monkeypatch.setattr(tracking, "LOGGER_TYPE_TO_CLASS", dict.fromkeys(NAMES, Fake))
    monkeypatch.setattr(Fake, "calls", [], raising=False)
    monkeypatch.setattr(Fake, "fails", "")
    return Fake


def test_each_row_of_the_history_is_shown(job, tmp_path, fake):
    made = job(max_steps=2)
    train(*made.arguments, threads=1, tracking=Tracking(("wandb",), tmp_path / "t", "mine/one"))
    assert fake.calls[0][1]["run_name"] == "mine" and fake.calls[0][1]["name"] == "one"
    assert fake.calls[1] == ("start",) and fake.calls[-1] == ("finish",)
    shown = [call for call in fake.calls if call[0] == "log"]
    losses = [(step, row["train/loss"]) for _, step, row in shown if "train/loss" in row]
    assert losses == [(row["step"], row["loss"]) for row in made.history if "loss" in row]
    assert {key for _, _, row in shown for key in row} >= {"train/eval_loss", "train/tokens_per_s"}


def test_a_training_has_the_same_bytes_with_trackers_and_without(job, tmp_path, fake):
    watched, plain = job("watched", max_steps=2), job("plain", max_steps=2).run()
    train(*watched.arguments, threads=1, tracking=Tracking(NAMES, tmp_path / "t"))
    assert watched.result == plain.result


def test_trackers_asked_for_afterwards_train_nothing_again(job, tmp_path, fake):
    made = job(max_steps=2).run()
    train(*made.arguments, threads=1, tracking=Tracking(("wandb",), tmp_path / "t"))
    assert not [call for call in fake.calls if call[0] == "log"]  # no step was taken


@pytest.mark.parametrize("fails", ["init", "start", "log", "finish"])
def test_a_tracker_that_fails_is_left_out_and_the_training_ends_well(
    job, tmp_path, fake, capfd, fails
):
    fake.fails = fails
    made = job(max_steps=2)
    train(*made.arguments, threads=1, tracking=Tracking(("wandb",), tmp_path / "t"))
    assert [row["step"] for row in made.history if "loss" in row] == [1, 2]
    said = capfd.readouterr().err
    assert said.count("wandb failed and is left out from here on: no network") == 1
    assert "long story" not in said
    assert sum(call[0] == fails for call in fake.calls) == 1


def test_a_missing_package_is_one_line_before_the_training(job, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "installed", lambda name: name == "wandb")
    made = job()
    with pytest.raises(UserError, match="pip install tensorboard trackio where the") as e:
        train(*made.arguments, threads=1, tracking=Tracking(NAMES, tmp_path))
    assert "\n" not in str(e.value)
    assert made.written == []  # nothing was begun


def test_a_folder_of_wandbs_name_is_no_package(tmp_path, monkeypatch):
    (tmp_path / "trackertest").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    assert not module.installed("trackertest")
    (tmp_path / "trackertest2.py").touch()
    assert module.installed("trackertest2")


@pytest.mark.parametrize("stopped", [False, True])
def test_trackers_end_when_all_is_saved(job, tmp_path, fake, monkeypatch, stopped):
    """A service may take minutes for its last values, and a scheduler kills meanwhile."""
    made, seen = job(max_steps=2, save_steps=1), []
    monkeypatch.setattr(fake, "finish", lambda self: seen.append((made.written, made.checkpoints)))
    if stopped:
        monkeypatch.setattr(Request, "__init__", Request.make)
    with pytest.raises(Interrupted) if stopped else contextlib.nullcontext():
        train(*made.arguments, threads=1, tracking=Tracking(("wandb",), tmp_path / "t"))
    ((written, checkpoints),) = seen
    assert checkpoints
    assert stopped or {"trained", "history.jsonl"} <= set(written)


def test_wandb_waits_for_its_upload_no_longer_than_a_minute(tmp_path, fake):
    Trackers(Tracking(("wandb",), tmp_path), "f" * 40, 0, print)
    assert fake.calls[0][1]["settings"] == {"finish_timeout": 60}


def test_the_number_of_threads_stays(tmp_path, fake, monkeypatch):
    """The weights of a CPU depend on it."""
    import torch
    from accelerate import state

    before = torch.get_num_threads()
    monkeypatch.setattr(state, "PartialState", lambda: torch.set_num_threads(before + 1))
    try:
        Trackers(Tracking(("wandb",), tmp_path), "f" * 40, 0, print)
        assert fake.calls[-1] == ("start",)
        assert torch.get_num_threads() == before
    finally:
        torch.set_num_threads(before)


def test_a_different_training_is_a_new_run_in_trackio(tmp_path, fake):
    """It knows runs by their names; a second training may have the name of the first."""
    for done in (0, 0, 2):
        Trackers(Tracking(("trackio",), tmp_path), "f" * 40, done, print)
    made = [call[1]["resume"] for call in fake.calls if call[0] == "init"]
    assert made == ["never", "never", "allow"]


def test_a_resumed_training_continues_its_curves(tmp_path, fake):
    for done in (0, 4):
        Trackers(Tracking(("wandb", "tensorboard"), tmp_path), "f" * 40, done, print)
    made = [call[1] for call in fake.calls if call[0] == "init"]
    assert made[0]["id"] == made[2]["id"] == "f" * 16 and made[0]["resume"] == "allow"
    assert (made[1]["purge_step"], made[3]["purge_step"]) == (1, 5)


@pytest.mark.parametrize(("old", "new"), [(True, ["tensorboard"]), (False, [])])
def test_the_former_key_tensorboard_is_read_with_a_note(old, new):
    found, notes = canonical({"report_to": [], "tensorboard": old}, RunConfig)
    assert found["report_to"] == new
    assert notes[0] == "tensorboard is read as report_to"


READ = """
import json, sys
from pathlib import Path
from collectivesft.sft.loop.trackers import Trackers, Tracking

folder = Path(sys.argv[1])
tracking = Tracking(("tensorboard", "trackio", "wandb"), folder, "tiny/tiny")
tracking.prepare()
notes = []
for done in (0, 2):  # the second try takes the third step again
    trackers = Trackers(tracking, "0123456789abcdef", done, notes.append)
    for step in range(done + 1, 5 if done else 4):
        trackers.log({"step": step, "epoch": 1.0, "loss": 10.0 / step}, tokens_per_s=5.0)
    trackers.finish()
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
found = EventAccumulator(str(folder / "tensorboard")).Reload()
drawn = {tag: [(e.step, e.value) for e in found.Scalars(tag)] for tag in found.Tags()["scalars"]}
offline = sorted(path.name for path in folder.glob("wandb/offline-run-*/*.wandb"))
stored = sorted(path.suffix for path in (folder / "trackio").rglob("*.db"))
print("FOUND", json.dumps({"notes": notes, "drawn": drawn, "wandb": offline, "trackio": stored}))
"""


def test_the_real_packages_write_files_that_hold_the_curves(tmp_path):
    """Event files read by TensorBoard itself; wandb offline; trackio's own store."""
    packages = sorted((ROOT / ".venv-trackers").glob("lib/python3.*/site-packages"))
    if not packages:
        pytest.skip("needs the trackers: envs/install trackers .venv-trackers")
    env = os.environ | {"WANDB_MODE": "offline", "HF_HUB_OFFLINE": "1", "HOME": str(tmp_path)}
    env |= {"PYTHONPATH": f"{ROOT / 'src'}:{packages[-1]}"}
    del env["TRACKIO_DIR"]
    command = [sys.executable, "-c", READ, str(tmp_path / "curves")]
    done = subprocess.run(
        command, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("FOUND ")]
    assert lines, done.stderr[-3000:]
    found = json.loads(lines[0].removeprefix("FOUND "))
    assert found["notes"] == []
    wanted = [[step, pytest.approx(10 / step)] for step in range(1, 5)]
    assert found["drawn"]["train/loss"] == wanted
    assert set(found["drawn"]) == {"train/loss", "train/tokens_per_s"}
    assert len(found["wandb"]) == 2  # one file a try, of one run
    assert {name.split("-")[1] for name in found["wandb"]} == {"0123456789abcdef.wandb"}
    assert found["trackio"]
