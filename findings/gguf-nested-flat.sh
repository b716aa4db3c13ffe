#!/usr/bin/env bash
# gguf's reader gives an array of arrays, which the format knows and its writer writes, as one flat
# list: where one ends and the next begins is lost.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
pip --python venv/bin/python install -q gguf==0.19.0
venv/bin/python - <<'PY'
from importlib.metadata import version

from gguf import GGUFReader, GGUFWriter

written = [[1, 2], [3], [4, 5, 6]]
writer = GGUFWriter("small.gguf", "llama")
writer.add_array("groups.of.tokens", written)
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
read = GGUFReader("small.gguf").fields["groups.of.tokens"].contents()
print("gguf", version("gguf"), "written:", written, "read:", read)
assert read == [1, 2, 3, 4, 5, 6], "the groups come back now"
PY
