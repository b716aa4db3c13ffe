#!/usr/bin/env bash
# One undefined p-value among many: statsmodels' Benjamini-Hochberg gives no p-value at all, but still
# rejects two hypotheses; Hommel rejects none. Holm and Bonferroni leave out only the undefined one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
pip --python venv/bin/python install -q statsmodels==0.15.0
venv/bin/python -W ignore - <<'PY'
from importlib.metadata import version

import numpy
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

# Four models against a base; the third answers as the base does, and its p-value is 0 / 0.
tables = ([[60, 2], [22, 16]], [[60, 5], [20, 15]], [[65, 0], [0, 35]], [[60, 8], [14, 18]])
values = [mcnemar(table, exact=False, correction=False).pvalue for table in tables]
print("statsmodels", version("statsmodels"), "p-values:", numpy.round(values, 4).tolist())
found = {}
for method in ("bonferroni", "holm", "fdr_bh", "hommel"):
    rejected, adjusted = multipletests(values, method=method)[:2]
    found[method] = rejected.tolist(), numpy.round(adjusted, 4).tolist()
    print(f"{method}: rejected {found[method][0]}, adjusted {found[method][1]}")
without = multipletests([value for value in values if value == value], method="hommel")[0].tolist()
print("hommel without the third:", without)
assert numpy.isnan(values[2]) and without == [True, True, False]
assert numpy.isnan(found["holm"][1]).sum() == 1 and found["holm"][0] == [True, True, False, False]
assert numpy.isnan(found["fdr_bh"][1]).all(), "the defined p-values are adjusted now"
assert found["fdr_bh"][0] == [True, True, False, False]
assert not any(found["hommel"][0]), "Hommel rejects as without the undefined value now"
PY
