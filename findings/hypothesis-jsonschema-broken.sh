#!/usr/bin/env bash
# hypothesis-jsonschema's newest release, whose requirements allow it, fails on Hypothesis 6.170:
# each schema of an object or an array raises AttributeError while values are drawn.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
pip --python venv/bin/python install -q hypothesis-jsonschema==0.20.1 hypothesis==6.170.17
venv/bin/python - <<'PY'
from importlib.metadata import requires, version

from hypothesis import HealthCheck, given, settings
from hypothesis_jsonschema import from_schema

print("hypothesis", version("hypothesis"), "hypothesis-jsonschema", version("hypothesis-jsonschema"))
print("requires:", requires("hypothesis-jsonschema")[0])


def outcome(schema):
    @settings(max_examples=20, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(from_schema(schema))
    def draw(value):
        pass

    try:
        draw()
    except AttributeError as error:
        return str(error)
    return "values"


number = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
seen = {"integer": outcome({"type": "integer"}), "object": outcome(number)}
print(seen)
assert seen["integer"] == "values"
assert "no attribute" in seen["object"], "objects can be drawn now"
PY
