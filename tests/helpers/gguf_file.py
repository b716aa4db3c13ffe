"""Write a small Llama as GGUF, as llama.cpp's converter does."""

import json
from pathlib import Path


def write_gguf(folder: Path, out: Path) -> Path:
    """Write the model in ``folder`` (see ``tiny_model``) in float32, with its tokenizer."""
    import numpy as np
    from gguf import GGUFWriter, TokenType
    from safetensors.numpy import load_file
    from transformers import AutoConfig, AutoTokenizer

    config = AutoConfig.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    heads, keys = config.num_attention_heads, config.num_key_value_heads
    writer = GGUFWriter(out, "llama")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(heads)
    writer.add_head_count_kv(keys)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_dimension_count(config.hidden_size // heads)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_vocab_size(config.vocab_size)
    vocabulary = sorted(tokenizer.get_vocab().items(), key=lambda pair: pair[1])
    special = set(tokenizer.added_tokens_decoder)
    merges = json.loads((folder / "tokenizer.json").read_text("utf-8"))["model"]["merges"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list([token for token, _ in vocabulary])
    kinds = (TokenType.CONTROL if id in special else TokenType.NORMAL for _, id in vocabulary)
    writer.add_token_types(list(kinds))
    writer.add_token_merges([" ".join(pair) for pair in merges])
    writer.add_bos_token_id(tokenizer.bos_token_id)
    writer.add_eos_token_id(tokenizer.eos_token_id)
    writer.add_add_bos_token(False)
    names = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}
    parts = {
        "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
        "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
        "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm",
        "post_attention_layernorm": "ffn_norm",
    }  # fmt: skip
    for layer in range(config.num_hidden_layers):
        names |= {f"model.layers.{layer}.{a}": f"blk.{layer}.{b}" for a, b in parts.items()}
    for name, weights in load_file(folder / "model.safetensors").items():
        own = names[name.removesuffix(".weight")]
        if own.endswith(("attn_q", "attn_k")):  # halves of rotary pairs become neighbours
            count = heads if own.endswith("q") else keys
            split = weights.reshape(count, 2, -1, weights.shape[1])
            weights = split.swapaxes(1, 2).reshape(weights.shape)
        writer.add_tensor(f"{own}.weight", np.ascontiguousarray(weights, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return out
