"""Questions and answers as Arrow columns: for sets that are joined from tables of millions of rows.

The same examples as ``_rows.pair`` makes one by one, many times as fast; tests compare the two.
"""

import sys
from functools import cache
from typing import TYPE_CHECKING

from collectivesft.example import arrow_schema, dump_meta

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


@cache
def _space() -> str:
    """What ``str.strip`` takes for space; Arrow's own idea differs in a few characters."""
    return "".join(filter(str.isspace, map(chr, range(sys.maxunicode + 1))))


def stripped(texts: "pa.Array | pa.ChunkedArray"):
    """The texts without space at their ends, as ``str.strip`` does it."""
    from pyarrow import compute

    return compute.utf8_trim(texts, characters=_space())


def firsts(codes: "np.ndarray") -> "np.ndarray":
    """Where each different number stands first, in the order of the numbers."""
    import numpy as np

    return np.unique(codes, return_index=True)[1]


def places(keys: "pa.Array", among: "pa.Array", last: bool = False) -> "np.ndarray":
    """Where each key stands, -1 where it does not; of several places the first, or the last."""
    import numpy as np
    from pyarrow import compute

    known = among.dictionary_encode()
    codes = known.indices.to_numpy()
    at = len(codes) - 1 - firsts(codes[::-1]) if last else firsts(codes)
    found = compute.index_in(keys, known.dictionary).fill_null(-1).to_numpy()
    return np.append(at, -1)[found]


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
    for column in table.columns:
        within += compute.count_substring(column, "\n").to_numpy()
    ends = np.cumsum(within + 1) + 1
    lines = content.count(b"\n") + (not content.endswith(b"\n"))
    if lines != (ends[-1] if len(ends) else 1) or content.count(b"\r") != content.count(b"\r\n"):
        raise pa.ArrowInvalid("lines that belong to no record")
    return ends - within


def pairs_table(
    ids: "pa.Array",
    dataset: str,
    language: str,
    origin: tuple[str, "np.ndarray"],
    texts: "pa.Array",
    turns: tuple["np.ndarray", "np.ndarray"],
) -> "pa.Table":
    """Examples of style ``qa``, one for each id, as ``example.arrow_schema`` has them.

    Args:
        ids: such as ``cmedqa2:7-12``.
        origin: ``meta``'s file and its rows, one for each id.
        texts: what users and assistants say.
        turns: places in ``texts`` of each example's user and assistant turn.
    """
    import numpy as np
    import pyarrow as pa
    from pyarrow import compute

    count, schema = len(ids), arrow_schema()
    message = pa.StructArray.from_arrays(
        [
            pa.array(["user", "assistant"]).take(pa.array(np.arange(2 * count) % 2)),
            texts.take(pa.array(np.stack(turns, axis=1).ravel())),
        ],
        fields=list(schema.field("messages").type.value_type),
    )
    ends = pa.array(np.arange(0, 2 * count + 1, 2), pa.int32())
    file, rows = origin
    head, tail = dump_meta({"file": file, "row": 0}).rsplit("0", 1)
    numbers = compute.cast(pa.array(rows), pa.string())
    columns = {
        "id": ids,
        "dataset": pa.repeat(dataset, count),
        "style": pa.repeat("qa", count),
        "language": pa.repeat(language, count),
        "messages": pa.ListArray.from_arrays(ends, message),
        "meta": compute.binary_join_element_wise(head, numbers, tail, ""),
    }
    return pa.Table.from_arrays([columns[name] for name in schema.names], schema=schema)
