#!/usr/bin/env bash
# Run by Snakemake in the working folder once conda has made the environment. -I: packages of the
# host's PYTHONPATH and of the user's own site would count as installed, and rules do not see those.
# jieba is pure Python and published as source only.
set -euo pipefail
python -I -m pip install --no-deps --only-binary :all: --no-binary jieba --require-hashes -r "${COLLECTIVESFT_ROOT:-.}/envs/model-cuda.lock"
