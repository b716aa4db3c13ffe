#!/usr/bin/env bash
# fhir.resources accepts any word for a code of a required value set (status, gender, comparator), and
# 1.50 becomes 1.5, although FHIR says that the digits of a decimal mean its precision.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
pip --python venv/bin/python install -q fhir.resources==8.3.0
venv/bin/python - <<'PY'
import json
from importlib.metadata import version

from fhir.resources.observation import Observation
from fhir.resources.patient import Patient
from pydantic import ValidationError

print("fhir.resources", version("fhir.resources"))
quantity = '{"value": 1.50, "comparator": "approximately", "unit": "mg"}'
text = '{"resourceType": "Observation", "status": "fnial", "code": {"text": "INR"}, "valueQuantity": %s}'
observation = Observation.model_validate_json(text % quantity)
patient = Patient.model_validate_json('{"resourceType": "Patient", "gender": "women"}')
print(observation.model_dump_json(), patient.model_dump_json())
try:
    Observation.model_validate_json(json.dumps({"resourceType": "Observation", "status": "final"}))
except ValidationError as error:
    print("without a code:", error.errors()[0]["msg"])
else:
    raise AssertionError("an observation without a code passes")
assert (observation.status, patient.gender) == ("fnial", "women"), "codes are checked now"
assert observation.valueQuantity.comparator == "approximately"
assert str(observation.valueQuantity.value) == "1.5", "the digits are kept now"
PY
