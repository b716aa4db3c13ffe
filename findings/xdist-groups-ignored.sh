#!/usr/bin/env bash
# pytest-xdist's `--dist loadgroup` keeps no group together under pytest 9.2, and says nothing: it
# appends the group to `item._nodeid`, which pytest no longer reads. Under 9.1.1 it does.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat >test_group.py <<'PY'
import pytest


@pytest.mark.xdist_group("together")
@pytest.mark.parametrize("number", range(6))
def test_one_of_a_group(number, worker_id):
    with open("workers", "a") as file:
        file.write(f"{worker_id}\n")
PY
for version in 9.1.1 9.2.0; do
  python3 -m venv --without-pip "venv-$version"
  pip --python "venv-$version/bin/python" install -q "pytest==$version" pytest-xdist==3.8.0
  rm -f workers
  "venv-$version/bin/python" -m pytest -q -n 2 --dist loadgroup >said 2>&1 || { cat said; exit 1; }
  echo "pytest $version, pytest-xdist 3.8.0: workers of one group: $(sort -u workers | tr '\n' ' ')"
  sort -u workers | wc -l >"count-$version"
done
[ "$(cat count-9.1.1)" -eq 1 ] && [ "$(cat count-9.2.0)" -eq 2 ]
