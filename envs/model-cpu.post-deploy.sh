#!/usr/bin/env bash
# Run by Snakemake in the working folder once conda has made the environment.
set -euo pipefail
python -m pip install --no-deps --require-hashes \
  --find-links "${COLLECTIVESFT_WHEELS:-https://download.pytorch.org/whl/cpu/torch/}" -r envs/model-cpu.lock
