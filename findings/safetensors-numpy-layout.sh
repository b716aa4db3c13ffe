#!/usr/bin/env bash
# safetensors.numpy.save writes the memory of an array as it lies: a transposed or strided array
# comes back with its values in other places, and no error.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
pip --python venv/bin/python install -q safetensors==0.8.0 numpy==2.4.6
venv/bin/python - <<'PY'
import numpy as np
import safetensors
from safetensors.numpy import load, save

weight = np.arange(6, dtype=np.float32).reshape(2, 3)
back = load(save({"transposed": weight.T, "copied": np.ascontiguousarray(weight.T)}))
print("safetensors", safetensors.__version__)
print("saved :", weight.T.tolist())
print("loaded:", back["transposed"].tolist())
assert back["copied"].tolist() == weight.T.tolist()
assert back["transposed"].tolist() != weight.T.tolist(), "a transposed array survives now"
assert back["transposed"].tolist() == weight.reshape(3, 2).tolist()
print("same shape, other values: copy with numpy.ascontiguousarray before saving")
PY
