"""Examples on disk: streamed in batches, so that memory does not grow with the number of rows."""

import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from collectivesft.errors import InputError
from collectivesft.example import Drop, Example, arrow_schema, drop_schema
from collectivesft.files import atomic_path

BATCH = 2048
_REMEDY = "Delete it and run the step before again"


class Writer:
    """Collects rows and writes them to a Parquet file, batch by batch."""

    def __init__(self, path: Path, schema: pa.Schema):
        self._writer = pq.ParquetWriter(path, schema, compression="zstd")
        self._schema, self._rows = schema, []

    def add(self, row: dict) -> None:
        """Add one row."""
        self._rows.append(row)
        if len(self._rows) >= BATCH:
            self._flush()

    def _flush(self) -> None:
        if self._rows:
            self._writer.write_table(pa.Table.from_pylist(self._rows, self._schema))
            self._rows = []

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, *exception: object) -> None:
        if exception[0] is None:
            self._flush()
        self._writer.close()


def write_results(results: Iterable[Example | Drop], kept: Path, dropped: Path) -> None:
    """Write examples to one file and dropped rows to the other; both appear at the end."""
    with ExitStack() as stack:
        kept_partial = stack.enter_context(atomic_path(kept))
        dropped_partial = stack.enter_context(atomic_path(dropped))
        examples = stack.enter_context(Writer(kept_partial, arrow_schema()))
        drops = stack.enter_context(Writer(dropped_partial, drop_schema()))
        for result in results:
            if isinstance(result, Drop):
                drops.add(drop_row(result))
            else:
                examples.add(result.to_row())


def drop_row(drop: Drop) -> dict[str, str]:
    """The row as Parquet stores it; the dataset is what stands before the id's colon."""
    dataset = drop.id.partition(":")[0]
    fields = {"reason": drop.reason, "text": drop.text, "detail": drop.detail}
    return {"id": drop.id, "dataset": dataset, **fields}


def read_examples(path: Path) -> Iterator[Example]:
    """Examples of a Parquet file in its order, decoded batch by batch.

    Raises:
        InputError: not a Parquet file of examples.
    """
    with _readable(path), pq.ParquetFile(path) as file:
        if not file.schema_arrow.equals(arrow_schema()):
            raise InputError(path, "not a table of examples (other columns)", _REMEDY)
        for batch in file.iter_batches(BATCH):
            yield from map(_example, batch.to_pylist())


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        if getattr(error, "errno", None):
            raise  # the disk or a permission, not the content
        problem = f"not readable as Parquet ({str(error).splitlines()[0]})"
        raise InputError(path, problem, _REMEDY) from error


def _example(row: dict) -> Example:
    messages = [(message["role"], message["content"]) for message in row["messages"]]
    meta = json.loads(row["meta"])
    return Example(row["id"], row["dataset"], row["style"], row["language"], messages, meta)


def count_rows(path: Path) -> int:
    """Number of rows of a Parquet file, from its footer.

    Raises:
        InputError: not a Parquet file.
    """
    with _readable(path):
        return pq.read_metadata(path).num_rows


def read_columns(path: Path, names: list[str]) -> Iterator[tuple]:
    """Rows of some columns of a Parquet file of examples, in its order, batch by batch.

    Raises:
        InputError: not a Parquet file of examples.
    """
    with _readable(path), pq.ParquetFile(path) as file:
        if not file.schema_arrow.equals(arrow_schema()):
            raise InputError(path, "not a table of examples (other columns)", _REMEDY)
        for batch in file.iter_batches(BATCH * 16, columns=names):
            yield from zip(*(batch[name].to_pylist() for name in names), strict=True)
