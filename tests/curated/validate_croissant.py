"""Validate a Croissant file and read its records; run by .venv-croissant's Python.

Prints JSON: ``{"errors": [...], "warnings": [...], "records": {record set: [rows]}}``. Each row has
the columns of the Parquet file; mlcroissant 1.1.1 gives texts as bytes and names fields in full.
"""

import json
import sys

import mlcroissant


def plain(value):
    """Return a record with texts for bytes, and the last part of each name."""
    if isinstance(value, bytes):
        return value.decode("utf-8")
    if isinstance(value, dict):
        return {name.rpartition("/")[2]: plain(one) for name, one in value.items()}
    if isinstance(value, list) or hasattr(value, "tolist"):
        return [plain(one) for one in value]
    return value


def main(path: str) -> None:
    dataset = mlcroissant.Dataset(jsonld=path)
    issues = dataset.metadata.ctx.issues
    found = {"errors": sorted(issues.errors), "warnings": sorted(issues.warnings), "records": {}}
    for records in dataset.metadata.record_sets:
        rows = dataset.records(records.id)
        found["records"][records.id] = [plain(row) for row in rows]
    print(json.dumps(found, ensure_ascii=False))


main(sys.argv[1])
