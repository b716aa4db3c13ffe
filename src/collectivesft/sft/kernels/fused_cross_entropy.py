"""The loss inside the output layer: logits of all labels are never there at once.

On a GPU the logits of a pass are its largest tensor (8,192 tokens of InternLM2.5's vocabulary:
3 GB in float32, and as much for their gradient). Here they are made piece by piece, and what stays
of a piece is its share of the gradients. torch's own ``linear_cross_entropy`` does so too but sums
in the precision of the pass: in bfloat16 a sum of 1,357 comes out as 1,368. On a CPU the plain way
is used, whose bytes are settled.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

# Models that do nothing to the logits after the output layer, or only where softcapping is set.
PLAIN_HEADS = ("llama", "mistral", "qwen2", "qwen3", "gemma3_text", "gpt2", "pangu_alpha")
# Logits of a piece: 512 MB in float32.
PIECE = 1 << 27


def fusable(model: Any) -> bool:
    """Return whether a model's logits are its output layer's, a matrix without bias."""
    import torch

    head, config = model.get_output_embeddings(), model.config
    capped = getattr(config, "final_logit_softcapping", None) is not None
    plain = isinstance(head, torch.nn.Linear) and head.bias is None
    return config.model_type in PLAIN_HEADS and plain and not capped


@contextmanager
def loss_in_head(model: Any, labels: "torch.Tensor", piece: int = PIECE) -> Iterator[None]:
    """Within, the model's logits are the sum of the cross-entropy over ``labels``, in float32.

    The layer itself is still called: what shards its weights puts them together around the call.

    Args:
        piece: logits that may be there at once.
    """
    import torch

    head = model.get_output_embeddings()

    def forward(hidden: "torch.Tensor") -> "torch.Tensor":
        kind = hidden.device.type
        lower = torch.is_autocast_enabled(kind)
        dtype = torch.get_autocast_dtype(kind) if lower else head.weight.dtype
        rows, weight = hidden.reshape(-1, hidden.shape[-1]).to(dtype), head.weight.to(dtype)
        with torch.autocast(kind, enabled=False):
            return _function().apply(rows, weight, labels, max(1, piece // len(weight)))

    head.forward = forward
    try:
        yield
    finally:
        del head.forward


@cache
def _function() -> "type[torch.autograd.Function]":
    import torch

    class LinearCrossEntropy(torch.autograd.Function):
        """Sum of the cross-entropy of ``rows @ weight.T``; gradients are made on the way.

        rows (labels, width) and weight (vocabulary, width) of one precision, labels (labels,).
        """

        @staticmethod
        def forward(ctx, rows, weight, labels, size):
            total = torch.zeros((), dtype=torch.float32, device=rows.device)
            for_rows = torch.empty_like(rows)
            # Many pieces are added up: in float32, or in the weights' type if it is wider.
            wide = torch.promote_types(weight.dtype, torch.float32)
            trained = ctx.needs_input_grad[1]
            for_weight = torch.zeros_like(weight, dtype=wide) if trained else None
            for start in range(0, len(rows), size):
                part, wanted = rows[start : start + size], labels[start : start + size, None]
                logits = (part @ weight.T).to(wide)
                norm = logits.logsumexp(1, keepdim=True)
                total += (norm - logits.gather(1, wanted)).sum()
                chances = logits.sub_(norm).exp_()
                chances.scatter_add_(1, wanted, torch.full_like(norm, -1.0))
                chances = chances.to(rows.dtype)
                for_rows[start : start + size] = chances @ weight
                if trained:
                    for_weight += chances.T @ part
            ctx.save_for_backward(for_rows, for_weight)
            ctx.dtype = weight.dtype
            return total

        @staticmethod
        def backward(ctx, factor):
            # One over the number of labels: bfloat16 would round it by up to 0.4 %.
            for_rows, for_weight = ctx.saved_tensors
            scaled = [
                None if each is None else (each.to(factor.dtype) * factor).to(ctx.dtype)
                for each in (for_rows, for_weight)
            ]
            return *scaled, None, None

    return LinearCrossEntropy
