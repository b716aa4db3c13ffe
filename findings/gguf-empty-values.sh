#!/usr/bin/env bash
# gguf-py writes no key for an empty text or an empty list, without a word: a reader that asks for
# tokenizer.chat_template or merges finds no key where the writer gave one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
pip --python venv/bin/python install -q gguf==0.19.0
venv/bin/python - <<'PY'
from importlib.metadata import version

import gguf
import numpy

writer = gguf.GGUFWriter("values.gguf", "llama")
writer.add_string("ward.note", "")
writer.add_array("ward.beds", [])
writer.add_bool("ward.closed", False)
writer.add_uint32("ward.patients", 0)
writer.add_tensor("weight", numpy.zeros((2, 3), numpy.float32))
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
keys = [key for key in gguf.GGUFReader("values.gguf").fields if key.startswith("ward")]
print("gguf", version("gguf"), "four values written, keys in the file:", keys)
assert keys == ["ward.closed", "ward.patients"], "empty values are written now"
print("False and 0 are there, the empty text and the empty list are not")
PY
