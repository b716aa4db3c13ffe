#!/usr/bin/env bash
# Pint takes clinical units for unrelated ones where a prefix or a letter fits: 7.4 pH is picohenry, 10 units
# are micro-nits of luminance, 16 Fr of a catheter are franklins of charge, 3 dpt decipints.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
pip --python venv/bin/python install -q pint==0.25.3
venv/bin/python - <<'PY'
import pint

registry = pint.UnitRegistry()
print("pint", pint.__version__)
units = {
    "120 mmHg": "120 millimeter_Hg", "7.4 pH": "7.4 picohenry", "10 units": "10 micronit",
    "16 Fr": "16 franklin", "-2.5 D": "-2.5 debye", "3 dpt": "3 decipint", "10 U": "10 enzyme_unit",
}
found = {}
for text in units:
    quantity = registry(text)
    found[text] = str(quantity)
    print(f"{text}: {quantity}, {quantity.dimensionality}")
assert found == units, "these are read in another way now"
for text in ("5 IU", "20 mEq", "72 bpm"):
    try:
        registry(text)
    except pint.UndefinedUnitError as error:
        print(f"{text}: {error}")
PY
