"""Join questions and answers as Arrow columns, for datasets made of tables of millions of rows.

The same examples as ``_rows.pair`` makes one by one, many times as fast; tests compare the two.
"""

import sys
from collections.abc import Iterator
from functools import cache
from typing import IO, TYPE_CHECKING

from collectivesft.schema.example import arrow_schema, dump_meta

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

ROWS = 1 << 12  # of a table


@cache
def _space() -> str:
    """Return the space characters of ``str.strip``; Arrow's own differ in a few characters."""
    return "".join(filter(str.isspace, map(chr, range(sys.maxunicode + 1))))


def stripped(table: "pa.Table") -> "pa.Table":
    """Columns of bytes as texts without space at their ends, as ``str.strip`` does it.

    Raises:
        pyarrow.ArrowInvalid: not UTF-8.
    """
    import pyarrow as pa
    from pyarrow import compute

    texts = (compute.cast(column, "string") for column in table.columns)
    columns = [compute.utf8_trim(column, characters=_space()) for column in texts]
    return pa.table(columns, names=table.column_names)


def firsts(codes: "np.ndarray") -> "np.ndarray":
    """Return the first place of each different number, in order."""
    import numpy as np

    differs = codes[1:] != codes[:-1]
    if (codes[1:] >= codes[:-1]).all():  # sorted already, as most tables are: in no time
        return np.flatnonzero(np.append(np.ones(len(codes[:1]), bool), differs))
    return np.sort(np.unique(codes, return_index=True)[1])


def places(keys: "pa.Array", among: "pa.Array", last: bool = False) -> "np.ndarray":
    """Return the place of each key, -1 for a missing one; of several the first, or the last."""
    from pyarrow import compute

    # Of several places Arrow names the first.
    at = compute.index_in(keys, among[::-1] if last else among)
    found = at.fill_null(len(among) if last else -1).to_numpy()
    return len(among) - 1 - found if last else found


class Lines:
    """A file whose lines are counted while it is read.

    Attributes:
        count: so far; the last need not end.
        alone: whether a carriage return comes without a line feed.
    """

    def __init__(self, handle: IO[bytes]):
        self._handle, self._last = handle, b"\n"
        self._feeds, self.alone = 0, False

    @property
    def count(self) -> int:
        return self._feeds + (self._last != b"\n")

    def readinto(self, buffer: "pa.Buffer") -> int:
        """As files do."""
        import numpy as np

        size = self._handle.readinto(buffer)
        block = np.frombuffer(buffer, np.uint8)[:size]
        self._feeds += np.count_nonzero(block == ord("\n"))
        after = np.flatnonzero(block[:-1] == ord("\r")) + 1
        self.alone |= bool((block[after] != ord("\n")).any())
        if self._last == b"\r":
            self.alone |= block[:1].tobytes() != b"\n"
        self._last = block[-1:].tobytes() or self._last
        return size


def row_numbers(lines: Lines, table: "pa.Table") -> "np.ndarray":
    """The line at which each record of a CSV file begins, as ``csv_rows`` counts.

    Args:
        lines: of the whole file.
        table: all of its columns, untouched.

    Raises:
        pyarrow.ArrowInvalid: lines that are in no column, such as empty ones.
    """
    import numpy as np
    import pyarrow as pa
    from pyarrow import compute

    within = np.zeros(len(table), dtype=np.int64)
    if lines.count != len(table) + 1:  # each record is a line, as in most files
        for column in table.columns:
            within += compute.count_substring(column, "\n").to_numpy()
    ends = np.cumsum(within + 1) + 1
    if lines.count != (ends[-1] if len(ends) else 1) or lines.alone:
        raise pa.ArrowInvalid("lines that belong to no record")
    return ends - within


def pairs_tables(
    ids: "pa.Array",
    dataset: str,
    language: str,
    origin: tuple[str, "np.ndarray"],
    around: list[str],
    users: tuple["pa.ChunkedArray", "np.ndarray"],
    assistants: tuple["pa.ChunkedArray", "np.ndarray"],
) -> Iterator["pa.Table"]:
    """Examples of style ``qa``, one for each id, as ``example.arrow_schema`` has them.

    They come by ``ROWS``: new memory for all of their texts at once would cost more time than the
    texts do.

    Args:
        ids: such as ``cmedqa2:7-12``.
        origin: ``meta``'s file and its rows, one for each id.
        around: the prompt's words before, between and after the user's texts.
        users: texts, and the place there of each example's first turn.
        assistants: the same of its second.
    """
    import numpy as np
    import pyarrow as pa
    from pyarrow import compute

    schema, (file, numbers) = arrow_schema(), origin
    fields = list(schema.field("messages").type.value_type)
    head, tail = dump_meta({"file": file, "row": 0}).rsplit("0", 1)
    roles = pa.array(["user", "assistant"] * ROWS)
    asking, telling = _Pieces(users[0]), _Pieces(assistants[0])
    for start in range(0, len(ids), ROWS):
        part = slice(start, start + ROWS)
        rows = pa.array(numbers[part])
        count = len(rows)
        asked, asked_at = asking.at(users[1][part])
        told, told_at = telling.at(assistants[1][part])
        prompts = [compute.binary_join_element_wise(*around, piece) for piece in asked]
        texts = pa.concat_arrays([*prompts, *told])
        at = pa.array(np.stack([asked_at, sum(map(len, asked)) + told_at], axis=1).ravel())
        message = pa.StructArray.from_arrays([roles[: 2 * count], texts.take(at)], fields=fields)
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


class _Pieces:
    """Texts in pieces, asked for by their places; Arrow's ``take`` would join all pieces first."""

    def __init__(self, texts: "pa.ChunkedArray"):
        import numpy as np

        self._pieces = texts.chunks
        self._ends = np.cumsum([len(piece) for piece in self._pieces])

    def at(self, places: "np.ndarray") -> tuple[list["pa.Array"], "np.ndarray"]:
        """Arrays that hold the texts at these places, and where each is once they are joined.

        No text is copied if places follow each other, as in most tables.
        """
        import numpy as np
        import pyarrow as pa

        order = np.argsort(places, kind="stable")
        bounds = np.searchsorted(places[order], self._ends)
        starts = np.append(0, bounds[:-1])
        found, where, count = [], np.empty_like(places), 0
        for i in np.flatnonzero(bounds > starts):
            here, piece = order[starts[i] : bounds[i]], self._pieces[i]
            within = places[here] - (self._ends[i] - len(piece))
            low, span = within[0], within[-1] - within[0] + 1
            if span <= 2 * len(within):
                found.append(piece.slice(low, span))
                where[here] = count + within - low
            else:
                found.append(piece.take(pa.array(within)))
                where[here] = count + np.arange(len(within))
            count += len(found[-1])
        return found, where
