#!/usr/bin/env bash
# The Slurm plugin for Snakemake asks for no tasks when a job has GPUs, and turns tasks=1 into one
# task a GPU: with cpus_per_task=8 and two GPUs that is 16 CPUs, where a job without GPUs gets
# --ntasks=1 and 8.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
pip --python venv/bin/python install -q snakemake==9.27.1 snakemake-executor-plugin-slurm==2.8.0
venv/bin/python - <<'PY'
from importlib.metadata import version
from types import SimpleNamespace

from snakemake_executor_plugin_slurm.submit_string import get_submit_command


class Resources(dict):
    __getattr__ = dict.__getitem__


def flags(**resources):
    job = SimpleNamespace(threads=8, resources=Resources(cpus_per_task=8, **resources), name="train")
    names = ("run_uuid", "slurm_logfile", "comment_str", "account", "partition", "workdir")
    call = get_submit_command(job, dict.fromkeys(names, ""))
    return [word for word in call.split() if "task" in word or "gpu" in word]


print("snakemake-executor-plugin-slurm", version("snakemake-executor-plugin-slurm"))
seen = {text: flags(**r) for text, r in (("no GPU", {}), ("gpu=2", {"gpu": 2}), ("gpu=2, tasks=1", {"gpu": 2, "tasks": 1}))}
for text, words in seen.items():
    print(text, "->", *words)
assert seen["no GPU"] == ["--ntasks=1", "--cpus-per-task=8"]
assert seen["gpu=2"] == ["--cpus-per-task=8"], "a GPU job has a task count now"
assert seen["gpu=2, tasks=1"] == ["--ntasks-per-gpu=1", "--cpus-per-task=8"]
print("tasks counts per GPU as soon as a job has one")
PY
