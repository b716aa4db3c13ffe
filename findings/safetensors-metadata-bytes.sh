#!/usr/bin/env bash
# safetensors: the same tensors with the same two metadata keys have other bytes in other processes,
# since the keys are written in the order of a random hash.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
pip --python venv/bin/python install -q safetensors==0.8.0 numpy==2.4.6
venv/bin/python - <<'PY'
import subprocess
import sys

import safetensors

code = """
import hashlib, numpy
from safetensors.numpy import save
print(hashlib.sha256(save({"w": numpy.zeros(4)}, KEYS)).hexdigest())
"""


def digests(keys):
    command = [sys.executable, "-c", code.replace("KEYS", repr(keys))]
    return {subprocess.check_output(command) for _ in range(12)}


one = digests({"format": "pt"})
three = digests({"format": "pt", "license": "apache-2.0", "base": "x"})
print("safetensors", safetensors.__version__)
print("one key: ", len(one), "digest in 12 processes; three keys:", len(three), "digests")
assert len(one) == 1
assert len(three) > 1, "the keys are written in a fixed order now"
print("a checksum holds only with one key of metadata, or none")
PY
