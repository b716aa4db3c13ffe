#!/usr/bin/env bash
# TRL's SFTTrainer cuts each row at 1,024 tokens unless max_length is set, so that a long answer loses
# its end mark, and drops the rows that then have no label; a progress bar's name is the only sign.
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



def trained_on(rows):
    shape = dict(hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=4)
    model = LlamaForCausalLM(LlamaConfig(vocab_size=len(letters), **shape))
    options = SFTConfig(output_dir="out", report_to=[], use_cpu=True, bf16=False)
    data = Dataset.from_list(rows)
    trainer = SFTTrainer(model, args=options, train_dataset=data, processing_class=tokenizer)
    print("max_length by default:", options.max_length)
    return [len(row["input_ids"]) for row in trainer.train_dataset]


rows = [
    {"prompt": "q" * 1100, "completion": "a"},
    {"prompt": "q", "completion": "a" * 1100},
    {"prompt": "q", "completion": "a"},
]
lengths = trained_on(rows)
print("trl", trl.__version__, "rows given: 3, tokens of the rows trained on:", lengths)
assert lengths == [1024, 3], "long rows are treated in another way now"
print("the row with a prompt of 1,100 tokens is gone; the long answer has lost its end")
PY
