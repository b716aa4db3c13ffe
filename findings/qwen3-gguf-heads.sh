#!/usr/bin/env bash
# transformers reads the width of attention heads from the GGUF file of a Qwen3 mixture of experts, but
# not from that of a plain Qwen3: it takes 128, and no weight of attention fits a model of other heads.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
pip --python venv/bin/python install -q torch==2.13.0 transformers==5.23.0 gguf==0.19.0
venv/bin/python - <<'PY'
import numpy as np
import transformers
from gguf import GGUFWriter
from transformers import AutoConfig

WIDTH = 64


def read(kind):
    """The width that transformers reads from a file that states 64."""
    writer = GGUFWriter(f"{kind}.gguf", kind)
    writer.add_context_length(512)
    writer.add_embedding_length(256)
    writer.add_block_count(1)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_key_length(WIDTH)
    writer.add_value_length(WIDTH)
    writer.add_tensor("output_norm.weight", np.ones(256, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return AutoConfig.from_pretrained(".", gguf_file=f"{kind}.gguf").head_dim


found = {kind: read(kind) for kind in ("qwen3moe", "qwen3")}
print("transformers", transformers.__version__)
print("heads of 64 are read as", found)
assert found == {"qwen3moe": WIDTH, "qwen3": 128}, "the width is read now"
PY
