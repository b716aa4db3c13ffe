"""A checkpoint is whole or absent, and brings back the exact state of a training."""

import os
import shutil
import subprocess

import pytest

from collectivesft.common.errors import explain_os_error
from collectivesft.common.files import read_json
from collectivesft.sft.distributed.world import World
from collectivesft.sft.loop import checkpoint
from collectivesft.sft.loop.checkpoint import Checkpoints, load_trainable

ALONE = World(0, 1, "cpu")
HISTORY = [{"step": 1, "loss": 0.1 + 0.2, "learning_rate": 1e-3 / 3}]


def setting(seed: int = 0):
    """A small model, half of it frozen, with its optimiser."""
    import torch

    torch.manual_seed(seed)
    model = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Linear(4, 2))
    model[0].requires_grad_(False)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=0.1)
    return model, optimizer


def step(model, optimizer, seed: int) -> None:
    import torch

    torch.manual_seed(seed)
    model(torch.randn(3, 4)).square().sum().backward()
    optimizer.step()
    optimizer.zero_grad()


@pytest.fixture
def saved(tmp_path):
    """Checkpoints of a training after three steps, with its model and optimiser."""
    model, optimizer = setting()
    for number in range(3):
        step(model, optimizer, number)
    found = Checkpoints(tmp_path / "checkpoints", "mine", ALONE)
    found.save(3, model, optimizer, HISTORY)
    return found, model, optimizer


def test_where_there_is_none_it_begins_at_the_beginning(tmp_path):
    assert Checkpoints(tmp_path / "checkpoints", "mine", ALONE).restore(*setting()) == (0, [])


def test_restored_training_takes_the_same_steps(saved):
    import torch

    found, model, optimizer = saved
    other, fresh = setting()
    assert found.restore(other, fresh) == (3, HISTORY)
    for number in range(3, 6):
        step(model, optimizer, number)
        step(other, fresh, number)
    for name, value in model.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name


def test_only_what_is_trained_is_kept(saved):
    from safetensors.torch import load_file

    found, _, _ = saved
    folder = found.folder / "step-00000003"
    assert set(load_file(folder / "weights.safetensors")) == {"1.weight", "1.bias"}
    names = {f"{i}.{key}" for i in (0, 1) for key in ("step", "exp_avg", "exp_avg_sq")}
    assert set(load_file(folder / "optimizer.safetensors")) == names
    assert {path.suffix for path in folder.iterdir()} == {".safetensors", ".json"}  # no pickles


def test_the_last_two_are_kept(saved):
    found, model, optimizer = saved
    for number in (6, 9, 12):
        found.save(number, model, optimizer, HISTORY)
    assert sorted(path.name for path in found.folder.iterdir()) == [
        "step-00000009",
        "step-00000012",
    ]
    assert found.restore(*setting())[0] == 12


def test_those_of_another_training_are_neither_read_nor_counted(saved):
    found, model, optimizer = saved
    found.save(6, model, optimizer, HISTORY)
    other = Checkpoints(found.folder, "other", ALONE)
    assert other.restore(*setting()) == (0, [])
    other.save(1, model, optimizer, HISTORY)
    assert [path.name for path in found.folder.iterdir()] == ["step-00000001"]
    assert other.restore(*setting())[0] == 1


@pytest.mark.parametrize("part", ["weights", "optimizer", "state"])
def test_a_save_that_breaks_leaves_the_last_checkpoint(saved, monkeypatch, part):
    found, model, optimizer = saved
    calls = []

    def breaks(*_):
        calls.append(part)
        if len(calls) == {"weights": 1, "optimizer": 2, "state": 1}[part]:
            raise KeyboardInterrupt

    target = (
        "safetensors.torch.save_file" if part != "state" else f"{checkpoint.__name__}.dump_json"
    )
    monkeypatch.setattr(target, breaks)
    with pytest.raises(KeyboardInterrupt):
        found.save(6, model, optimizer, HISTORY)
    assert [path.name for path in found.folder.iterdir()] == ["step-00000003"]
    assert found.restore(*setting())[0] == 3


def test_saving_again_replaces_a_checkpoint(saved):
    found, model, optimizer = saved
    longer = [*HISTORY, {"step": 2}]
    found.save(3, model, optimizer, longer)
    assert found.restore(*setting()) == (3, longer)
    assert read_json(found.folder / "step-00000003/state.json")["fingerprint"] == "mine"


@pytest.mark.parametrize("gone", ["state.json", "weights.safetensors", "optimizer.safetensors"])
def test_one_whose_deletion_was_killed_is_passed_over_and_deleted(saved, gone):
    """A killed deletion leaves a folder without some of its files, whichever went first."""
    found, model, optimizer = saved
    found.save(6, model, optimizer, HISTORY)
    (found.folder / "step-00000006" / gone).unlink()
    assert found.restore(*setting())[0] == 3
    for number in (7, 8):
        found.save(number, model, optimizer, HISTORY)
    assert [path.name for path in sorted(found.folder.iterdir())] == [
        "step-00000007",
        "step-00000008",
    ]


def test_deletion_leaves_nothing_that_looks_whole(saved, monkeypatch):
    """The name goes first; the next save clears away what is left of it."""
    found, model, optimizer = saved

    def killed(path, *_, **__):
        (path / "weights.safetensors").unlink()
        raise KeyboardInterrupt

    found.save(4, model, optimizer, HISTORY)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(checkpoint.shutil, "rmtree", killed)
        found.save(6, model, optimizer, HISTORY)  # forgets step 3
    assert sorted(path.name for path in found.folder.iterdir()) == [
        ".step-00000003.old",
        "step-00000004",
        "step-00000006",
    ]
    (found.folder / ".step-00000002.partial").mkdir()
    found.save(7, model, optimizer, HISTORY)
    names = sorted(path.name for path in found.folder.iterdir())
    assert names == ["step-00000006", "step-00000007"]


def test_weights_of_another_model_are_refused():
    import torch

    model, _ = setting()
    with pytest.raises(ValueError, match="not those of this model"):
        load_trainable(model, {"1.weight": torch.zeros(2, 4)})


@pytest.fixture
def small_disk(tmp_path):
    """A disk on which one checkpoint fits, and not the second."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount a small file system")
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=420k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting is not allowed here")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_full_disk_leaves_the_last_checkpoint_and_says_what_to_do(job, small_disk):
    """The message is one line; with room, the training goes on from what was saved."""
    whole, made = job("whole", save_steps=2, epochs=2).run(), job(save_steps=2, epochs=2)
    (made.folder / "checkpoints").symlink_to(small_disk)
    with pytest.raises(OSError) as caught:
        made.run()
    message = explain_os_error(caught.value)
    assert message and "no space left on the disk" in message
    assert f"{made.folder}/checkpoints/" in message
    assert made.checkpoints == ["step-00000002"]
    assert not (made.folder / "trained").exists()
    subprocess.run(["mount", "-o", "remount,size=4m", str(small_disk)], check=True)
    assert made.run().result == whole.result
