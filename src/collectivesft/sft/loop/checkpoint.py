"""Checkpoints that are whole or absent: weights, optimiser and history in one renamed folder.

Each process writes what it holds: the first one everything, or with sharded weights each its
part. A training goes on with as many processes as wrote its checkpoint.
"""

import shutil
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from collectivesft.common.files import atomic_path, dump_json, read_json
from collectivesft.sft.distributed.world import World, local

KEPT = 2


@dataclass
class Checkpoints:
    """The checkpoints of one training.

    Attributes:
        folder: holds ``step-NNNNNNNN/``.
        fingerprint: of what the training is; others' checkpoints are ignored.
        world: the processes that train.
        software: digest of the code and libraries; those of others are ignored too.
        outdated: whether ``restore`` passed over one that is of other software alone.
    """

    folder: Path
    fingerprint: str
    world: World
    software: str = ""
    outdated: bool = False

    def save(self, step: int, model: Any, optimizer: Any, history: list[dict]) -> None:
        """Write a checkpoint after ``step`` optimiser steps; forget all but the last two.

        Those of other trainings go too: nothing would ever read them, and they are large.
        """
        path = self.folder / f"step-{step:08d}"
        with ExitStack() as stack:
            partial = path.with_name(f".{path.name}.partial")
            if self.world.first:
                partial = stack.enter_context(atomic_path(path))
                partial.mkdir()
            self.world.wait()
            if self.world.first or self.world.sharded:
                self._write(partial, model, optimizer)
            if self.world.first:
                state = {"step": step, "history": history} | self._marks
                (partial / "state.json").write_text(dump_json(state), encoding="utf-8")
            self.world.wait()
            if self.world.first and path.is_dir():  # another training's, or not whole
                self._delete(path)
        if self.world.first:
            self._forget()

    @property
    def _marks(self) -> dict[str, str]:
        return {"fingerprint": self.fingerprint, "software": self.software}

    def _write(self, partial: Path, model: Any, optimizer: Any) -> None:
        from safetensors.torch import save_file

        rank = self.world.rank
        save_file(_plain(trainable(model)), partial / self._name("weights", rank))
        save_file(_plain(optimizer_tensors(optimizer)), partial / self._name("optimizer", rank))

    def _name(self, what: str, rank: int) -> str:
        part = f".{rank}-of-{self.world.size}" if self.world.sharded else ""
        return f"{what}{part}.safetensors"

    def _forget(self) -> None:
        kept = [path for path in self._folders() if self._state(path)][-KEPT:]
        for path in self._folders():
            if path not in kept:
                self._delete(path)
        for pattern in (".step-*.old", ".step-*.partial"):  # left by a kill
            for path in self.folder.glob(pattern):
                shutil.rmtree(path)

    def _delete(self, path: Path) -> None:
        """The name goes first: a kill in between leaves nothing that looks like a checkpoint."""
        old = path.with_name(f".{path.name}.old")
        if old.is_dir():
            shutil.rmtree(old)
        shutil.rmtree(path.rename(old))

    def _folders(self) -> list[Path]:
        return sorted(self.folder.glob("step-*"))

    def _state(self, path: Path) -> dict[str, Any] | None:
        """Step and history of a checkpoint of this very training; None for another's.

        None too for what is not whole: an older version of this module deleted file by file.
        """
        state = _read_state(path)
        if state is None or any(state.get(key) != value for key, value in self._marks.items()):
            return None
        ranks = range(self.world.size if self.world.sharded else 1)
        names = (self._name(what, rank) for what in ("weights", "optimizer") for rank in ranks)
        return state if all((path / name).is_file() for name in names) else None

    def restore(self, model: Any, optimizer: Any) -> tuple[int, list[dict]]:
        """Load the last checkpoint of this very training.

        Returns:
            Steps that are done and their history; ``(0, [])`` where there is none.
        """
        from safetensors.torch import load_file

        for path in reversed(self._folders()):
            state = self._state(path)
            if state is None:
                continue
            rank = self.world.rank
            load_trainable(model, load_file(path / self._name("weights", rank)))
            load_optimizer(optimizer, load_file(path / self._name("optimizer", rank)))
            return state["step"], state["history"]
        states = map(_read_state, self._folders())
        self.outdated = any(s and s["fingerprint"] == self.fingerprint for s in states)
        return 0, []


def _read_state(path: Path) -> dict[str, Any] | None:
    """What a checkpoint says of itself; None where its deletion was killed."""
    path = path / "state.json"
    return read_json(path) if path.is_file() else None


def trainable(model: Any) -> dict[str, Any]:
    """Name to parameter of all that is trained, in the model's order."""
    return {name: value for name, value in model.named_parameters() if value.requires_grad}


def load_trainable(model: Any, weights: dict[str, Any]) -> None:
    """Put weights into the model; names and shapes must agree."""
    import torch

    parameters = trainable(model)
    if parameters.keys() != weights.keys():
        raise ValueError("the checkpoint's weights are not those of this model")
    with torch.no_grad():
        for name, parameter in parameters.items():
            local(parameter).copy_(weights[name])


def optimizer_tensors(optimizer: Any) -> dict[str, Any]:
    """An optimiser's state, one name a tensor: ``INDEX.KEY``."""
    state = optimizer.state_dict()["state"]
    return {f"{i}.{key}": value for i, values in state.items() for key, value in values.items()}


def load_optimizer(optimizer: Any, tensors: dict[str, Any]) -> None:
    """Put back what ``optimizer_tensors`` took out."""
    parameters = [each for group in optimizer.param_groups for each in group["params"]]
    state: dict[int, dict[str, Any]] = {}
    for name, tensor in tensors.items():
        index, _, key = name.partition(".")
        alike = tensor if key == "step" else _like(parameters[int(index)], tensor)
        state.setdefault(int(index), {})[key] = alike
    optimizer.load_state_dict(optimizer.state_dict() | {"state": state})


def _like(parameter: Any, part: Any) -> Any:
    """A tensor on the parameter's device, sharded as the parameter is."""
    part = part.to(parameter.device)
    if not hasattr(parameter, "to_local"):
        return part
    from torch.distributed.tensor import DTensor

    mesh, placements = parameter.device_mesh, parameter.placements
    shape = {"shape": parameter.shape, "stride": parameter.stride()}
    return DTensor.from_local(part, mesh, placements, run_check=False, **shape)


def _plain(tensors: dict[str, Any]) -> dict[str, Any]:
    return {name: local(tensor.detach()).contiguous() for name, tensor in tensors.items()}
