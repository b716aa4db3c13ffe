#!/usr/bin/env bash
# transformers 5: a GenerationConfig handed to generate() takes each value it leaves unset from the
# model's folder; one that says greedy in full still gets the folder's repetition penalty.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
pip --python venv/bin/python install -q torch==2.13.0 transformers==5.23.0
venv/bin/python - <<'PY'
import torch
import transformers
from transformers import AutoModelForCausalLM, GenerationConfig, LlamaConfig, LlamaForCausalLM

torch.manual_seed(0)
shape = dict(hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4)
tokens = dict(vocab_size=64, bos_token_id=1, eos_token_id=None, pad_token_id=0)
model = LlamaForCausalLM(LlamaConfig(initializer_range=0.3, **shape, **tokens))
model.generation_config.repetition_penalty = 1.8
model.save_pretrained("folder")
model = AutoModelForCausalLM.from_pretrained("folder").eval()
prompt = torch.tensor([[5, 6, 7, 5, 6, 7]])


def answer(**settings):
    config = GenerationConfig(max_new_tokens=40, do_sample=False, num_beams=1, **settings)
    mask = torch.ones_like(prompt)
    return model.generate(prompt, attention_mask=mask, generation_config=config)[0, 6:].tolist()


unset, none, folder = answer(), answer(repetition_penalty=1.0), answer(repetition_penalty=1.8)
print("transformers", transformers.__version__)
print("unset:", unset[:12], "1.0:", none[:12], sep="\n")
assert none != folder
assert unset == folder, "a GenerationConfig stands for itself now"
print("unset equals the folder's 1.8, not the documented default of none")
PY
