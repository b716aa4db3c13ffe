#!/usr/bin/env bash
# GGUFReader gives a tensor in float16 as numbers of its shape, but one in bfloat16 as bytes with the
# last dimension doubled: a comparison of files by norms or by shape is wrong without an error.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
pip --python venv/bin/python install -q gguf==0.19.0 numpy==2.4.6
venv/bin/python - <<'PY'
from importlib.metadata import version

import numpy as np
from gguf import GGMLQuantizationType, GGUFReader, GGUFWriter, quants

weights = np.full((2, 64), 0.5, np.float32)
writer = GGUFWriter("one.gguf", "llama")
for kind in (GGMLQuantizationType.F16, GGMLQuantizationType.BF16):
    writer.add_tensor(kind.name, quants.quantize(weights, kind), raw_dtype=kind)
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
print("gguf", version("gguf"))
found = {tensor.name: tensor for tensor in GGUFReader("one.gguf").tensors}
for name, tensor in found.items():
    print(f"{name}: {tensor.data.dtype} {tensor.data.shape}, mean {tensor.data.mean():g}")
assert found["F16"].data.dtype == np.float16 and found["F16"].data.shape == (2, 64)
wide = found["BF16"]
assert wide.data.dtype == np.uint8 and wide.data.shape == (2, 128), "bfloat16 is read as numbers now"
assert (quants.dequantize(wide.data, wide.tensor_type) == weights).all()
print("quants.dequantize gives the numbers of both")
PY
