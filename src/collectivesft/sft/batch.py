"""Examples packed into one row, and the loss of that row.

Packed examples do not see each other: the position ids start again at 0 with each example, and
transformers builds its attention mask from them (``find_packed_sequence_indices``).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from collectivesft.sft.tokens import Tokens

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Batch:
    """One forward pass.

    Attributes:
        ids, positions: (1, tokens) token ids and their positions within their example.
        predictors: (labels,) places whose next token carries loss.
        labels: (labels,) those next tokens.
    """

    ids: "torch.Tensor"
    positions: "torch.Tensor"
    predictors: "torch.Tensor"
    labels: "torch.Tensor"


def make_batch(tokens: Tokens, examples: list[int], device: str = "cpu") -> Batch:
    """Put examples one after the other into one row."""
    import torch

    spans = [(int(tokens.offsets[i]), int(tokens.offsets[i + 1])) for i in examples]
    ids = np.concatenate([tokens.ids[start:end] for start, end in spans]).astype(np.int64)
    mask = np.concatenate([tokens.mask[start:end] for start, end in spans])
    positions = np.concatenate([np.arange(end - start) for start, end in spans])
    # The first token of an example has no predictor: its mask is 0 by construction.
    targets = np.flatnonzero(mask)
    arrays = (ids[None], positions[None], targets - 1, ids[targets])
    return Batch(*(torch.from_numpy(array).to(device) for array in arrays))


def loss_sum(model: Any, batch: Batch) -> "torch.Tensor":
    """Sum of the cross-entropy over the labels of a batch, in float32.

    Logits are computed at the places that carry loss only: with a vocabulary of a quarter of a
    million tokens the output layer is most of a small model's work and memory.
    """
    import torch

    output = model(
        input_ids=batch.ids,
        position_ids=batch.positions,
        use_cache=False,
        logits_to_keep=batch.predictors,
    )
    logits = output.logits[0].float()
    return torch.nn.functional.cross_entropy(logits, batch.labels, reduction="sum")
