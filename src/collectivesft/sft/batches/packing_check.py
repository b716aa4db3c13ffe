"""Proof that a loaded model keeps the examples of one row apart, before the first step.

Some models of transformers look past the boundaries of packed examples: those with recurrent
layers, and those that make their own attention masks. The check takes seconds: the loss of an
example must be the same by itself, behind one neighbour, and behind a different neighbour.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from collectivesft.sft.batches.batch import label_losses, make_batch
from collectivesft.sft.batches.token_files import Tokens
from collectivesft.sft.distributed.world import World

# Tokens of an example that is tried.
LENGTH = 48
# Largest difference of one label's loss, in nats. Rounding stays a tenth below in float32; in
# bfloat16 a row of a different length is computed in a different order.
TOLERANCE = {"float32": 5e-5, "bfloat16": 0.1}


@dataclass(frozen=True)
class _Two:
    """Two examples, as ``Tokens``: a neighbour and the example that is tried."""

    ids: np.ndarray
    mask: np.ndarray
    offsets: np.ndarray


def keeps_apart(model: Any, tokens: Tokens, world: World) -> bool:
    """Return whether packing changes no example's loss, the same in all processes.

    Args:
        model: ready to train; it is left in training mode.
        tokens: training examples; the first two are tried, cut to ``LENGTH`` tokens.
    """
    import torch

    model.eval()
    with torch.no_grad():
        tried = _tail(tokens, 0)
        neighbour = _tail(tokens, min(1, len(tokens) - 1))
        alone = _losses(model, tried, None, world)
        packed = _losses(model, tried, neighbour, world)
        other = _losses(model, tried, (neighbour + 1) % max(2, neighbour.max()), world)
    world.reshard(model)
    model.train()
    half = any(each.dtype != torch.float32 for each in model.parameters())
    close = (packed - alone).abs().max() <= TOLERANCE["bfloat16" if half else "float32"]
    # Behind two neighbours of one length it is computed in the same order, in bfloat16 too.
    blind = (packed - other).abs().max() <= TOLERANCE["float32"]
    return world.sum(float(not (close and blind))) == [0.0]


def _tail(tokens: Tokens, number: int) -> np.ndarray:
    start, end = int(tokens.offsets[number]), int(tokens.offsets[number + 1])
    return np.asarray(tokens.ids[start : min(end, start + LENGTH)])


def _losses(model: Any, tried: np.ndarray, neighbour: np.ndarray | None, world: World) -> Any:
    """Losses of the labels of ``tried``, behind ``neighbour``."""
    before = tried[:0] if neighbour is None else neighbour
    mask = np.concatenate([np.zeros(len(before) + 1), np.ones(len(tried) - 1)]).astype(np.uint8)
    offsets = np.array([0, len(before), len(before) + len(tried)])
    two = _Two(np.concatenate([before, tried]), mask, offsets)
    examples = [1] if neighbour is None else [0, 1]
    return label_losses(model, make_batch(two, examples, world.device))
