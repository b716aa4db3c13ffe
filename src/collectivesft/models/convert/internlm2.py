"""InternLM2 and InternLM2.5 as plain Llama models, and back.

InternLM2 is Llama under other names, with the projections of queries, keys and values in one
matrix (``modeling_internlm2.py`` of internlm/internlm2_5-7b): its rows are groups, one a key-value
head, each of the group's query heads, then its key head, then its value head. Both directions move
numbers and change none.

Rotary positions agree too. ``dynamic`` scaling recomputes the base in the same formula in both
programs, and neither scales up to ``max_position_embeddings`` tokens (32,768 or more).
They differ only after a longer text: InternLM2's own code keeps the stretched
positions for all that follows, Llama's goes back with the next text that is shorter. vLLM before
0.22 scales at every length: docs/engines.md.
"""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from collectivesft.common.errors import InputError
from collectivesft.common.files import atomic_path, read_json, share, write_json
from collectivesft.models.convert.internlm2_layout import (
    INNER,
    OUTER,
    Layout,
    has_bias,
    internlm2_config,
    llama_config,
    read_layout,
    renamed,
)
from collectivesft.models.convert.safetensors_shards import Piece, Weights, rewrite

if TYPE_CHECKING:
    import torch


def to_llama(config: Path, shards: Iterable[Path], folder: Path) -> None:
    """Write an InternLM2 checkpoint as a Llama one: safetensors and ``config.json``.

    Args:
        config: ``config.json`` of the checkpoint.
        shards: its weight files.
        folder: is there; gets the files.

    Raises:
        InputError: the configuration has what Llama has not, or weights and configuration do not
            agree.
    """
    content = read_json(config)
    layout = read_layout(config, content, has_bias(content))
    fields = llama_config(config, content)
    weights = Weights(shards)
    for name in [name for name in weights.files if name.endswith("rotary_emb.inv_freq")]:
        del weights.files[name]  # computed from the configuration, here as there
    weights.check(layout.internlm2(), config)
    rewrite(weights, _split(weights, layout), folder)
    write_json(folder / "config.json", fields)


def from_llama(source: Path, out: Path) -> None:
    """Write a plain Llama folder in InternLM2's layout, tokenizer and the rest as they are.

    Engines that know InternLM2 by name load it; it holds no code.

    Raises:
        InputError: the model has what InternLM2 has not, or weights and configuration do not
            agree.
    """
    config = source / "config.json"
    content = read_json(config)
    layout = read_layout(config, content, bool(content.get("attention_bias", False)))
    fields = internlm2_config(config, content)
    paths = sorted(source.glob("*.safetensors"))
    if not paths:
        raise InputError(source, "no .safetensors files", "Choose a folder that `sft merge` wrote")
    weights = Weights(paths)
    weights.check(layout.llama(), config)
    with atomic_path(out) as partial:
        partial.mkdir()
        rewrite(weights, _fuse(weights, layout), partial)
        write_json(partial / "config.json", fields)
        for path in sorted(source.iterdir()):
            weight = path.name.endswith((".safetensors", ".safetensors.index.json"))
            if path.is_file() and not weight and path.name != "config.json":
                shutil.copy(path, partial / path.name)
        share(partial)


def _split(weights: Weights, layout: Layout) -> list[Piece]:
    """Llama's tensors from InternLM2's, in the order of its files."""
    pieces = []
    for name in weights.files:
        prefix, fused, kind = name.partition(".attention.wqkv.")
        if fused:
            pieces += [
                Piece(f"{prefix}.self_attn.{part}_proj.{kind}", (name,), _Part(part, layout))
                for part in "qkv"
            ]
        else:
            pieces.append(Piece(renamed(name, OUTER, INNER), (name,), _same))
    return pieces


def _fuse(weights: Weights, layout: Layout) -> list[Piece]:
    """InternLM2's tensors from Llama's; the fused ones where their queries lie."""
    outer, inner = ({new: old for old, new in names.items()} for names in (OUTER, INNER))
    pieces = []
    for name in weights.files:
        prefix, _, tail = name.partition(".self_attn.")
        part, _, kind = tail.partition("_proj.")
        if part not in ("q", "k", "v"):
            pieces.append(Piece(renamed(name, outer, inner), (name,), _same))
        elif part == "q":
            sources = tuple(f"{prefix}.self_attn.{p}_proj.{kind}" for p in "qkv")
            pieces.append(Piece(f"{prefix}.attention.wqkv.{kind}", sources, _Fused(layout)))
    return pieces


def _same(tensor: "torch.Tensor") -> "torch.Tensor":
    return tensor


@dataclass(frozen=True)
class _Part:
    """Takes the queries, keys or values out of the fused matrix or its bias."""

    part: str
    layout: Layout

    def __call__(self, fused: "torch.Tensor") -> "torch.Tensor":
        queries = self.layout.queries
        tail = fused.shape[1:]
        groups = fused.view(self.layout.kv_heads, queries + 2, self.layout.head, *tail)
        places = {"q": slice(queries), "k": slice(queries, queries + 1), "v": slice(-1, None)}
        return groups[:, places[self.part]].reshape(-1, *tail).clone()


@dataclass(frozen=True)
class _Fused:
    """Puts queries, keys and values into one matrix, or their biases into one."""

    layout: Layout

    def __call__(self, *parts: "torch.Tensor") -> "torch.Tensor":
        import torch

        tail = parts[0].shape[1:]
        groups = [part.view(self.layout.kv_heads, -1, self.layout.head, *tail) for part in parts]
        return torch.cat(groups, dim=1).reshape(-1, *tail)
