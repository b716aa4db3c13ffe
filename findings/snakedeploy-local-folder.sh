#!/usr/bin/env bash
# snakedeploy deploy-workflow takes a folder, but ignores --tag, copies untracked files too, and
# writes a Snakefile whose module is workflow/Snakefile below its own folder, a file that is not there.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
pip --python venv/bin/python install -q snakedeploy==0.17.1 snakemake==9.27.1
mkdir -p flow/workflow flow/config
printf 'rule all:\n    output: "made.txt"\n    shell: "touch {output}"\n' > flow/workflow/Snakefile
echo "version: 1" > flow/config/config.yaml
commit() { git -C flow add --all; git -C flow -c user.name=A -c user.email=a@b.c commit -qm "$1"; }
git -C flow init -q; commit first; git -C flow tag v1
echo "version: 2" > flow/config/config.yaml; commit second
echo "mine" > flow/config/untracked.yaml
venv/bin/snakedeploy deploy-workflow "$folder/flow" "$folder/mine" --tag v1 > log 2>&1
echo "snakedeploy $(venv/bin/snakedeploy --version), --tag v1: $(cat mine/config/config.yaml), $(find mine/config -name "untracked*" -printf %f)"
grep -A 1 "snakefile:" mine/workflow/Snakefile
grep -q "version: 2" mine/config/config.yaml || { echo "changed: the tag is taken"; exit 1; }
[ -f mine/config/untracked.yaml ] || { echo "changed: untracked files stay behind"; exit 1; }
grep -q "$folder/flow/workflow/Snakefile" mine/workflow/Snakefile && { echo "changed: the folder is named"; exit 1; }
cd mine
if ../venv/bin/snakemake --dry-run > ../run 2>&1; then echo "changed: it runs"; exit 1; fi
tail -n 2 ../run
echo "a folder is deployed without its tag, and the result cannot run"
