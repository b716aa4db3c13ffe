#!/usr/bin/env bash
# TRL's SFTTrainer takes ShareGPT rows (from, value) and renames the columns, but leaves the roles
# human and gpt, so the chat template writes turns that the model has never seen.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
pip --python venv/bin/python install -q torch==2.13.0 transformers==5.23.0 trl==1.16.0 datasets==5.2.0
venv/bin/python - <<'PY'
import os

os.environ["HF_HUB_OFFLINE"] = "1"
from datasets import Dataset
from tokenizers import Tokenizer, models
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from trl import SFTConfig, SFTTrainer
import trl

marks = ["<pad>", "<end>", "<user>", "<assistant>"]
letters = {text: i for i, text in enumerate(marks + [chr(i) for i in range(32, 127)])}
tokenizer = PreTrainedTokenizerFast(
    tokenizer_object=Tokenizer(models.BPE(letters, [])), pad_token="<pad>", eos_token="<end>"
)

tokenizer.chat_template = (
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}<end>{% endfor %}"
)
shape = dict(hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=4)
model = LlamaForCausalLM(LlamaConfig(vocab_size=len(letters), **shape))
turns = [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]
options = SFTConfig(output_dir="out", report_to=[], use_cpu=True, bf16=False)
data = Dataset.from_list([{"conversations": turns}])
trainer = SFTTrainer(model, args=options, train_dataset=data, processing_class=tokenizer)
text = tokenizer.decode(trainer.train_dataset[0]["input_ids"]).replace(" ", "")
print("trl", trl.__version__, "trains on:", text)
assert text == "<human>q<end><gpt>a<end>", "human and gpt become user and assistant now"
print("the columns were recognised and renamed; the roles were not")
PY
