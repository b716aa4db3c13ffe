"""Translate names of InternLM2 and Llama: tensors, their shapes, and the configuration."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from collectivesft.common.errors import InputError

# InternLM2's name to Llama's, outside and inside of a layer.
OUTER = {
    "model.tok_embeddings.weight": "model.embed_tokens.weight",
    "model.norm.weight": "model.norm.weight",
    "output.weight": "lm_head.weight",
}
INNER = {
    "attention_norm.weight": "input_layernorm.weight",
    "ffn_norm.weight": "post_attention_layernorm.weight",
    "attention.wo.weight": "self_attn.o_proj.weight",
    "attention.wo.bias": "self_attn.o_proj.bias",
    "feed_forward.w1.weight": "mlp.gate_proj.weight",
    "feed_forward.w3.weight": "mlp.up_proj.weight",
    "feed_forward.w2.weight": "mlp.down_proj.weight",
}
_NUMBERS = (
    "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
)  # fmt: skip
# Defaults of both where a file does not say it.
_DEFAULTS = {
    "hidden_act": "silu",
    "max_position_embeddings": 2048,
    "initializer_range": 0.02,
    "rms_norm_eps": 1e-6,
    "use_cache": True,
    "tie_word_embeddings": False,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
_THETA = 10000.0
_SCALING = ("linear", "dynamic")
_AGAIN = "Fetch the model's config.json again"


@dataclass(frozen=True)
class Layout:
    """The sizes that names and shapes of the tensors follow from.

    Attributes:
        layers, heads, kv_heads, hidden, intermediate, vocabulary: numbers of each.
        bias: whether attention has biases.
        tied: whether the output layer is the embedding.
    """

    layers: int
    heads: int
    kv_heads: int
    hidden: int
    intermediate: int
    vocabulary: int
    bias: bool
    tied: bool

    @property
    def head(self) -> int:
        """Width of one head."""
        return self.hidden // self.heads

    @property
    def queries(self) -> int:
        """Query heads of one key-value head."""
        return self.heads // self.kv_heads

    def internlm2(self) -> dict[str, tuple[int, ...]]:
        """Name to shape of every tensor of the InternLM2 form."""
        table = (self.vocabulary, self.hidden)
        shapes = {"model.tok_embeddings.weight": table, "model.norm.weight": (self.hidden,)}
        if not self.tied:
            shapes["output.weight"] = table
        for layer in range(self.layers):
            shapes |= {f"model.layers.{layer}.{n}": s for n, s in self._layer().items()}
        return shapes

    def _layer(self) -> dict[str, tuple[int, ...]]:
        rows = self.hidden + 2 * self.kv_heads * self.head
        shapes = {
            "attention_norm.weight": (self.hidden,),
            "ffn_norm.weight": (self.hidden,),
            "attention.wqkv.weight": (rows, self.hidden),
            "attention.wo.weight": (self.hidden, self.hidden),
            "feed_forward.w1.weight": (self.intermediate, self.hidden),
            "feed_forward.w3.weight": (self.intermediate, self.hidden),
            "feed_forward.w2.weight": (self.hidden, self.intermediate),
        }
        biases = {"attention.wqkv.bias": (rows,), "attention.wo.bias": (self.hidden,)}
        return shapes | (biases if self.bias else {})

    def llama(self) -> dict[str, tuple[int, ...]]:
        """Name to shape of every tensor of the Llama form."""
        shapes = {}
        heads = {"q": self.heads, "k": self.kv_heads, "v": self.kv_heads}
        for name, shape in self.internlm2().items():
            prefix, fused, kind = name.partition(".attention.wqkv.")
            if fused:
                for part, count in heads.items():
                    split = (count * self.head, *shape[1:])
                    shapes[f"{prefix}.self_attn.{part}_proj.{kind}"] = split
            else:
                shapes[renamed(name, OUTER, INNER)] = shape
        return shapes


def renamed(name: str, outer: dict[str, str], inner: dict[str, str]) -> str:
    """The other form's name of a tensor that both have."""
    if name in outer:
        return outer[name]
    *prefix, rest = name.split(".", 3)  # model, layers, its number
    return ".".join((*prefix, inner[rest]))


def read_layout(config: Path, content: dict[str, Any], bias: bool) -> Layout:
    """Sizes from a configuration of either form.

    Raises:
        InputError: a size is missing, or they do not divide.
    """
    for key in _NUMBERS:
        if not isinstance(content.get(key), int):
            raise InputError(config, f"no whole number {key}", _AGAIN)
    vocabulary, hidden, intermediate, layers, heads = (content[key] for key in _NUMBERS)
    kv_heads = content.get("num_key_value_heads") or heads
    if hidden % heads or heads % kv_heads:
        problem = f"{hidden} numbers, {heads} heads and {kv_heads} key-value heads do not divide"
        raise InputError(config, problem, _AGAIN)
    tied = bool(content.get("tie_word_embeddings", False))
    return Layout(layers, heads, kv_heads, hidden, intermediate, vocabulary, bias, tied)


def llama_config(config: Path, content: dict[str, Any]) -> dict[str, Any]:
    """Llama's configuration from InternLM2's.

    Raises:
        InputError: positions are scaled in a way that Llama does not know.
    """
    scaling = content.get("rope_scaling") or {}
    rope = {"rope_type": "default", "rope_theta": float(content.get("rope_theta", _THETA))}
    if scaling:
        kind = _known(config, scaling.get("type", scaling.get("rope_type")))
        rope |= {"rope_type": kind, "factor": float(scaling.get("factor", 1.0))}
    return _common(content) | {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "pad_token_id": content.get("pad_token_id", 0),
        "attention_bias": has_bias(content),
        "mlp_bias": False,
        "rope_parameters": rope,
        "dtype": content.get("torch_dtype", content.get("dtype")),
    }


def internlm2_config(config: Path, content: dict[str, Any]) -> dict[str, Any]:
    """InternLM2's configuration from Llama's.

    Raises:
        InputError: the model has what InternLM2 has not.
    """
    if content.get("model_type") != "llama":
        problem = f"model_type is {content.get('model_type')!r}, not 'llama'"
        raise InputError(config, problem, "Only Llama models have an InternLM2 form")
    wide = (content.get("head_dim") or 0) * content["num_attention_heads"]
    if content.get("mlp_bias") or wide not in (0, content["hidden_size"]):
        problem = "biases in the feed-forward layers, or heads of another width"
        raise InputError(config, problem, "InternLM2 has no such form; keep the model as it is")
    # transformers 4 wrote them apart: most Llama files on the Hub are of that form.
    rope = {"rope_theta": content.get("rope_theta", _THETA)}
    rope |= (content.get("rope_scaling") or {}) | (content.get("rope_parameters") or {})
    scaling = None
    if (kind := rope.get("rope_type", rope.get("type", "default"))) != "default":
        scaling = {"type": _known(config, kind), "factor": rope["factor"]}
    return _common(content) | {
        "architectures": ["InternLM2ForCausalLM"],
        "model_type": "internlm2",
        "pad_token_id": content.get("pad_token_id"),
        "bias": bool(content.get("attention_bias", False)),
        "rope_theta": rope["rope_theta"],
        "rope_scaling": scaling,
        "torch_dtype": content.get("dtype", content.get("torch_dtype")),
    }


def has_bias(content: dict[str, Any]) -> bool:
    """Return whether InternLM2's attention has biases: it has where its configuration is silent."""
    return bool(content.get("bias", True))


def _common(content: dict[str, Any]) -> dict[str, Any]:
    fields = {key: content[key] for key in _NUMBERS}
    fields |= {key: content.get(key, value) for key, value in _DEFAULTS.items()}
    heads = content.get("num_key_value_heads") or content["num_attention_heads"]
    return fields | {"num_key_value_heads": heads}


def _known(config: Path, kind: Any) -> str:
    if kind not in _SCALING:
        remedy = f"Both forms know {', '.join(_SCALING)} and none alone"
        raise InputError(config, f"rope scaling {kind!r}", remedy)
    return kind
