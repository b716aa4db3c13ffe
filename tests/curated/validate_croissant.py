"""Validate a Croissant file and read its records; run by .venv-croissant's Python.

Prints JSON: ``{"errors": [...], "warnings": [...], "records": {record set: [ids]}}``; no records
where pyarrow is not there, without which mlcroissant reads no Parquet.
"""

import json
import sys
from importlib.util import find_spec

import mlcroissant


def text(value) -> str:
    """Return a text: readers of mlcroissant 1.1.1 get bytes."""
    return value.decode("utf-8") if isinstance(value, bytes) else value


def main(path: str) -> None:
    dataset = mlcroissant.Dataset(jsonld=path)
    issues = dataset.metadata.ctx.issues
    found = {"errors": sorted(issues.errors), "warnings": sorted(issues.warnings), "records": {}}
    for records in dataset.metadata.record_sets if find_spec("pyarrow") else ():
        rows = dataset.records(records.id)
        key = f"{records.id}/id"
        found["records"][records.id] = [text(row[key]) for row in rows]
    print(json.dumps(found, ensure_ascii=False))


main(sys.argv[1])
