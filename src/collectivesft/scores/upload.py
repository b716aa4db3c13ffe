"""The file that a benchmark in free text takes from its participants."""

import csv
import io
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from collectivesft import benchmarks
from collectivesft.common.errors import InputError, UserError
from collectivesft.common.files import atomic_path
from collectivesft.schema.item import Item, load_items
from collectivesft.scores.measure.predictions import load, match

_EPOCH = (1980, 1, 1, 0, 0, 0)
_AGAIN = "Predict all items, with limit: null"


def upload(predictions: Path, items: Path, out: Path) -> int:
    """Write a zip of all answers in the benchmark's own format, and check the zip.

    One file for each of the benchmark's (jsonl), under its name in the archive that it came from,
    or without folders where it came by itself, or one for all (csv). A question that was not
    answered has an empty text.

    Args:
        predictions: JSON Lines of `scores predict`, of all test items.

    Returns:
        The number of empty answers.

    Raises:
        UserError: a benchmark that takes no such file.
        InputError: a question that is missing, unknown or there twice, or only some were asked.
    """
    rows = load(predictions)
    module = benchmarks.get(rows[0]["benchmark"])
    if not hasattr(module, "UPLOAD"):
        raise UserError(f"{rows[0]['benchmark']}: takes no file of free text. Leave it out.")
    if rows[0]["limit"] is not None:
        asked = f"only {len(rows)} questions were asked"
        raise InputError(predictions, asked, _AGAIN)
    pairs = match(predictions, rows, list(load_items(items)))
    records = _records(pairs, predictions)
    with atomic_path(out) as partial:
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, found in records.items():
                info = zipfile.ZipInfo(name, _EPOCH)
                info.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(info, _FORMATS[module.UPLOAD](found).encode())
        check(partial, module.UPLOAD, records)
    return sum(not row["raw"].strip() for _, row in pairs)


def _records(
    pairs: Sequence[tuple[Item, dict[str, Any]]], place: Path
) -> dict[str, list[dict[str, Any]]]:
    """Name of each file to its records, in the items' order."""
    module = benchmarks.get(pairs[0][0].benchmark)
    sources: dict[str, str] = {}
    records: dict[str, list[dict[str, Any]]] = {}
    for item, row in pairs:
        source = item.meta["file"] if module.UPLOAD == "jsonl" else f"{item.benchmark}.csv"
        name = source if item.meta.get("archive") else source.rpartition("/")[2]
        if sources.setdefault(name, source) != source:
            problem = f"{source} and {sources[name]} would be one file"
            raise InputError(place, problem, "Give the raw files names of their own", item.id)
        records.setdefault(name, []).append(module.submission(item, row["raw"]))
    return records


def _jsonl(records: Sequence[dict[str, Any]]) -> str:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


def _csv(records: Sequence[dict[str, Any]]) -> str:
    """Write answers to the letter: this file is for a leaderboard's program, not a spreadsheet."""
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, list(records[0]), lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writeheader()
    writer.writerows(records)
    return stream.getvalue()


_FORMATS = {"jsonl": _jsonl, "csv": _csv}


def check(path: Path, kind: str, wanted: dict[str, list[dict[str, Any]]]) -> None:
    """Read an upload back as its receiver does, and compare.

    Raises:
        InputError: a damaged archive, other files, or a record with different content.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            texts = {name: archive.read(name).decode() for name in archive.namelist()}
    except (zipfile.BadZipFile, UnicodeDecodeError) as error:
        raise InputError(path, f"not a zip of texts ({error})", "Write it again") from error
    if list(texts) != list(wanted):
        raise InputError(path, f"holds {', '.join(texts)}", f"It must hold {', '.join(wanted)}")
    for name, text in texts.items():
        for number, (found, record) in enumerate(_pairs(text, kind, wanted[name]), start=1):
            if found != record:
                problem = f"{name} does not hold the answer of this record"
                raise InputError(path, problem, "Write it again", row=number)


def _pairs(text: str, kind: str, wanted: Sequence[dict]) -> list[tuple[Any, Any]]:
    """Records found and wanted side by side; of unequal numbers, the missing are None."""
    if kind == "jsonl":
        found = [json.loads(line) for line in text.split("\n")[:-1]]
    else:
        found = list(csv.DictReader(io.StringIO(text, newline="")))
    length = max(len(found), len(wanted))
    fill = [[*side, *[None] * (length - len(side))] for side in (found, list(wanted))]
    return list(zip(*fill, strict=True))
