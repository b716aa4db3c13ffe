"""Checkpoints that are whole or absent: weights, optimiser and history in one renamed folder.

``torch.distributed.checkpoint`` writes and reads the tensors as safetensors files, so a training
resumes on any number of processes, sharded or not.
"""

import contextlib
import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from collectivesft.common.digests import digest
from collectivesft.common.errors import UserError
from collectivesft.common.files import atomic_path, dump_json, read_json
from collectivesft.sft.distributed.world import World

KEPT = 2
# torch holds a whole file twice while it writes it: small files bound what a save adds, and their
# number stays small for a large model.
BYTES_PER_FILE, FILES = 32 << 20, 64
_MODEL, _OPTIMIZER = "model.", "optimizer."


@dataclass
class Checkpoints:
    """The checkpoints of one training.

    Attributes:
        folder: holds ``step-NNNNNNNN/``.
        facts: name to value of all that decides the weights.
        world: the processes that train.
    """

    folder: Path
    facts: dict[str, Any]
    world: World

    def check(self) -> str | None:
        """Refuse a folder of a different, unfinished training; set a finished one aside.

        Returns:
            A note on the checkpoints that were set aside, or None.

        Raises:
            UserError: a different training has checkpoints here and has not finished.
        """
        last: dict[str, tuple[Path, dict[str, Any]]] = {}
        for path in self._folders():
            state = _read_state(path)
            if state is not None and state.get("facts") != self._facts:
                last[digest(state.get("facts"))] = path, state
        for path, state in last.values():
            if not state.get("finished"):
                raise UserError(_another_training(path, state, self._facts))
        self.world.wait()  # every process has read them
        if last and self.world.first:
            self._set_aside(sorted(last)[0][:12])
        self.world.wait()
        if not last:
            return None
        changed = _differences(next(iter(last.values()))[1], self._facts)
        return f"{changed}: training starts from step 0; the finished one is kept in earlier-*"

    def _set_aside(self, name: str) -> None:
        """Move all of a finished training to ``earlier-NAME``."""
        folder = self.folder / f"earlier-{name}"
        if folder.is_dir():  # the same training finished here before: same results
            shutil.rmtree(folder)
        folder.mkdir()
        for path in sorted(self.folder.iterdir()):
            if not path.name.startswith((".", "earlier-")):
                path.rename(folder / path.name)

    @property
    def _facts(self) -> dict[str, Any]:
        return json.loads(json.dumps(self.facts))

    def save(
        self, step: int, model: Any, optimizer: Any, history: list[dict], finished: bool = False
    ) -> None:
        """Write a checkpoint after ``step`` optimiser steps; delete all but the last two.

        Args:
            finished: whether this was the last step of the training.
        """
        path = self.folder / f"step-{step:08d}"
        with ExitStack() as stack:
            partial = stack.enter_context(atomic_path(path)) if self.world.first else path
            if self.world.first:
                partial.mkdir()
            partial = Path(self.world.same(str(partial)))
            _write(partial, model, optimizer, self.world)
            self.world.wait()
            if self.world.first:
                files = {each.name: each.stat().st_size for each in partial.iterdir()}
                state = {"step": step, "history": history, "facts": self._facts}
                state |= {"files": files, "finished": finished}
                (partial / "state.json").write_text(dump_json(state), encoding="utf-8")
        if self.world.first:
            self._forget()
        self.world.wait()

    def _forget(self) -> None:
        kept = [path for path in self._folders() if self._state(path)][-KEPT:]
        for path in self._folders():
            if path not in kept:
                self._delete(path)
        for path in self.folder.glob(".step-*.old"):  # left by a kill
            shutil.rmtree(path)

    def _delete(self, path: Path) -> None:
        """Rename first: a kill in between leaves nothing that looks like a checkpoint."""
        old = path.with_name(f".{path.name}.old")
        if old.is_dir():
            shutil.rmtree(old)
        shutil.rmtree(path.rename(old))

    def _folders(self) -> list[Path]:
        return sorted(self.folder.glob("step-*"))

    def _state(self, path: Path) -> dict[str, Any] | None:
        """Step and history of a whole checkpoint of this training; None for any other."""
        state = _read_state(path)
        if state is None or state.get("facts") != self._facts:
            return None
        for name, size in state["files"].items():
            file = path / name
            if not file.is_file() or file.stat().st_size != size:
                return None
        return state

    def restore(self, model: Any, optimizer: Any) -> tuple[int, list[dict]]:
        """Load the last checkpoint of this training.

        Returns:
            Steps that are done and their history; ``(0, [])`` where there is none.
        """
        for path in reversed(self._folders()):
            if state := self._state(path):
                _read(path, model, optimizer, self.world)
                return state["step"], state["history"]
        return 0, []


def _read_state(path: Path) -> dict[str, Any] | None:
    """Read a checkpoint's ``state.json``; None where its deletion was killed."""
    path = path / "state.json"
    return read_json(path) if path.is_file() else None


def _differences(state: dict[str, Any], now: dict[str, Any]) -> str:
    """Name every fact that changed, with its old and new value."""
    before = state.get("facts") or {}
    names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    return ", ".join(f"{name} was {before.get(name)}, is now {now.get(name)}" for name in names)


def _another_training(path: Path, state: dict[str, Any], now: dict[str, Any]) -> str:
    problem = f"holds step {state['step']} of a training that has not finished and differs"
    remedy = f"Put it back to resume that training, or move {path.parent} away to start from step 0"
    return f"{path}: {problem}: {_differences(state, now)}. {remedy}."


def _write(folder: Path, model: Any, optimizer: Any, world: World) -> None:
    """Write the trained weights; of a sharded model each process writes its shards."""
    import torch.distributed.checkpoint as dcp
    from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageWriter

    tensors = {_MODEL + name: value.detach() for name, value in trainable(model).items()}
    state, names = optimizer.state_dict()["state"], _optimizer_names(model, optimizer)
    for index, values in state.items():
        tensors |= {f"{_OPTIMIZER}{names[index]}|{key}": value for key, value in values.items()}
    with _own_errors():
        total = sum(map(_size, tensors.values()))
        files = _file_numbers(tensors, max(BYTES_PER_FILE, total // FILES))
        writer = HuggingFaceStorageWriter(str(folder), files, save_distributed=True)
        dcp.save(tensors, storage_writer=writer, no_dist=world.size == 1)


def _file_numbers(tensors: dict[str, Any], most: int) -> dict[str, int]:
    """Name of a tensor to the number of its file, from 1: at most so many bytes, or one tensor."""
    numbers: dict[str, int] = {}
    number, held = 1, 0
    for name, tensor in tensors.items():
        size = _size(tensor)
        if held and held + size > most:
            number, held = number + 1, 0
        numbers[name] = number
        held += size
    return numbers


def _size(tensor: Any) -> int:
    return tensor.numel() * tensor.element_size()


def _read(folder: Path, model: Any, optimizer: Any, world: World) -> None:
    """Load weights and optimiser state in place; names and shapes must agree."""
    import torch
    import torch.distributed.checkpoint as dcp
    from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader

    known = HuggingFaceStorageReader(str(folder)).read_metadata().state_dict_metadata
    parameters = trainable(model)
    sizes = {_MODEL + name: value.shape for name, value in parameters.items()}
    if sizes != {k: v.size for k, v in known.items() if k.startswith(_MODEL)}:
        raise ValueError("the checkpoint's weights are not those of this model")
    tensors = {_MODEL + name: value.detach() for name, value in parameters.items()}
    state: dict[int, dict[str, Any]] = {}
    places = {name: index for index, name in enumerate(_optimizer_names(model, optimizer))}
    for full, facts in known.items():
        if full.startswith(_OPTIMIZER):
            name, _, key = full.removeprefix(_OPTIMIZER).rpartition("|")
            tensors[full] = _empty(parameters[name], facts)
            state.setdefault(places[name], {})[key] = tensors[full]
    with torch.no_grad(), _own_errors():
        reader = HuggingFaceStorageReader(str(folder))
        dcp.load(tensors, storage_reader=reader, no_dist=world.size == 1)
    optimizer.load_state_dict(optimizer.state_dict() | {"state": state})


def _optimizer_names(model: Any, optimizer: Any) -> list[str]:
    """The names of an optimiser's parameters, in its order."""
    names = {id(parameter): name for name, parameter in trainable(model).items()}
    return [names[id(each)] for group in optimizer.param_groups for each in group["params"]]


def _empty(parameter: Any, facts: Any) -> Any:
    """A tensor to load optimiser state into: sharded as its parameter is, or a number."""
    import torch

    if facts.size == parameter.shape:
        return torch.zeros_like(parameter, dtype=facts.properties.dtype, requires_grad=False)
    return torch.zeros(facts.size, dtype=facts.properties.dtype)


@contextlib.contextmanager
def _own_errors() -> Iterator[None]:
    """Raise the error of a process itself, such as a full disk, and drop torch's warning.

    torch warns that nothing is distributed where one process trains.
    """
    import warnings

    from torch.distributed.checkpoint.api import CheckpointException

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "torch.distributed is disabled")
        try:
            yield
        except CheckpointException as error:
            raise next(iter(error.failures.values()))[0] from error


def trainable(model: Any) -> dict[str, Any]:
    """Return name to parameter of all that is trained, in the model's order."""
    return {name: value for name, value in model.named_parameters() if value.requires_grad}
