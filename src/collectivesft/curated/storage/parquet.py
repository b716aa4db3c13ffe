"""Examples on disk: streamed in batches, so that memory does not grow with the number of rows.

A step that leaves most rows as they are passes them on as Arrow tables; only rows that it must
look at become ``Example`` objects.
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from collectivesft.common.errors import InputError
from collectivesft.common.files import atomic_path
from collectivesft.curated.storage.step_ledger import StepLedger
from collectivesft.curated.text.prefilter import Texts
from collectivesft.schema.example import Drop, Example, arrow_schema, drop_schema, dump_meta

BATCH = 2048  # rows handled at once
PIECE = 2 << 20  # bytes handled at once where a step takes some tens of bytes of memory for each
GROUP = 8 * BATCH  # rows of a row group, the part of a file that one process takes
_REMEDY = "Delete it and run the step before again"


class Writer:
    """Collects rows and tables in order and writes them to a Parquet file, group by group."""

    def __init__(self, path: Path, schema: pa.Schema):
        # Dictionaries are for what repeats; texts do not, and their dictionary is thrown away.
        repeated = [
            name for name in ("dataset", "style", "language", "reason") if name in schema.names
        ]
        self._writer = pq.ParquetWriter(
            path, schema, compression="zstd", use_dictionary=repeated, write_statistics=False
        )
        self._schema, self._rows, self._tables, self._count = schema, [], [], 0

    def add(self, row: dict | Example) -> None:
        """Add one row: an example, or a row of the writer's schema; not both to one file."""
        self._rows.append(row)
        if len(self._rows) >= BATCH:
            self._gather()

    def add_batch(self, batch: pa.RecordBatch) -> None:
        """Add the rows of a batch."""
        self.add_table(pa.Table.from_batches([batch]))

    def add_table(self, table: pa.Table) -> None:
        """Add the rows of a table."""
        self._gather()
        self._collect(table)

    def _gather(self) -> None:
        if self._rows:
            examples = isinstance(self._rows[0], Example)
            table = example_table(self._rows) if examples else _table(self._rows, self._schema)
            self._collect(table)
            self._rows = []

    def _collect(self, table: pa.Table) -> None:
        self._tables.append(table)
        self._count += table.num_rows
        if self._count >= GROUP:
            whole = self._whole()
            full = self._count - self._count % GROUP
            self._writer.write_table(whole.slice(0, full), row_group_size=GROUP)
            self._count -= full
            # An empty piece would have the next whole copied.
            self._tables = [whole.slice(full)] if self._count else []

    def _whole(self) -> pa.Table:
        # Arrow ends pages by the pieces it is given; of one piece, the bytes follow from the rows.
        return pa.concat_tables(self._tables).combine_chunks()

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, *exception: object) -> None:
        if exception[0] is None:
            self._gather()
            if self._count:
                self._writer.write_table(self._whole(), row_group_size=GROUP)
        self._writer.close()


def _table(rows: list[dict], schema: pa.Schema) -> pa.Table:
    """Rows of plain columns as a table."""
    columns = [pa.array([row[field.name] for row in rows], field.type) for field in schema]
    return pa.Table.from_arrays(columns, schema=schema)


def example_table(examples: Iterable[Example]) -> pa.Table:
    """Examples as a table; column by column, much faster than ``Table.from_pylist``."""
    examples, schema = list(examples), arrow_schema()
    columns = {
        name: pa.array([getattr(example, name) for example in examples], pa.string())
        for name in ("id", "dataset", "style", "language")
    }
    columns["messages"] = _turns([example.messages for example in examples])
    columns["meta"] = pa.array([dump_meta(example.meta) for example in examples], pa.string())
    return pa.Table.from_arrays([columns[name] for name in schema.names], schema=schema)


def _turns(messages: list[list[tuple[str, str]]]) -> pa.Array:
    ends = [0, *accumulate(map(len, messages))]
    flat = [turn for turns in messages for turn in turns]
    texts = [pa.array([turn[i] for turn in flat], pa.string()) for i in range(2)]
    fields = list(arrow_schema().field("messages").type.value_type)
    struct = pa.StructArray.from_arrays(texts, fields=fields)
    return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), struct)


class Results:
    """Writes kept rows to one file and dropped rows to a second one, and counts them.

    Both files appear at the end.
    """

    def __init__(self, kept: Path, dropped: Path, counts: StepLedger):
        self._paths, self._counts, self._stack = (kept, dropped), counts, ExitStack()

    def __enter__(self) -> "Results":
        with ExitStack() as stack:
            partial = [stack.enter_context(atomic_path(path)) for path in self._paths]
            schemas = (arrow_schema(), drop_schema())
            self._examples, self._drops = (
                stack.enter_context(Writer(path, schema))
                for path, schema in zip(partial, schemas, strict=True)
            )
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.__exit__(*exception)

    def keep(self, batch: pa.RecordBatch) -> None:
        """Keep the rows of a batch."""
        self._counts.add_kept(batch.column("dataset"))
        self._examples.add_batch(batch)

    def drop(self, drop: Drop) -> None:
        """Write and count one dropped row."""
        self._counts.add(drop)
        self._drops.add(drop_row(drop))


def write_results(results: Iterable[Example | Drop | pa.Table], kept: Path, dropped: Path) -> None:
    """Write examples to one file and dropped rows to the other; both appear at the end.

    Args:
        results: a table holds examples (see ``arrow_schema``).
    """
    with ExitStack() as stack:
        kept_partial = stack.enter_context(atomic_path(kept))
        dropped_partial = stack.enter_context(atomic_path(dropped))
        examples = stack.enter_context(Writer(kept_partial, arrow_schema()))
        drops = stack.enter_context(Writer(dropped_partial, drop_schema()))
        for result in results:
            if isinstance(result, Drop):
                drops.add(drop_row(result))
            elif isinstance(result, pa.Table):
                examples.add_table(result)
            else:
                examples.add(result)


def drop_row(drop: Drop) -> dict[str, str]:
    """Return the row as Parquet stores it; the dataset is the id's part before the colon."""
    dataset = drop.id.partition(":")[0]
    fields = {"reason": drop.reason, "text": drop.text, "detail": drop.detail}
    return {"id": drop.id, "dataset": dataset, **fields}


def read_examples(path: Path) -> Iterator[Example]:
    """Examples of a Parquet file in its order, decoded batch by batch.

    Raises:
        InputError: not a Parquet file of examples.
    """
    for batch in read_batches(path):
        yield from examples_of(batch)


def read_batches(
    path: Path,
    group: int | None = None,
    columns: list[str] | None = None,
    rows: int | None = None,
) -> Iterator[pa.RecordBatch]:
    """Examples of a Parquet file, or of one of its row groups, as Arrow batches.

    Args:
        rows: of a batch at most; ``BATCH`` by default.

    Raises:
        InputError: not a Parquet file of examples.
    """
    with _readable(path), pq.ParquetFile(path) as file:
        same = file.schema_arrow.equals(arrow_schema())
        if not same and _shape(file.schema_arrow) != _shape(arrow_schema()):
            raise InputError(path, "not a table of examples (other columns)", _REMEDY)
        # One by one: Arrow keeps all row groups that one call asks for.
        for i in range(file.num_row_groups) if group is None else [group]:
            found = file.iter_batches(
                rows or BATCH, row_groups=[i], columns=columns, use_threads=False
            )
            yield from found if same else map(_as_written_here, found)


def pieces(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Cut a batch into pieces of about ``PIECE`` bytes: one at least, without rows if it has none.

    They are for this process: to another, Arrow hands the whole batch with each piece.
    """
    rows = max(len(batch) * PIECE // max(batch.nbytes, 1), 1)
    return (batch.slice(first, rows) for first in range(0, max(len(batch), 1), rows))


def _shape(kind: Any) -> Any:
    """A schema or type without what Polars and pandas write otherwise: large and view types,
    dictionaries, names of list items."""
    if isinstance(kind, pa.Schema) or pa.types.is_struct(kind):
        return tuple((field.name, _shape(field.type)) for field in kind)
    if pa.types.is_dictionary(kind):
        return _shape(kind.value_type)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_list_view(kind):
        return ("list", _shape(kind.value_type))
    texts = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    return "text" if any(check(kind) for check in texts) else str(kind)


def _as_written_here(batch: pa.RecordBatch) -> pa.RecordBatch:
    schema = pa.schema([field for field in arrow_schema() if field.name in batch.schema.names])
    return batch.cast(schema)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        if getattr(error, "errno", None):
            # Not the content: it is not there, or the disk or a permission. Arrow names no file.
            error.filename = error.filename or str(path)
            raise
        problem = f"not readable as Parquet ({str(error).splitlines()[0]})"
        raise InputError(path, problem, _REMEDY) from error


def examples_of(batch: pa.RecordBatch | pa.Table) -> Iterator[Example]:
    """The rows as examples."""
    return map(_example, batch.to_pylist())


def _example(row: dict) -> Example:
    messages = [(message["role"], message["content"]) for message in row["messages"]]
    meta = json.loads(row["meta"])
    return Example(row["id"], row["dataset"], row["style"], row["language"], messages, meta)


def turns(batch: pa.RecordBatch) -> tuple[list[str], list[int]]:
    """Texts of all messages, one after the other, and where those of each row begin.

    The second list has one entry more than there are rows.
    """
    messages = batch.column("messages")
    starts = messages.offsets
    contents = messages.values.field("content")
    first, last = starts[0].as_py(), starts[-1].as_py()
    texts = contents.slice(first, last - first).to_pylist()
    return texts, [start - first for start in starts.to_pylist()]


def joined_turns(batch: pa.RecordBatch) -> tuple[Texts, np.ndarray]:
    """The texts of ``turns`` as one, without an object for each; the starts are int64."""
    starts = np.asarray(batch.column("messages").offsets, dtype=np.int64)
    contents = batch.column("messages").values.field("content")
    contents = contents.slice(starts[0], starts[-1] - starts[0])
    lengths = np.asarray(pc.utf8_length(contents))
    _, offsets, data = contents.buffers()
    if not len(contents) or data is None:
        return Texts("", np.zeros(len(contents) + 1, dtype=np.int64)), starts - starts[0]
    offsets = np.frombuffer(offsets, dtype=np.int32)[contents.offset :][: len(contents) + 1]
    joined = str(memoryview(data)[offsets[0] : offsets[-1]], "utf-8")
    begins = np.zeros(len(contents) + 1, dtype=np.int64)
    np.cumsum(lengths, out=begins[1:])
    return Texts(joined, begins), starts - starts[0]


def roles(batch: pa.RecordBatch) -> pa.Array:
    """Roles of all messages, one after the other."""
    offsets = batch.column("messages").offsets
    first, last = offsets[0].as_py(), offsets[-1].as_py()
    return batch.column("messages").values.field("role").slice(first, last - first)


def count_rows(path: Path) -> int:
    """Number of rows of a Parquet file, from its footer.

    Raises:
        InputError: not a Parquet file.
    """
    with _readable(path):
        return pq.read_metadata(path).num_rows


def row_groups(paths: Iterable[Path]) -> list[tuple[Path, int, int]]:
    """File, number and rows of every row group, in order.

    Raises:
        InputError: not a Parquet file.
    """
    found = []
    for path in paths:
        with _readable(path):
            data = pq.read_metadata(path)
        found += [(path, i, data.row_group(i).num_rows) for i in range(data.num_row_groups)]
    return found
