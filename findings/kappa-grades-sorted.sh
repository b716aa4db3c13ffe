#!/usr/bin/env bash
# cohen_kappa_score with quadratic weights measures the distance of two grades by their places among
# the sorted grades that occur: names are sorted by letters, and 2 and 5 are neighbours if no 3 or 4
# was given.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
pip --python venv/bin/python install -q scikit-learn==1.9.1
venv/bin/python - <<'PY'
import sklearn
from sklearn.metrics import cohen_kappa_score

order = ["none", "mild", "moderate", "severe"]
first = ["none", "none", "mild", "moderate", "severe", "severe", "mild", "moderate"]
second = ["none", "mild", "mild", "moderate", "severe", "moderate", "none", "severe"]


def kappa(one, two, labels=None):
    return round(float(cohen_kappa_score(one, two, labels=labels, weights="quadratic")), 3)


print("scikit-learn", sklearn.__version__, "- no two grades are more than one step apart")
by_name, in_order = kappa(first, second), kappa(first, second, order)
by_number = kappa([order.index(grade) for grade in first], [order.index(grade) for grade in second])
print("names:", by_name, "| names with labels= in order:", in_order, "| numbers 0 to 3:", by_number)
one, two = [1, 2, 5, 5, 1, 2], [1, 5, 5, 2, 1, 2]
present, whole = kappa(one, two), kappa(one, two, [1, 2, 3, 4, 5])
print("grades 1, 2 and 5 of five:", present, "| with labels= of all five:", whole)
assert in_order == by_number == 0.8
assert by_name == 0.2, "names have another order now"
assert (present, whole) == (0.75, 0.481), "numbers are taken as numbers now"
PY
