"""Raw files to examples and benchmark items, by the file of each dataset and benchmark."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType

import pyarrow as pa

from collectivesft import benchmarks, datasets
from collectivesft.common.errors import InputError
from collectivesft.common.files import atomic_path
from collectivesft.common.progress import track
from collectivesft.curated.storage.parquet import write_results
from collectivesft.curated.storage.step_ledger import StepLedger
from collectivesft.readers.reader_options import chosen
from collectivesft.schema.example import Drop, Example
from collectivesft.schema.item import dump_item
from collectivesft.sources.folder import RawFolder

_Result = Example | Drop | pa.Table


def read_dataset(
    name: str,
    manifest: Path,
    out: Path,
    dropped: Path,
    ledger: Path,
    options: Iterable[str] = (),
) -> None:
    """Write a dataset's examples and its unusable rows; none for a set that was left out.

    Args:
        options: ``NAME=VALUE`` of the reader's own options; the others have their defaults.

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
        results = _tables(reader, raw, values)
        if results is None:
            results = track(reader.read(raw, **values), f"read {name}")
        write_results(_some(counts.watch(results), name, manifest), out, dropped)
    counts.write(ledger)


def _tables(
    reader: ModuleType, raw: RawFolder, options: dict[str, str]
) -> Iterable[_Result] | None:
    """What a reader that can do so reads as tables; None where only its rows will do."""
    return reader.read_tables(raw, **options) if hasattr(reader, "read_tables") else None


def _some(results: Iterable[_Result], name: str, manifest: Path) -> Iterator[_Result]:
    """Pass the results on; no example at all is an error, raised before any file has its name."""
    first, kept = None, False
    for result in results:
        if isinstance(result, Drop):
            first = first or result
        else:
            kept |= not isinstance(result, pa.Table) or len(result) > 0
        yield result
    if not kept:
        why = f"no usable row (the first: {first.reason}, {first.detail})" if first else "no rows"
        raise InputError(manifest, f"{name} has {why}", "Check its raw files, then fetch again")


def read_benchmark(name: str, manifest: Path, out: Path) -> None:
    """Write a benchmark's items as JSON Lines, in the order of its files.

    Raises:
        InputError: a raw file is not what the benchmark expects, or an id appears twice.
    """
    raw, seen = RawFolder.load(manifest), set()
    if raw.left_out:
        raise InputError(manifest, f"left out ({raw.left_out})", "Delete it and fetch it again")
    with atomic_path(out) as partial, open(partial, "w", encoding="utf-8") as handle:
        for item in track(benchmarks.get(name).items(raw), f"read {name}"):
            if item.id in seen:
                raise InputError(manifest, f"{name}: two items {item.id}", "Fetch it again")
            seen.add(item.id)
            handle.write(dump_item(item) + "\n")
