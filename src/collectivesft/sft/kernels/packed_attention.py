"""Attention over packed examples without a mask: each example attends only to itself.

transformers would build a dense mask of tokens x tokens for a packed row. Here the boundaries are
handed down instead (the names are those of transformers' FlashAttentionKwargs): on a GPU to
torch's variable-length flash attention, elsewhere to one call for each example, so that no work
is done between examples at all.
"""

from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

NAME = "packed_examples"


def register() -> str:
    """Make the attention known to transformers; returns the name to load a model with.

    No mask is registered under that name, so models build none (``_preprocess_mask_arguments``
    in transformers.masking_utils).
    """
    from transformers import AttentionInterface

    AttentionInterface.register(NAME, packed_attention)
    return NAME


def supported(config: Any) -> bool:
    """Return whether the model takes its attention from transformers' interface."""
    from transformers import AutoModelForCausalLM

    kind = AutoModelForCausalLM._model_mapping.get(type(config), None)
    return bool(getattr(kind, "_supports_attention_backend", False))


def packed_attention(
    module: Any,
    query: "torch.Tensor",
    key: "torch.Tensor",
    value: "torch.Tensor",
    attention_mask: "torch.Tensor | None" = None,
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    cu_seq_lens_q: "torch.Tensor | None" = None,
    max_length_q: int | None = None,
    **other: Any,
) -> tuple["torch.Tensor", None]:
    """Causal attention within each example of a packed row.

    Args:
        query: (1, heads, tokens, size); key, value: (1, key heads, tokens, size).
        cu_seq_lens_q: (examples + 1,) int32, where each example starts, and the end.
        max_length_q: tokens of the longest example.

    Returns:
        (1, tokens, heads, size), and None for the weights.

    Raises:
        ValueError: the caller gave no boundaries, or asks for an unsupported option.
    """
    if cu_seq_lens_q is None or max_length_q is None:
        raise ValueError("packed attention needs cu_seq_lens_q and max_length_q")
    if other.get("softcap") is not None:
        raise ValueError("packed attention has no softcap")
    window = sliding_window if sliding_window and sliding_window < max_length_q else None
    query, key, value = _lowered(query, key, value)
    if not dropout and _has_flash(query):
        return _flash(query, key, value, cu_seq_lens_q, max_length_q, scaling, window), None
    bounds = cu_seq_lens_q.tolist()
    groups = query.shape[1] // key.shape[1]
    if groups > 1:
        key, value = (each.repeat_interleave(groups, dim=1) for each in (key, value))
    return _each(query, key, value, bounds, scaling, dropout, window), None


def _lowered(*tensors: "torch.Tensor") -> list["torch.Tensor"]:
    """Return the tensors in the precision of autocast, where it is on.

    Weights in float32 give positions in float32, and these make queries and keys so: flash
    attention takes 16 bits only. torch's own attention lowers them in the same way.
    """
    import torch

    kind = tensors[0].device.type
    if not torch.is_autocast_enabled(kind):
        return list(tensors)
    return [each.to(torch.get_autocast_dtype(kind)) for each in tensors]


def _has_flash(query: "torch.Tensor") -> bool:
    """Return whether torch's variable-length kernel fits: 16 bits, Ampere or later, its sizes."""
    if not query.is_cuda or query.dtype.itemsize != 2:
        return False
    import torch

    size = query.shape[-1]
    return torch.cuda.get_device_capability(query.device) >= (8, 0) and not size % 8 and size <= 256


def _flash(
    query: "torch.Tensor",
    key: "torch.Tensor",
    value: "torch.Tensor",
    bounds: "torch.Tensor",
    longest: int,
    scaling: float | None,
    window: int | None,
) -> "torch.Tensor":
    from torch.nn.attention.varlen import varlen_attn

    flat = [each[0].transpose(0, 1) for each in (query, key.to(query), value.to(query))]
    back = -1 if window is None else window - 1
    size = (back, 0)
    grouped = query.shape[1] != key.shape[1]
    out = varlen_attn(
        *flat, bounds, bounds, longest, longest, scale=scaling, window_size=size, enable_gqa=grouped
    )
    return out[None]


def _each(
    query: "torch.Tensor",
    key: "torch.Tensor",
    value: "torch.Tensor",
    bounds: list[int],
    scaling: float | None,
    dropout: float,
    window: int | None,
) -> "torch.Tensor":
    import torch
    from torch.nn.functional import scaled_dot_product_attention

    parts = []
    for start, end in pairwise(bounds):
        mask = _band(end - start, window, query.device) if window and end - start > window else None
        parts.append(
            scaled_dot_product_attention(
                *(each[:, :, start:end] for each in (query, key, value)),
                attn_mask=mask,
                dropout_p=dropout,
                is_causal=mask is None,
                scale=scaling,
            )
        )
    return torch.cat(parts, dim=2).transpose(1, 2)


def _band(length: int, window: int, device: Any) -> "torch.Tensor":
    """(length, length) bool: a token sees itself and the ``window - 1`` tokens before it."""
    import torch

    places = torch.arange(length, device=device)
    distance = places[:, None] - places[None, :]
    return (distance >= 0) & (distance < window)
