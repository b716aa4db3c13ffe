"""Examples packed into one row, and the loss of that row.

Packed examples do not see each other: their boundaries go to ``sft.attention`` with the batch. Of
the models that do not take their attention from there some build their mask from the position ids,
which start again at 0 with each example (``find_packed_sequence_indices`` in transformers), and
some let examples see each other: ``sft.packing_check`` tries each model before its first step.
"""

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from collectivesft.sft.batches.token_files import Tokens
from collectivesft.sft.kernels import fused_cross_entropy, packed_attention

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Batch:
    """One forward pass.

    Attributes:
        ids, positions: (1, tokens) token ids and their positions within their example.
        predictors: (labels,) places whose next token carries loss.
        labels: (labels,) those next tokens.
        bounds: (examples + 1,) int32, where each example starts, and the end.
        longest: tokens of the longest example.
    """

    ids: "torch.Tensor"
    positions: "torch.Tensor"
    predictors: "torch.Tensor"
    labels: "torch.Tensor"
    bounds: "torch.Tensor"
    longest: int


def make_batch(tokens: Tokens, examples: list[int], device: str = "cpu") -> Batch:
    """Put examples one after the other into one row.

    No examples give one token without loss: a process that has nothing to do in a step must still
    meet the other processes at every layer.
    """
    import torch

    if not examples:
        zero = torch.zeros((1, 1), dtype=torch.int64, device=device)
        nothing = zero[0, :0]
        bounds = torch.tensor([0, 1], dtype=torch.int32, device=device)
        return Batch(zero, zero, nothing, nothing, bounds, 1)
    spans = [(int(tokens.offsets[i]), int(tokens.offsets[i + 1])) for i in examples]
    ids = np.concatenate([tokens.ids[start:end] for start, end in spans]).astype(np.int64)
    mask = np.concatenate([tokens.mask[start:end] for start, end in spans])
    positions = np.concatenate([np.arange(end - start) for start, end in spans])
    # The first token of an example has no predictor: its mask is 0 by construction.
    targets = np.flatnonzero(mask)
    lengths = [end - start for start, end in spans]
    bounds = np.cumsum([0, *lengths], dtype=np.int32)
    arrays = (ids[None], positions[None], targets - 1, ids[targets], bounds)
    return Batch(*(torch.from_numpy(array).to(device) for array in arrays), max(lengths))


def loss_sum(model: Any, batch: Batch, fuse: bool | None = None) -> "torch.Tensor":
    """Sum of the cross-entropy over the labels of a batch, in float32.

    Logits are computed at the places that carry loss only: with a vocabulary of a quarter of a
    million tokens the output layer is most of a small model's work and memory.

    Args:
        fuse: whether the loss is computed inside the output layer (``sft.fused``); None: on a
            GPU, where the model allows it.
    """
    whole = getattr(model, "module", model)  # inside DistributedDataParallel
    inner = getattr(whole, "get_base_model", lambda: whole)()
    if fuse is None:
        fuse = batch.ids.is_cuda and fused_cross_entropy.fusable(inner)
    fuse = fuse and len(batch.labels) > 0
    with (
        fused_cross_entropy.loss_in_head(inner, batch.labels) if fuse else contextlib.nullcontext()
    ):
        output = model(
            input_ids=batch.ids,
            position_ids=batch.positions,
            use_cache=False,
            logits_to_keep=batch.predictors,
            **boundaries(whole, batch),
        )
    if fuse:
        return output.logits.float()
    return _cross_entropy(output, batch, "sum")


def label_losses(model: Any, batch: Batch) -> "torch.Tensor":
    """Return the cross-entropy of each label, (labels,), float32."""
    output = model(
        input_ids=batch.ids,
        position_ids=batch.positions,
        use_cache=False,
        logits_to_keep=batch.predictors,
        **boundaries(model, batch),
    )
    return _cross_entropy(output, batch, "none")


def _cross_entropy(output: Any, batch: Batch, reduction: str) -> "torch.Tensor":
    import torch

    logits = output.logits[0].float()
    return torch.nn.functional.cross_entropy(logits, batch.labels, reduction=reduction)


def boundaries(model: Any, batch: Batch) -> dict[str, Any]:
    """Return the arguments of a batch for packed attention; none for other models."""
    if model.config._attn_implementation != packed_attention.NAME:
        return {}
    ends = dict.fromkeys(("cu_seq_lens_q", "cu_seq_lens_k"), batch.bounds)
    return ends | dict.fromkeys(("max_length_q", "max_length_k"), batch.longest)
