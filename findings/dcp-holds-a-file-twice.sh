#!/usr/bin/env bash
# torch.distributed.checkpoint as safetensors holds a whole file twice more in memory while it writes
# it, and without a mapping of tensors to files each process writes a single file.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
pip --python venv/bin/python install -q torch==2.13.0 safetensors==0.8.0 numpy==2.4.6
cat >save.py <<'PY'
import sys
import warnings
from pathlib import Path

import torch
import torch.distributed.checkpoint as dcp
from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageWriter

warnings.simplefilter("ignore")
tensors = {f"layer{i}": torch.ones(25 << 18) for i in range(12)}  # 25 MiB each
one_file_each = {name: number for number, name in enumerate(tensors, 1)}


def added(name, files):
    """The peak of memory above what was held before, in MiB."""

    def status(key):
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(key)) // 1024

    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = status("VmRSS")
    writer = HuggingFaceStorageWriter(name, files, save_distributed=True)
    dcp.save(tensors, storage_writer=writer, no_dist=True)
    return status("VmHWM") - before


added("warm", one_file_each)
several, single = added("several", one_file_each), added("single", None)
print(f"torch {torch.__version__}: 300 MiB of tensors in one file: {single} MiB more; in twelve: {several}")
if single < 500 or several > 200:
    sys.exit("changed")
PY
venv/bin/python save.py
