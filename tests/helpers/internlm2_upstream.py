"""InternLM2 as its repositories hold it, but tiny: configuration, weights, tokenizer."""

import io
import json
from pathlib import Path

SIZES = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "vocab_size": 50}
SHAPES = {
    "one head a group": {"num_attention_heads": 4, "num_key_value_heads": 4},
    "two heads a group": {"num_attention_heads": 4, "num_key_value_heads": 2},
    "four heads a group": {"num_attention_heads": 8, "num_key_value_heads": 2},
    "one group": {"num_attention_heads": 4, "num_key_value_heads": 1},
    "biases": {"num_attention_heads": 4, "num_key_value_heads": 2, "bias": True},
    "tied": {"num_attention_heads": 4, "num_key_value_heads": 2, "tie_word_embeddings": True},
    "no scaling": {"num_attention_heads": 4, "num_key_value_heads": 2, "rope_scaling": None},
    "linear scaling": {
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "rope_scaling": {"type": "linear", "factor": 4.0},
    },
}


def configuration(**changes) -> dict:
    """A tiny ``config.json`` with the keys of internlm2_5-7b's."""
    return {
        "architectures": ["InternLM2ForCausalLM"],
        "auto_map": {"AutoModelForCausalLM": "modeling_internlm2.InternLM2ForCausalLM"},
        "model_type": "internlm2",
        "bias": False,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 2,
        "hidden_act": "silu",
        "initializer_range": 0.02,
        "max_position_embeddings": 24,
        "rms_norm_eps": 1e-5,
        "rope_theta": 1000000,
        "rope_scaling": {"type": "dynamic", "factor": 2.0},
        "tie_word_embeddings": False,
        "torch_dtype": "float32",
        "use_cache": True,
        **SIZES,
        **SHAPES["two heads a group"],
        **changes,
    }


def random_weights(config: dict) -> dict:
    """Names and shapes as modeling_internlm2.py builds them, with large random numbers."""
    import torch

    hidden, wide, vocabulary = 32, 48, config["vocab_size"]
    width = hidden // config["num_attention_heads"]
    rows = (config["num_attention_heads"] + 2 * config["num_key_value_heads"]) * width
    shapes = {"model.tok_embeddings.weight": (vocabulary, hidden), "model.norm.weight": (hidden,)}
    for layer in range(2):
        start = f"model.layers.{layer}."
        shapes |= {
            start + "attention_norm.weight": (hidden,),
            start + "attention.wqkv.weight": (rows, hidden),
            start + "attention.wo.weight": (hidden, hidden),
            start + "ffn_norm.weight": (hidden,),
            start + "feed_forward.w1.weight": (wide, hidden),
            start + "feed_forward.w3.weight": (wide, hidden),
            start + "feed_forward.w2.weight": (hidden, wide),
        }
        if config["bias"]:
            shapes |= {start + "attention.wqkv.bias": (rows,)}
            shapes |= {start + "attention.wo.bias": (hidden,)}
    if not config["tie_word_embeddings"]:
        shapes["output.weight"] = (vocabulary, hidden)
    generator = torch.Generator().manual_seed(7)
    return {name: torch.randn(shape, generator=generator) / 3 for name, shape in shapes.items()}


UNUSED = [f"[UNUSED_TOKEN_{number}]" for number in range(4)]
CORPUS = [
    "头痛三天，伴有发热，应该怎么办？多休息，多喝水。",
    "血压 150/95 mmHg 偏高，请复查血压，注意休息。",
    "以下哪项正确？ A. 青霉素 B. 头孢菌素 C. 阿奇霉素",
    "The patient has a fever of 39 degrees and a headache for three days.",
    "the  drug of choice   is penicillin, the dose is 500 mg",
] * 4  # fmt: skip
# What internlm2_5-7b's tokenizer_config.json says, with smaller ids.
SETTINGS = {
    "tokenizer_class": "InternLM2Tokenizer",
    "bos_token": "<s>",
    "eos_token": "</s>",
    "unk_token": "<unk>",
    "pad_token": "</s>",
    "add_bos_token": True,
    "model_max_length": 4096,
    "chat_template": "{{ bos_token }}{{ messages[0]['content'] }}",
}
SPECIAL = ("<|im_end|>", "<|im_start|>")


def token(text: str) -> dict:
    flags = {"lstrip": False, "rstrip": False, "single_word": False, "normalized": False}
    return {"content": text, "special": True, **flags}


def write_model(path, **changes):
    """Train a tokenizer of the kind of InternLM2's: BPE, bytes, no space before the text."""
    import sentencepiece

    options = {
        "model_type": "bpe",
        "vocab_size": 470,
        "byte_fallback": True,
        "add_dummy_prefix": False,
        "remove_extra_whitespaces": False,
        "normalization_rule_name": "identity",
        "user_defined_symbols": UNUSED,
        "allow_whitespace_only_pieces": True,
        "character_coverage": 0.98,
        "hard_vocab_limit": False,
        "minloglevel": 2,
        "num_threads": 1,
    } | changes
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(CORPUS), model_writer=model, **options
    )
    path.write_bytes(model.getvalue())
    return sentencepiece.SentencePieceProcessor(model_file=str(path))


def added_tokens(reference) -> dict:
    """The part of tokenizer_config.json that renames pieces to special tokens."""
    texts = {0: "<unk>", 1: "<s>", 2: "</s>"}
    texts |= {
        reference.piece_to_id(piece): text for piece, text in zip(UNUSED[2:], SPECIAL, strict=True)
    }
    return {"added_tokens_decoder": {str(place): token(text) for place, text in texts.items()}}


def write_base(workshop, folder: Path) -> Path:
    """Make a base model of files as internlm/internlm2_5-1_8b holds them; return its folder."""
    import torch

    from collectivesft.sft.base import make_base

    reference = write_model(folder / "tokenizer.model")
    config = configuration(vocab_size=len(reference), max_position_embeddings=2048)
    torch.save(random_weights(config), folder / "pytorch_model.bin")
    settings = SETTINGS | added_tokens(reference)
    manifest = workshop.manifest(
        config__json=json.dumps(config).encode(),
        pytorch_model__bin=(folder / "pytorch_model.bin").read_bytes(),
        tokenizer__model=(folder / "tokenizer.model").read_bytes(),
        tokenizer_config__json=json.dumps(settings).encode(),
        modeling_internlm2__py=b"raise SystemExit('code of a repository was run')",
    )
    source = {"kind": "folder", "path": "somewhere"}
    make_base(workshop.model(source=source, architecture=None), manifest, folder / "base")
    return folder / "base"
