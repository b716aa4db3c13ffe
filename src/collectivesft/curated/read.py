"""Raw files to examples and benchmark items, by the file of each dataset and benchmark."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pyarrow as pa

from collectivesft import benchmarks, datasets
from collectivesft.common.errors import InputError
from collectivesft.common.files import atomic_path
from collectivesft.common.progress import track
from collectivesft.curated.storage.parquet import write_results
from collectivesft.curated.storage.step_ledger import StepLedger
from collectivesft.readers.mcqa import ambiguous
from collectivesft.readers.reader_options import chosen
from collectivesft.schema.example import Drop, Example, example_fault
from collectivesft.schema.item import Item, dump_item, item_fault
from collectivesft.sources.folder import RawFolder

_Result = Example | Drop | pa.Table
# Reasons for which many rows are dropped where a file numbers or orders its options otherwise.
_WRONG = {"answer_mismatch", "bad_answer", "bad_options"}
_MOST_WRONG = 0.1


def read_dataset(
    name: str,
    manifest: Path,
    out: Path,
    dropped: Path,
    ledger: Path,
    options: Iterable[str] = (),
) -> None:
    """Write a dataset's examples and its unusable rows; none for a dataset that was left out.

    Args:
        options: ``NAME=VALUE`` of the reader's own options; missing ones have their defaults.

    Raises:
        UserError: an option that the reader does not have.
        InputError: a raw file is not what its reader expects, with file and row.
    """
    raw = RawFolder.load(manifest)
    counts, reader = StepLedger("read", [name]), datasets.get(name)
    values = chosen(name, getattr(reader, "OPTIONS", ()), options)
    if raw.left_out:
        counts.left_out[name] = raw.left_out
        write_results([], out, dropped)
    else:
        counts.options |= {name: values} if values else {}
        counts.forms |= {name: reader.form(raw)} if hasattr(reader, "form") else {}
        results = _tables(reader, raw, values)
        if results is None:
            results = track(reader.read(raw, **values), f"read {name}")
        write_results(_some(counts.watch(results), name, manifest), out, dropped)
    counts.write(ledger)


def _tables(
    reader: ModuleType, raw: RawFolder, options: dict[str, str]
) -> Iterable[_Result] | None:
    """Return the tables of a reader that reads tables; None for one that reads only rows."""
    return reader.read_tables(raw, **options) if hasattr(reader, "read_tables") else None


def _some(results: Iterable[_Result], name: str, manifest: Path) -> Iterator[_Result]:
    """Pass the results on; no example at all is an error, raised before any file has its name."""
    first, kept, rows, wrong = None, False, 0, 0
    for result in results:
        rows += len(result) if isinstance(result, pa.Table) else 1
        if isinstance(result, Drop):
            first = first or result
            wrong += result.reason in _WRONG
        else:
            kept |= not isinstance(result, pa.Table) or len(result) > 0
            if isinstance(result, Example):
                _check(result, name, manifest)
        yield result
    if not kept:
        why = f"no usable row (the first: {first.reason}, {first.detail})" if first else "no rows"
        raise InputError(manifest, f"{name} has {why}", "Check its raw files, then fetch again")
    if wrong > max(_MOST_WRONG * rows, 10):
        problem = f"{name}: the answers of {wrong} of {rows} questions are none of their options"
        remedy = "Check that options and answers are numbered as in the pinned revision"
        raise InputError(manifest, problem, remedy)


def _check(example: Example, name: str, manifest: Path) -> None:
    """Raise an error that names file and row, if a reader's example is not what steps expect."""
    if fault := example_fault(example, name):
        path = manifest.parent / "files" / str(example.meta.get("file", ""))
        remedy = f"Correct datasets/{Path(datasets.get(name).__file__).name}, or the row"
        raise InputError(
            path, f"example {example.id}: {fault}", remedy, row=example.meta.get("row")
        )


def read_benchmark(name: str, manifest: Path, out: Path) -> None:
    """Write a benchmark's items as JSON Lines, in the order of its files.

    Raises:
        InputError: a raw file has a different format, an item cannot be asked or scored
            (see ``item_fault``), an id appears twice, or no item is one to score.
    """
    raw, seen, module = RawFolder.load(manifest), set(), benchmarks.get(name)
    splits: Counter[str] = Counter()
    if raw.left_out:
        raise InputError(manifest, f"left out ({raw.left_out})", "Delete it and fetch it again")
    kept_key = hasattr(module, "KEY_DATES") or getattr(module, "KINDS", ()) == ("upload",)
    with atomic_path(out) as partial, open(partial, "w", encoding="utf-8") as handle:
        for number, item in enumerate(track(module.items(raw), f"read {name}"), start=1):
            file, row = item.place or (manifest, None)
            if fault := item_fault(item, name, kept_key):
                problem = f"{name}: item {number} (id {item.id}): {fault}"
                remedy = f"Correct benchmarks/{Path(module.__file__).name}, or the row"
                raise InputError(Path(file), problem, remedy, row=row)
            if item.id in seen:
                problem = f"{name}: a second item with the id {item.id}"
                raise InputError(Path(file), problem, "Give each row its own id", row=row)
            seen.add(item.id)
            splits[item.split] += 1
            handle.write(dump_item(_marked(item)) + "\n")
        if not splits["test"]:  # a model would be trained before anybody noticed
            there = ", ".join(f"{count} {split}" for split, count in sorted(splits.items()))
            problem = f"{name}: no test item ({there or 'no item at all'})"
            raise InputError(manifest, problem, "Check its raw files, then fetch again")


def _marked(item: Item) -> Item:
    """The item; one whose right option has the text of a wrong one is reported apart."""
    if (
        item.kind != "choice"
        or item.split == "unscored"
        or not ambiguous(item.options, item.answer)
    ):
        return item
    return replace(item, meta={**item.meta, "apart": "same_options"})
