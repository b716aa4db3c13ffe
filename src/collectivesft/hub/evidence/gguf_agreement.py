"""Measure the distance of a GGUF copy's answers from those of its model."""

from pathlib import Path
from typing import Any

from collectivesft.common.errors import UserError
from collectivesft.hub.evidence import known_answer as answer
from collectivesft.models.quiet_transformers import quiet
from collectivesft.models.registry import register

# Messages of transformers on an architecture that it reads from safetensors, but not from GGUF.
_NOT_READ = ("is not supported yet", "Unknown gguf model_type")
# Settings that give weights their shapes; not the vocabulary, of which rows may be cut off.
_SIZES = (
    "num_hidden_layers", "hidden_size", "intermediate_size", "num_attention_heads",
    "num_key_value_heads", "head_dim",
)  # fmt: skip
_BROKEN = (OSError, ValueError, KeyError, IndexError, TypeError, RuntimeError, NotImplementedError)


def measure(model: Path, copy: Path, threads: int = 2) -> tuple[dict[str, Any] | None, str]:
    """Compare a copy with its original along the original's greedy answer to the fixed question.

    Both are computed in float32, so that the difference is the rounding of the weights. The
    tokens are the original tokenizer's: the copy's own is for llama.cpp and is not tried.

    Args:
        model: folder of the original, in safetensors.
        copy: GGUF file.

    Returns:
        ``{"question", "tokens": length of the answer, "same": tokens of it that the copy holds
        for the best too, "logprob_difference": largest of the answer's tokens in nats,
        "divergence": mean Kullback-Leibler divergence of a next token's distribution in nats}``
        and an empty note; or None and a note, where transformers cannot read such a copy.

    Raises:
        UserError: the copy is damaged.
    """
    quiet()  # before the first of them loads tqdm
    import torch

    register()
    torch.set_num_threads(threads)
    tokenizer, network = _original(model)
    asked = _tokens(tokenizer)
    ids, _ = answer.generate(tokenizer, network, answer.QUESTION, answer.NEW_TOKENS)
    wanted = _logits(network, asked, ids)
    del network  # two models of 7 billion parameters in float32 are 60 GB
    read, note = _read(copy, model)
    if read is None:
        return None, note
    found = _logits(read, asked, ids)
    size = min(wanted.shape[-1], found.shape[-1])  # rows that no token has may be cut off, or added
    wanted, found = (one[:, :size].log_softmax(-1) for one in (wanted, found))
    places = torch.arange(len(ids))
    apart = (wanted - found)[places, ids].abs().max().item()
    divergence = (wanted.exp() * (wanted - found)).sum(-1).mean().item()
    same = int((found.argmax(-1) == torch.tensor(ids)).sum())
    return {
        "question": answer.QUESTION,
        "tokens": len(ids),
        "same": same,
        "logprob_difference": _short(apart),
        "divergence": _short(max(0.0, divergence)),
    }, ""


def prompt(model: Path) -> dict[str, Any]:
    """Return a question as the model sees it, for programs that do not read its chat template.

    Returns:
        ``{"template": text with ``{{ .Prompt }}`` in the question's place and without the mark of
        the text's begin, which such programs add themselves, "stops": what ends an answer}``.
    """
    from transformers import AutoTokenizer, GenerationConfig

    quiet()
    tokenizer = AutoTokenizer.from_pretrained(model, trust_remote_code=False)
    messages = [{"role": "user", "content": "{{ .Prompt }}"}]
    text = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    text = text.removeprefix(tokenizer.bos_token or "")
    ends = GenerationConfig.from_pretrained(model).eos_token_id
    ends = ends if isinstance(ends, list) else [ends]
    stops = [tokenizer.convert_ids_to_tokens(end) for end in ends if end is not None]
    return {"template": text, "stops": stops}


def _original(model: Path) -> tuple[Any, Any]:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    how = {"trust_remote_code": False}
    tokenizer = AutoTokenizer.from_pretrained(model, **how)
    network = AutoModelForCausalLM.from_pretrained(
        model, dtype=torch.float32, use_safetensors=True, **how
    )
    return tokenizer, network.eval()


def _read(copy: Path, model: Path) -> tuple[Any, str]:
    """The copy as transformers reads it, weights without their rounding undone; or why not."""
    import torch
    from transformers import AutoModelForCausalLM

    config = None
    try:
        config = _settings(copy)
        network = AutoModelForCausalLM.from_pretrained(
            copy.parent, gguf_file=copy.name, config=config, dtype=torch.float32
        )
    except _BROKEN as error:
        problem = (str(error).strip() or type(error).__name__).splitlines()[0]
        if any(words in problem for words in _NOT_READ):
            return None, f"not verified: transformers does not read it back ({problem})"
        if other := _other_sizes(config, model):
            raise UserError(
                f"{copy}: transformers reads {other}. Converter or transformers does not do this "
                "architecture right. Set hub.gguf to null, or hub.gguf_converter to a different "
                "llama.cpp."
            ) from error
        raise UserError(
            f"{copy}: cannot be read back ({problem}). The converter's file is damaged: run "
            "again, or take a different converter."
        ) from error
    return network.eval(), ""


def _settings(copy: Path) -> Any:
    """The settings that transformers reads, with the width of heads that the file states.

    For some architectures (Qwen3 in 5.23) transformers does not read that width and takes its own
    default, so that no weight of attention fits.
    """
    from gguf import GGUFReader
    from transformers import AutoConfig
    from transformers.integrations.ggml import GGUF_CONFIG_MAPPING

    config = AutoConfig.from_pretrained(copy.parent, gguf_file=copy.name)
    fields = GGUFReader(str(copy)).fields
    kind = fields["general.architecture"].contents()
    width = fields.get(f"{kind}.attention.key_length")
    read = "attention.key_length" in GGUF_CONFIG_MAPPING.get(kind, {})
    if width is not None and not read and hasattr(config, "head_dim"):
        config.head_dim = width.contents()
    return config


def _other_sizes(config: Any, model: Path) -> str:
    """Name the sizes of a network that differ from its original's; empty where none does."""
    from transformers import AutoConfig

    if config is None:
        return ""
    own = AutoConfig.from_pretrained(model, trust_remote_code=False)
    found, right = ({key: getattr(one, key, None) for key in _SIZES} for one in (config, own))
    return ", ".join(
        f"{key} {found[key]} where the model has {right[key]}"
        for key in _SIZES
        if found[key] != right[key]
    )


def _tokens(tokenizer: Any) -> list[int]:
    messages = [{"role": "user", "content": answer.QUESTION}]
    return tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=True)[
        "input_ids"
    ]


def _logits(network: Any, asked: list[int], ids: list[int]) -> Any:
    """Logits before each token of an answer: tokens x vocabulary, float32."""
    import torch

    with torch.inference_mode():
        return network(torch.tensor([asked + ids[:-1]])).logits[0, len(asked) - 1 :].float()


def _short(value: float) -> float:
    """Round to three digits: the rest differs between processors."""
    return float(f"{value:.3g}")
