"""A PanGu-alpha checkpoint of the Hub (``model_type`` gpt_pangu) as this package's own model.

The repositories (imone/pangu_2_6B, sunzeyeah/pangu-*) bring their code; the numbers are the same
here, in transformers' GPT-2 blocks, which hold their matrices turned and queries, keys and values
in one.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from collectivesft.common.errors import InputError
from collectivesft.common.files import read_json, write_json
from collectivesft.models.convert.safetensors_shards import Piece, Weights, rewrite

if TYPE_CHECKING:
    import torch

    from collectivesft.models.pangu import PanguConfig

# Names inside of a layer, the same in both forms.
_LINEAR = ("attn.c_proj", "mlp.c_fc", "mlp.c_proj")
_NORMS = ("ln_1", "ln_2")
_KINDS = ("weight", "bias")


def convert(config: Path, shards: list[Path], folder: Path) -> None:
    """Write a checkpoint of ``model_type`` gpt_pangu as safetensors of this package's PanGu-alpha.

    Raises:
        InputError: weights and configuration do not agree, or a file is damaged.
    """
    made = _config(config, read_json(config))
    weights = Weights(shards)
    for name in list(weights.files):
        if name.endswith(("attn.bias", "attn.masked_bias")) or name == "lm_head.weight":
            del weights.files[name]  # masks, and the embedding once more
    weights.check(_shapes(made), config)
    rewrite(weights, _pieces(made.n_layer), folder)
    fields = made.to_diff_dict() | {"architectures": ["PanguForCausalLM"]}
    write_json(folder / "config.json", fields)


def _config(config: Path, content: dict[str, Any]) -> "PanguConfig":
    from collectivesft.models.pangu import PanguConfig

    same = (
        "vocab_size", "activation_function", "resid_pdrop", "embd_pdrop", "attn_pdrop",
        "layer_norm_epsilon", "initializer_range", "bos_token_id", "eos_token_id", "pad_token_id",
    )  # fmt: skip
    fields = {key: content[key] for key in same if key in content}
    sizes = ("vocab_size", "hidden_size", "num_layers", "num_heads", "max_position_embeddings")
    for key in sizes:
        if not isinstance(content.get(key), int):
            remedy = "Fetch the model's config.json again"
            raise InputError(config, f"no whole number {key}", remedy)
    return PanguConfig(
        n_embd=content["hidden_size"],
        n_layer=content["num_layers"],
        n_head=content["num_heads"],
        n_positions=content["max_position_embeddings"],
        n_inner=content.get("intermediate_size"),
        **fields,
    )


def _shapes(config: "PanguConfig") -> dict[str, tuple[int, ...]]:
    """Name to shape of the tensors of a gpt_pangu checkpoint."""
    hidden, wide = config.n_embd, config.n_inner or 4 * config.n_embd
    shapes: dict[str, tuple[int, ...]] = {"transformer.wte.weight": (config.vocab_size, hidden)}
    shapes |= {f"transformer.{n}.weight": (config.n_positions, hidden) for n in ("wpe", "wqe")}
    norms = ["transformer.ln_f"]
    for layer in range(config.n_layer):
        start = f"transformer.h.{layer}."
        norms += [start + name for name in _NORMS]
        square = [f"attn.{part}_proj" for part in "qkvc"]
        tables = dict.fromkeys(square, (hidden, hidden))
        tables |= {"mlp.c_fc": (wide, hidden), "mlp.c_proj": (hidden, wide)}
        for name, shape in tables.items():
            shapes |= {f"{start}{name}.weight": shape, f"{start}{name}.bias": shape[:1]}
    return shapes | {f"{name}.{kind}": (hidden,) for name in norms for kind in _KINDS}


def _pieces(layers: int) -> list[Piece]:
    outer = [f"transformer.{name}.weight" for name in ("wte", "wpe", "wqe", "ln_f")]
    pieces = [Piece(name, (name,), _same) for name in (*outer, "transformer.ln_f.bias")]
    for layer in range(layers):
        source, top = f"transformer.h.{layer}.", layer == layers - 1
        target = "transformer.top." if top else source
        for kind in _KINDS:
            turn = _turned if kind == "weight" else _same
            pairs = [(f"{name}.{kind}", _same) for name in _NORMS]
            pairs += [(f"{n}.{kind}", _same if top and "attn" in n else turn) for n in _LINEAR]
            parts = tuple(f"attn.{part}_proj.{kind}" for part in "qkv")
            pairs += [(part, _same) for part in parts if top]
            pieces += [Piece(target + name, (source + name,), make) for name, make in pairs]
            if not top:
                sources = tuple(source + part for part in parts)
                pieces.append(Piece(f"{target}attn.c_attn.{kind}", sources, _joined))
    return pieces


def _same(tensor: "torch.Tensor") -> "torch.Tensor":
    return tensor


def _turned(tensor: "torch.Tensor") -> "torch.Tensor":
    return tensor.T


def _joined(*parts: "torch.Tensor") -> "torch.Tensor":
    import torch

    joined = torch.cat(parts)
    return joined.T if joined.ndim == 2 else joined
