#!/usr/bin/env bash
# McNemar's test by chi-squared with its continuity correction: two models that have the same questions
# right get the statistic infinity and p = 0, in statsmodels and in mlxtend, where it is the default.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
pip --python venv/bin/python install -q statsmodels==0.15.0 mlxtend==0.25.0
venv/bin/python -W ignore - <<'PY'
from importlib.metadata import version

import numpy
from mlxtend.evaluate import mcnemar as mlxtend_test
from mlxtend.evaluate import mcnemar_table
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_test

key = numpy.array(list("ABCDABCDAB"))
first = numpy.array(list("ABCDABCDCC"))
table = mcnemar_table(key, first, first.copy())
print("statsmodels", version("statsmodels"), "mlxtend", version("mlxtend"))
print("questions that both, one, one and none have right:", table.ravel().tolist())
exact = statsmodels_test(table, exact=True).pvalue
corrected = statsmodels_test(table, exact=False).pvalue
plain = statsmodels_test(table, exact=False, correction=False).pvalue
print("statsmodels: exact p =", exact, "| corrected p =", corrected, "| uncorrected p =", plain)
statistic, default = mlxtend_test(table)
print("mlxtend, by default: statistic", statistic, "p =", default)
assert exact == 1.0
assert corrected == 0.0 and default == 0.0, "equal models do not differ any more"
assert numpy.isnan(plain), "the uncorrected test has a p-value for equal models now"
print("two equal models differ, with the smallest p-value there is")
PY
