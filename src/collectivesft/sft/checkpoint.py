"""Checkpoints that are whole or absent: weights, optimiser and history in one renamed folder."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from collectivesft.files import atomic_path, dump_json, read_json

KEPT = 2


@dataclass
class Checkpoints:
    """The checkpoints of one training.

    Attributes:
        folder: holds ``step-NNNNNNNN/``.
        fingerprint: of everything that decides the weights; others' checkpoints are ignored.
    """

    folder: Path
    fingerprint: str

    def save(self, step: int, model: Any, optimizer: Any, history: list[dict]) -> None:
        """Write a checkpoint after ``step`` optimiser steps; forget all but the last two.

        Those of other trainings go too: nothing would ever read them, and they are large.
        """
        from safetensors.torch import save_file

        with atomic_path(self.folder / f"step-{step:08d}") as partial:
            partial.mkdir()
            weights = {name: tensor.detach() for name, tensor in trainable(model).items()}
            save_file(_contiguous(weights), partial / "weights.safetensors")
            save_file(_contiguous(optimizer_tensors(optimizer)), partial / "optimizer.safetensors")
            state = {"step": step, "fingerprint": self.fingerprint, "history": history}
            (partial / "state.json").write_text(dump_json(state), encoding="utf-8")
        kept = [path for path in self._folders() if self._state(path)][-KEPT:]
        for path in self._folders():
            if path not in kept:
                shutil.rmtree(path)

    def _folders(self) -> list[Path]:
        return sorted(self.folder.glob("step-*"))

    def _state(self, path: Path) -> dict[str, Any] | None:
        """Step and history of a checkpoint of this very training; None for another's."""
        state = read_json(path / "state.json")
        return state if state["fingerprint"] == self.fingerprint else None

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
            device = next(iter(trainable(model).values())).device
            load_trainable(model, load_file(path / "weights.safetensors"))
            load_optimizer(optimizer, load_file(path / "optimizer.safetensors"), device)
            return state["step"], state["history"]
        return 0, []


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
            parameter.copy_(weights[name])


def optimizer_tensors(optimizer: Any) -> dict[str, Any]:
    """An optimiser's state, one name a tensor: ``INDEX.KEY``."""
    state = optimizer.state_dict()["state"]
    return {f"{i}.{key}": value for i, values in state.items() for key, value in values.items()}


def load_optimizer(optimizer: Any, tensors: dict[str, Any], device: Any) -> None:
    """Put back what ``optimizer_tensors`` took out."""
    state: dict[int, dict[str, Any]] = {}
    for name, tensor in tensors.items():
        index, _, key = name.partition(".")
        state.setdefault(int(index), {})[key] = tensor if key == "step" else tensor.to(device)
    optimizer.load_state_dict(optimizer.state_dict() | {"state": state})


def _contiguous(tensors: dict[str, Any]) -> dict[str, Any]:
    return {name: tensor.contiguous() for name, tensor in tensors.items()}
