#!/usr/bin/env bash
# PEFT loads an adapter of a deeper base onto a shallower one without a warning: the weights of the
# layers that are not there are left out. Only the other direction warns.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
pip --python venv/bin/python install -q torch==2.13.0 transformers==5.23.0 peft==0.21.2
venv/bin/python - <<'PY'
import warnings

import peft
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM


def base(layers):
    shape = dict(vocab_size=64, hidden_size=32, intermediate_size=64, num_attention_heads=4)
    return LlamaForCausalLM(LlamaConfig(num_hidden_layers=layers, **shape))


get_peft_model(base(4), LoraConfig(target_modules=["q_proj"])).save_pretrained("adapter")
print("peft", peft.__version__, "adapter of a base of 4 layers")
said = {}
for layers in (2, 4, 6):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        PeftModel.from_pretrained(base(layers), "adapter")
    said[layers] = [str(w.message) for w in caught if "adapter" in str(w.message)]
    print(f"onto {layers} layers:", [text[:60] for text in said[layers]])
assert not said[4] and said[6]
assert not said[2], "weights without a layer are reported now"
print("half of the adapter was dropped, with no word")
PY
