"""Stands in for llama.cpp's converter: a Llama as GGUF in float16, or what FAULT names."""

import argparse
import json
import os
import sys
from pathlib import Path

NAMES = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
NORMAL, CONTROL = 1, 3  # gguf's types of tokens
WORDS = {
    "fails": "ValueError: this cannot be",
    "architecture": "ERROR:hf-to-gguf:Model FooForCausalLM is not supported",
    "tokenizer": "NotImplementedError: BPE pre-tokenizer was not recognized - update it",
}


def main(fault: str) -> int:
    parser = argparse.ArgumentParser()
    for name in ("--outtype", "--model-name", "--outfile"):
        parser.add_argument(name, required=True)
    parser.add_argument("model", type=Path)
    given = parser.parse_args()
    print(f"files: {sorted(path.name for path in given.model.iterdir())}")
    print(f"offline: {os.environ.get('HF_HUB_OFFLINE')}, token: {os.environ.get('HF_TOKEN')}")
    if fault in WORDS:
        print(f"working\n{WORDS[fault]}", file=sys.stderr)
        return 3
    if fault == "page":
        Path(given.outfile).write_text("<html>", encoding="utf-8")
    elif fault != "nothing":
        write(given, fault)
    if fault == "cut":
        with open(given.outfile, "r+b") as handle:
            handle.truncate(os.path.getsize(given.outfile) // 2)
    return 0


def read_weights(path: Path) -> dict:
    """Read tensors as float32 without torch, whose import takes longer than all else here."""
    import numpy

    content = path.read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    found = {}
    for name, entry in json.loads(content[8:start]).items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        raw = content[start + begin : start + end]
        if entry["dtype"] == "BF16":
            tensor = (numpy.frombuffer(raw, "<u2").astype("<u4") << 16).view("<f4")
        else:
            tensor = numpy.frombuffer(raw, {"F32": "<f4", "F16": "<f2"}[entry["dtype"]])
        found[name] = tensor.astype("<f4").reshape(entry["shape"])
    return found


def write(given: argparse.Namespace, fault: str) -> None:
    import gguf
    import numpy

    config = json.loads((given.model / "config.json").read_text("utf-8"))
    writer = gguf.GGUFWriter(given.outfile, "olmo" if fault == "unread" else "llama")
    writer.add_name(given.model_name)
    writer.add_vocab_size(config["vocab_size"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"] + (fault == "sizes"))
    writer.add_embedding_length(config["hidden_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_rope_dimension_count(config["hidden_size"] // config["num_attention_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    if fault != "no tokenizer":
        write_tokenizer(writer, given.model, fault)
    for name, tensor in sorted(read_weights(given.model / "model.safetensors").items()):
        stem = name.removesuffix(".weight").removeprefix("model.layers.")
        layer, _, rest = stem.partition(".")
        own = f"blk.{layer}.{NAMES[rest]}" if layer.isdigit() else NAMES[stem]
        if rest in ("self_attn.q_proj", "self_attn.k_proj"):
            heads = config["num_attention_heads" if "q_" in rest else "num_key_value_heads"]
            halves = tensor.reshape(heads, 2, -1, tensor.shape[1])
            tensor = halves.swapaxes(1, 2).reshape(tensor.shape)
        if fault == "wrong" and rest == "mlp.down_proj":
            tensor = -tensor
        kind = numpy.float32 if tensor.ndim == 1 else numpy.float16
        writer.add_tensor(f"{own}.weight", tensor.astype(kind))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_tokenizer(writer, model: Path, fault: str) -> None:
    """Tokens in the order of their ids; of special ones the name and type, unless FAULT says so."""
    content = json.loads((model / "tokenizer.json").read_text("utf-8"))
    special = {token["id"]: token["content"] for token in content["added_tokens"]}
    names = {number: token for token, number in content["model"]["vocab"].items()} | special
    tokens, types = [], []
    for number in range(len(names)):
        token, kind = names[number], NORMAL
        if number in special:
            kind = CONTROL
        if fault == "unnamed marks" and token == "<|im_start|>":
            token, kind = "[UNUSED_TOKEN_146]", NORMAL
        if fault == "marks of text" and token == "<|im_end|>":
            kind = NORMAL
        tokens.append(token)
        types.append(kind)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges([])


if __name__ == "__main__":
    sys.exit(main(os.environ.get("FAULT", "")))
