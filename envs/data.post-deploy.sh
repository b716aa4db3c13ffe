#!/usr/bin/env bash
# Run by Snakemake in the working folder once conda has made the environment.
set -euo pipefail
python -m pip install --no-deps --require-hashes -r envs/data.lock
