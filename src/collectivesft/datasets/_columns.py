"""Questions and answers as Arrow columns: for sets that are joined from tables of millions of rows.

The same examples as ``_rows.pair`` makes one by one, many times as fast; tests compare the two.
"""

import sys
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

from collectivesft.example import arrow_schema, dump_meta

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

ROWS = 1 << 14  # of a table


@cache
def _space() -> str:
    """What ``str.strip`` takes for space; Arrow's own idea differs in a few characters."""
    return "".join(filter(str.isspace, map(chr, range(sys.maxunicode + 1))))


def stripped(texts: "pa.Array | pa.ChunkedArray"):
    """Bytes as text without space at its ends, as ``str.strip`` does it.

    Raises:
        pyarrow.ArrowInvalid: not UTF-8.
    """
    from pyarrow import compute

    return compute.utf8_trim(compute.cast(texts, "string"), characters=_space())


def firsts(codes: "np.ndarray") -> "np.ndarray":
    """Where each different number stands first, in the order of the numbers."""
    import numpy as np

    differs = codes[1:] != codes[:-1]
    if (codes[1:] >= codes[:-1]).all():  # sorted already, as most tables are: in no time
        return np.flatnonzero(np.append(np.ones(len(codes[:1]), bool), differs))
    return np.unique(codes, return_index=True)[1]


def places(keys: "pa.Array", among: "pa.Array", last: bool = False) -> "np.ndarray":
    """Where each key stands, -1 where it does not; of several places the first, or the last."""
    from pyarrow import compute

    # Of several places Arrow names the first.
    at = compute.index_in(keys, among[::-1] if last else among)
    found = at.fill_null(len(among) if last else -1).to_numpy()
    return len(among) - 1 - found if last else found


def row_numbers(content: bytes, table: "pa.Table") -> "np.ndarray":
    """The line at which each record of a CSV file begins, as ``csv_rows`` counts.

    Args:
        content: of the file.
        table: all of its columns, untouched.

    Raises:
        pyarrow.ArrowInvalid: lines that are in no column, such as empty ones.
    """
    import numpy as np
    import pyarrow as pa
    from pyarrow import compute

    within = np.zeros(len(table), dtype=np.int64)
    lines = content.count(b"\n") + (not content.endswith(b"\n"))
    if lines != len(table) + 1:  # each record is a line, as in most files
        for column in table.columns:
            within += compute.count_substring(column, "\n").to_numpy()
    ends = np.cumsum(within + 1) + 1
    fits = lines == (ends[-1] if len(ends) else 1)
    if not fits or (b"\r" in content and content.count(b"\r") != content.count(b"\r\n")):
        raise pa.ArrowInvalid("lines that belong to no record")
    return ends - within


def pairs_tables(
    ids: "pa.Array",
    dataset: str,
    language: str,
    origin: tuple[str, "np.ndarray"],
    texts: "pa.Array",
    turns: tuple["np.ndarray", "np.ndarray"],
) -> Iterator["pa.Table"]:
    """Examples of style ``qa``, one for each id, as ``example.arrow_schema`` has them.

    They come by ``ROWS``: new memory for all of their texts at once would cost more time than the
    texts do.

    Args:
        ids: such as ``cmedqa2:7-12``.
        origin: ``meta``'s file and its rows, one for each id.
        texts: what users and assistants say.
        turns: places in ``texts`` of each example's user and assistant turn.
    """
    import numpy as np
    import pyarrow as pa
    from pyarrow import compute

    schema, (file, numbers) = arrow_schema(), origin
    fields = list(schema.field("messages").type.value_type)
    head, tail = dump_meta({"file": file, "row": 0}).rsplit("0", 1)
    said = np.stack(turns, axis=1)
    for start in range(0, len(ids), ROWS):
        part = slice(start, start + ROWS)
        at, rows = pa.array(said[part].ravel()), pa.array(numbers[part])
        count = len(rows)
        roles = pa.array(["user", "assistant"]).take(pa.array(np.arange(2 * count) % 2))
        message = pa.StructArray.from_arrays([roles, texts.take(at)], fields=fields)
        ends = pa.array(np.arange(0, 2 * count + 1, 2), pa.int32())
        columns = {
            "id": ids[part],
            "dataset": pa.repeat(dataset, count),
            "style": pa.repeat("qa", count),
            "language": pa.repeat(language, count),
            "messages": pa.ListArray.from_arrays(ends, message),
            "meta": compute.binary_join_element_wise(
                head, compute.cast(rows, pa.string()), tail, ""
            ),
        }
        yield pa.Table.from_arrays([columns[name] for name in schema.names], schema=schema)
