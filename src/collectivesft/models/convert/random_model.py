"""A small model with random weights and a byte tokenizer: the same machinery in seconds."""

from pathlib import Path
from typing import Any

SEED = 0
SPECIAL = (
    "<pad>", "<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>", "<|im_start|>", "<|im_end|>",
)  # fmt: skip


def write_random_model(architecture: dict[str, Any], folder: Path) -> None:
    """Save a randomly initialised model and its tokenizer.

    Args:
        architecture: keyword arguments of a transformers configuration, with ``model_type``.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    tokenizer = byte_tokenizer()
    fields = dict(architecture)
    model_type = fields.pop("model_type")
    ids = {
        f"{name}_token_id": tokenizer.convert_tokens_to_ids(f"<{name}>")
        for name in ("bos", "eos", "pad")
    }
    config = AutoConfig.for_model(model_type, vocab_size=len(tokenizer), **ids, **fields)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        model = AutoModelForCausalLM.from_config(config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def byte_tokenizer():
    """A tokenizer with one token a byte: every text can be written, nothing is learned."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: i for i, token in enumerate((*SPECIAL, *letters))}
    backend = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        bos_token="<bos>",
        eos_token="<eos>",
        pad_token="<pad>",
        additional_special_tokens=list(SPECIAL[3:]),
        model_max_length=2048,
    )
