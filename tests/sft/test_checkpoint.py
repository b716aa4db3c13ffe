"""A checkpoint is whole or absent, and brings back the exact state of a training."""

import os
import shutil
import subprocess

import pytest

from collectivesft.common.errors import UserError, explain_os_error
from collectivesft.common.files import read_json
from collectivesft.sft.distributed.world import World
from collectivesft.sft.loop.checkpoint import Checkpoints

ALONE = World(0, 1, "cpu")
MODULE = Checkpoints.__module__
MINE = {"training.learning_rate": 0.1, "tokens": "abc"}
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
    found = Checkpoints(tmp_path / "checkpoints", MINE, ALONE)
    found.save(3, model, optimizer, HISTORY)
    return found, model, optimizer


def test_where_there_is_none_it_begins_at_the_beginning(tmp_path):
    assert Checkpoints(tmp_path / "checkpoints", MINE, ALONE).restore(*setting()) == (0, [])


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
    from safetensors import safe_open

    found, _, _ = saved
    names: set[str] = set()
    for path in (found.folder / "step-00000003").glob("*.safetensors"):
        with safe_open(path, "pt") as file:
            names |= set(file.keys())
    parts = {f"1.{part}" for part in ("weight", "bias")}
    state = {f"optimizer.{p}|{k}" for p in parts for k in ("step", "exp_avg", "exp_avg_sq")}
    assert names == {f"model.{part}" for part in parts} | state
    kinds = {path.suffix for path in (found.folder / "step-00000003").iterdir()}
    assert kinds == {".safetensors", ".json"}  # no pickles


def test_no_file_holds_more_than_its_limit_as_torch_holds_a_whole_file_twice(saved, monkeypatch):
    import torch
    from safetensors import safe_open

    found, model, optimizer = saved
    monkeypatch.setattr(f"{MODULE}.BYTES_PER_FILE", 40)
    found.save(4, model, optimizer, HISTORY)
    names = []
    for path in (found.folder / "step-00000004").glob("*.safetensors"):
        with safe_open(path, "pt") as file:
            tensors = [file.get_tensor(name) for name in file.keys()]  # noqa: SIM118
            names += file.keys()
        size = sum(each.numel() * each.element_size() for each in tensors)
        assert size <= 40 or len(tensors) == 1, path.name
    assert len(names) == len(set(names)) == 8
    other, fresh = setting()
    assert found.restore(other, fresh) == (4, HISTORY)
    for name, value in model.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name


def test_the_last_two_are_kept(saved):
    found, model, optimizer = saved
    for number in (6, 9, 12):
        found.save(number, model, optimizer, HISTORY)
    assert sorted(path.name for path in found.folder.iterdir()) == [
        "step-00000009",
        "step-00000012",
    ]
    assert found.restore(*setting())[0] == 12


def test_another_training_that_has_not_finished_is_refused_and_left(saved):
    found, *_ = saved
    other = Checkpoints(found.folder, MINE | {"training.learning_rate": 0.2}, ALONE)
    with pytest.raises(UserError) as caught:
        other.check()
    assert "training.learning_rate was 0.1, is now 0.2. Put it back" in str(caught.value)
    assert "tokens" not in str(caught.value) and "\n" not in str(caught.value)
    assert f"move {found.folder} away to start from step 0" in str(caught.value)
    assert found.check() is None
    assert found.restore(*setting())[0] == 3


def test_another_training_that_has_finished_is_set_aside_whole(saved):
    found, model, optimizer = saved
    found.save(6, model, optimizer, HISTORY, finished=True)
    (found.folder / "history.jsonl").write_text("{}\n")
    other = Checkpoints(found.folder, MINE | {"tokens": "abd"}, ALONE)
    assert "tokens was abc, is now abd: training starts from step 0" in other.check()
    (aside,) = found.folder.iterdir()
    assert aside.name.startswith("earlier-")
    assert sorted(each.name for each in aside.iterdir()) == [
        "history.jsonl",
        "step-00000003",
        "step-00000006",
    ]
    assert other.restore(*setting()) == (0, [])
    other.save(1, model, optimizer, HISTORY)
    assert other.restore(*setting())[0] == 1
    assert Checkpoints(aside, MINE, ALONE).restore(*setting())[0] == 6


@pytest.mark.parametrize("part", ["tensors", "state"])
def test_a_save_that_breaks_leaves_the_last_checkpoint(saved, monkeypatch, part):
    found, model, optimizer = saved

    def breaks(*_, **__):
        raise KeyboardInterrupt

    names = {"tensors": "torch.distributed.checkpoint.save", "state": f"{MODULE}.dump_json"}
    monkeypatch.setattr(names[part], breaks)
    with pytest.raises(KeyboardInterrupt):
        found.save(6, model, optimizer, HISTORY)
    assert [path.name for path in found.folder.iterdir()] == ["step-00000003"]
    assert found.restore(*setting())[0] == 3


def test_saving_again_replaces_a_checkpoint(saved):
    found, model, optimizer = saved
    longer = [*HISTORY, {"step": 2}]
    found.save(3, model, optimizer, longer)
    assert found.restore(*setting()) == (3, longer)
    assert read_json(found.folder / "step-00000003/state.json")["facts"] == MINE


@pytest.mark.parametrize("gone", ["state.json", "*.safetensors"])
def test_one_that_lacks_a_file_is_passed_over_and_deleted(saved, gone):
    found, model, optimizer = saved
    found.save(6, model, optimizer, HISTORY)
    next((found.folder / "step-00000006").glob(gone)).unlink()
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

    remove = shutil.rmtree

    def killed(path, *_, **options):
        if not path.name.endswith(".old"):
            return remove(path, **options)
        next(path.glob("*.safetensors")).unlink()
        raise KeyboardInterrupt

    found.save(4, model, optimizer, HISTORY)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(f"{MODULE}.shutil.rmtree", killed)
        found.save(6, model, optimizer, HISTORY)  # forgets step 3
    assert sorted(path.name for path in found.folder.iterdir()) == [
        ".step-00000003.old",
        "step-00000004",
        "step-00000006",
    ]
    found.save(7, model, optimizer, HISTORY)
    names = sorted(path.name for path in found.folder.iterdir())
    assert names == ["step-00000006", "step-00000007"]


def test_weights_of_another_model_are_refused(saved):
    import torch

    found, *_ = saved
    model = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Linear(4, 3))
    model[0].requires_grad_(False)
    with pytest.raises(ValueError, match="not those of this model"):
        found.restore(model, torch.optim.AdamW(model[1].parameters()))


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
