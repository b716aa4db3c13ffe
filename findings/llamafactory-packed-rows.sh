#!/usr/bin/env bash
# LLaMA-Factory's packed rows have one token more than the cutoff, padded up to it; without
# neat_packing the padding is attended. An example over the cutoff loses the prompt's end, that is the
# end of turn and the assistant's header.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
pip --python venv/bin/python install -q --no-deps llamafactory==0.9.5
venv/bin/python - <<'PY'
import logging
import sys
from importlib.metadata import distribution, version
from types import ModuleType, SimpleNamespace

# The packages' __init__ files ask for torch and transformers; the packing itself needs neither.
root = distribution("llamafactory").locate_file("llamafactory")
for name in ("llamafactory", "llamafactory.data", "llamafactory.data.processor", "llamafactory.extras"):
    module = sys.modules[name] = ModuleType(name)
    module.__path__ = [str(root / "/".join(name.split(".")[1:]))]
constants = sys.modules["llamafactory.extras.constants"] = ModuleType("constants")
constants.IGNORE_INDEX = -100
logs = sys.modules["llamafactory.extras.logging"] = sys.modules["llamafactory.extras"].logging = ModuleType("logs")
logs.get_logger = lambda name: SimpleNamespace(warning_rank0=logging.warning)

from llamafactory.data.processor.supervised import PackedSupervisedDatasetProcessor

END, HEADER, BODY, PAD = 7, 8, 1, 0  # end of turn, the assistant's header, words, padding


def rows(prompt, answer, cutoff, neat):
    plugin = SimpleNamespace(
        process_messages=lambda messages, *_: messages, process_token_ids=lambda ids, labels, *_: (ids, labels)
    )
    pair = ([BODY] * (prompt - 2) + [END, HEADER], [2] * (answer - 1) + [END])
    template = SimpleNamespace(mm_plugin=plugin, efficient_eos=False, encode_multiturn=lambda *_: [pair])
    options = SimpleNamespace(cutoff_len=cutoff, neat_packing=neat, train_on_prompt=False, mask_history=False)
    tokenizer = SimpleNamespace(pad_token_id=PAD, eos_token_id=END)
    one = {"_prompt": [{"role": "user", "content": ""}], "_response": [{"role": "assistant", "content": ""}]}
    one |= {"_system": "", "_tools": "", "_images": None, "_videos": None, "_audios": None}
    examples = {key: [value, value] for key, value in one.items()}
    return PackedSupervisedDatasetProcessor(template, tokenizer, None, options).preprocess_dataset(examples)


print("llamafactory", version("llamafactory"))
plain = rows(6, 4, 24, neat=False)
neat = rows(6, 4, 24, neat=True)
long = rows(30, 4, 24, neat=True)
lengths = [len(row) for made in (plain, neat, long) for row in made["input_ids"]]
print("rows at cutoff 24:", lengths)
print("mask of the padding: packing", plain["attention_mask"][0][20:], "neat packing", neat["attention_mask"][0][20:])
start = long["labels"][0].index(2)
print("before the answer of an example of 34:", long["input_ids"][0][start - 4 : start])
assert set(lengths) == {25}, "rows have another length now"
assert plain["attention_mask"][0][20:] == [1] * 5 and neat["attention_mask"][0][20:] == [0] * 5
assert long["input_ids"][0][start - 2 : start] == [BODY, BODY], "the prompt keeps its end now"
PY
