#!/usr/bin/env bash
# transformers lets packed examples see each other while use_cache is on: position_ids that start
# again at 0 separate them only with use_cache=False, in five architectures tried, at the same loss
# call and without a warning.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
pip --python venv/bin/python install -q torch==2.13.0 transformers==5.23.0
venv/bin/python - <<'PY'
import torch
import transformers
from transformers import AutoConfig, AutoModelForCausalLM

torch.manual_seed(0)
common = dict(vocab_size=90, bos_token_id=1, eos_token_id=2, pad_token_id=0)
llama = dict(hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4)
shapes = {
    "llama": llama,
    "qwen2": llama | {"num_key_value_heads": 2},
    "gemma3_text": llama | {"head_dim": 8, "num_key_value_heads": 2},
    "gpt_neox": llama,
    "gpt2": dict(n_embd=32, n_layer=2, n_head=4),
}
first, second = torch.randint(3, 90, (1, 9)), torch.randint(3, 90, (1, 7))
packed = torch.cat([first, second], 1)
positions = torch.cat([torch.arange(9), torch.arange(7)])[None]
print("transformers", transformers.__version__, "torch", torch.__version__)
seen = {}
for kind, shape in shapes.items():
    config = AutoConfig.for_model(kind, **common, **shape)
    model = AutoModelForCausalLM.from_config(config, attn_implementation="sdpa").eval()
    with torch.no_grad():
        apart = model(second).logits
        for cached in (True, False):
            together = model(packed, position_ids=positions, use_cache=cached).logits[:, 9:]
            seen[kind, cached] = (together - apart).abs().max().item()
    print(f"{kind:12} use_cache=True: {seen[kind, True]:.3f}  False: {seen[kind, False]:.1e}")
assert max(v for (_, cached), v in seen.items() if not cached) < 1e-5
assert min(v for (_, cached), v in seen.items() if cached) > 1e-2, "packed examples are apart now"
print("the second example's logits change with the first one unless use_cache is off")
PY
