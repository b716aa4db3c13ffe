"""Rows of CSV, TSV and Parquet files, streamed, with their numbers."""

import csv
from collections.abc import Iterable, Iterator
from typing import IO, TYPE_CHECKING

from collectivesft.common.errors import InputError
from collectivesft.readers.row import REMEDY, Row
from collectivesft.sources.archive import Part

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

BATCH = 1024
BLOCK = 1 << 20  # bytes of a file that are parsed at once: about a core's cache
SAMPLE = 1 << 16
_BOM = b"\xef\xbb\xbf"
_INNER = r"\n[^\n,]*,"  # a line within a text that has two fields at least


def lines(part: Part, encoding: str = "utf-8") -> Iterator[tuple[int, str]]:
    """``(number, line)`` of a text file, line ends kept, a byte-order mark left out.

    Raises:
        InputError: a line that is not in that encoding, with its number.
    """
    with part.open() as handle:
        for number, raw in enumerate(handle, start=1):
            if number == 1:
                raw = raw.removeprefix(_BOM)
            try:
                yield number, raw.decode(encoding)
            except UnicodeDecodeError as error:
                where = f" in column {error.start}"
                raise undecodable(part, number, error, encoding, where) from error


def undecodable(
    part: Part, row: int, error: UnicodeDecodeError, encoding: str, where: str = ""
) -> InputError:
    """Another encoding, or a file that ends within a character."""
    if error.reason in ("unexpected end of data", "incomplete multibyte sequence"):
        problem, remedy = "cut short: it ends within a character", "Fetch the file again"
    else:
        problem = f"not {encoding} (byte {error.object[error.start]:#04x}{where})"
        remedy = f"Convert the file to {encoding}, or fetch it again"
    return InputError(part.label, problem, remedy, row=row)


def guess_chinese(part: Part) -> str:
    """``utf-8`` or ``gb18030``, judged by the first 64 KiB: Chinese in one is not valid in the
    other, except by rare chance."""
    with part.open() as handle:
        sample = handle.read(SAMPLE)
    if sample.startswith(_BOM):
        return "utf-8"
    text = (sample.rpartition(b"\n")[0] or sample).decode("utf-8", "replace")
    # One damaged character does not change the encoding of the rest.
    damaged = text.count("\ufffd")
    chinese = len(text) - len(text.encode("ascii", "ignore")) - damaged
    return "utf-8" if chinese > 8 * damaged else "gb18030"


def csv_rows(part: Part, columns: Iterable[str], encoding: str = "utf-8") -> Iterator[Row]:
    """Rows of a CSV file with a header, in any order of columns.

    A record with a wrong number of fields than the header, or with a line end of a second kind
    within it, comes as ``None`` instead of the object: unusable, and the caller drops it. Lines
    that a stray quote joined come as ``None`` each.

    Raises:
        InputError: a column is missing, wrong encoding, or a quote that is never closed: what
            follows it would be taken for one text.
    """
    start, counter = 1, _Counter(lines(part, encoding))
    reader = csv.reader(counter)
    header: list[str] | None = None
    while True:
        fits = True
        try:
            record = next(reader, None)
        except csv.Error as error:
            if header is None and "new-line" in str(error):
                raise _old_line_ends(part) from error
            if header is None or "limit" in str(error):
                raise _unclosed(part, start, f"{error}; ") from error
            record, fits = [], False
        if record is None:
            break
        if counter.ended:
            raise _unclosed(part, start)
        if header is None:
            header = _header(part, record, columns)
        elif record or not fits:
            fits = fits and len(record) == len(header)
            if fits and len(counter.lines) > 1 and _joined(counter.lines, len(header)):
                yield from (Row(part, start + i, None) for i in range(len(counter.lines)))
            else:
                yield Row(part, start, dict(zip(header, record, strict=True)) if fits else None)
        start = counter.number + 1
        counter.lines.clear()
    if header is None:
        raise InputError(part.label, "an empty file", REMEDY)


def _joined(lines: list[str], fields: int) -> bool:
    """Tell lines that a stray quote joined to one record from a text of several lines.

    They are if each has as many fields as the header; or if one has, and the quotes are not where
    CSV wants them.
    """
    counts = [len(record) for record in csv.reader(lines, quoting=csv.QUOTE_NONE)]
    if all(count == fields for count in counts):
        return True
    if fields not in counts[1:]:
        return False
    try:
        list(csv.reader(lines, strict=True))
    except csv.Error:
        return True
    return False


def csv_columns(handle: IO[bytes], columns: tuple[str, ...]) -> Iterator["pa.Table"]:
    """Columns of a CSV file with a header, as bytes, a table for each ``BLOCK`` of it; at least
    one, be it empty.

    For tables of millions of short rows, ten times as fast as ``csv_rows``, and less forgiving.
    That they are UTF-8 and space at their ends are left to the caller: most rows are not wanted.

    Raises:
        pyarrow.ArrowInvalid: whatever is wrong; ``csv_rows`` says what, and in which row.
    """
    import pyarrow as pa
    from pyarrow import compute, csv

    read = csv.ReadOptions(block_size=BLOCK, use_threads=False)
    parse = csv.ParseOptions(newlines_in_values=True)
    # Nothing is a number: 007 is not 7.
    kinds = dict.fromkeys(columns, pa.binary())
    convert = csv.ConvertOptions(column_types=kinds, include_columns=list(columns))
    counted = _Quotes(handle)
    try:
        reader = csv.open_csv(pa.PythonFile(counted, "r"), read, parse, convert)
        if any(counted.header.count(name) > 1 for name in columns):
            raise pa.ArrowInvalid("a column twice")
        yield reader.schema.empty_table().select(columns)
        for batch in reader:
            found = [batch.column(name) for name in columns]
            if any(compute.any(compute.match_substring_regex(c, _INNER)).as_py() for c in found):
                raise pa.ArrowInvalid("lines within a text that may be rows")
            yield pa.table(found, names=list(columns))
    except KeyError as error:  # no such column
        raise pa.ArrowInvalid(str(error)) from error
    if counted.quotes % 2:  # Arrow takes what follows an unclosed one for its text
        raise pa.ArrowInvalid("an unclosed quote")


class _Quotes:
    """A file whose quotes are counted while Arrow reads it."""

    closed = False

    def __init__(self, handle: IO[bytes]):
        self._handle, self.quotes = handle, 0
        self.header: list[str] = []

    def read(self, size: int) -> "pa.Buffer":
        import numpy as np
        import pyarrow as pa

        # Of Arrow's memory, which is used again; Python's comes new from the system each time.
        buffer = pa.allocate_buffer(size)
        block = buffer.slice(0, self._handle.readinto(buffer))
        if not self.header:
            first = bytes(block[: 1 << 12]).partition(b"\n")[0].decode("utf-8-sig", "replace")
            self.header = [name.strip() for name in next(csv.reader([first]), [])]
        # Three times as fast as bytes.count where most of them are quoted.
        self.quotes += np.count_nonzero(np.frombuffer(block, np.uint8) == ord('"'))
        return block


def _unclosed(part: Part, row: int, why: str = "") -> InputError:
    return InputError(part.label, f"not CSV ({why}an unclosed quote?)", REMEDY, row=row)


def _old_line_ends(part: Part) -> InputError:
    problem = "carriage returns within the first line, as where lines end in them only"
    return InputError(part.label, problem, "Convert its line ends to newlines", row=1)


class _Counter:
    """Hands on lines and remembers the number of the last: a record may span several.

    Attributes:
        lines: handed on since its user cleared them.
    """

    def __init__(self, numbered: Iterator[tuple[int, str]]):
        self._numbered, self.number, self.ended = numbered, 0, False
        self.lines: list[str] = []

    def __iter__(self) -> "_Counter":
        return self

    def __next__(self) -> str:
        try:
            self.number, line = next(self._numbered)
        except StopIteration:
            self.ended = True
            raise
        self.lines.append(line)
        return line


def _header(part: Part, record: list[str], columns: Iterable[str]) -> list[str]:
    header = [name.strip() for name in record]
    missing = [name for name in columns if name not in header]
    if missing:
        problem = f"no column {', '.join(missing)}; there is {', '.join(header)}"
        raise InputError(part.label, problem[:500], REMEDY, row=1)
    _once(part, header, columns)
    return header


def _once(part: Part, header: list[str], columns: Iterable[str]) -> None:
    """Refuse a wanted column that is there twice: nobody knows which one is meant."""
    if twice := [name for name in columns if header.count(name) > 1]:
        raise InputError(part.label, f"the column {twice[0]} twice", REMEDY, row=1)


def tsv_rows(part: Part, columns: tuple[str, ...]) -> Iterator[Row]:
    """Rows of a tab-separated file without header or quotes; the last field keeps further tabs.

    A later line with too few fields comes as ``None``, as in ``csv_rows``.

    Raises:
        InputError: wrong encoding, or already the first line has too few fields, or carriage
            returns within it.
    """
    for number, line in lines(part):
        if number == 1 and "\r" in line.rstrip("\r\n"):
            raise _old_line_ends(part)
        fields = line.split("\t", len(columns) - 1)
        fits = len(fields) == len(columns)
        if not fits and number == 1:
            problem = f"{len(fields)} tab-separated fields, expected {', '.join(columns)}"
            raise InputError(part.label, problem, REMEDY, row=1)
        yield Row(part, number, dict(zip(columns, fields, strict=True)) if fits else None)


def parquet_rows(
    part: Part, columns: tuple[str, ...], optional: tuple[str, ...] = ()
) -> Iterator[Row]:
    """Rows of a Parquet file, read in batches, only the columns named.

    Raises:
        InputError: not Parquet, damaged, or a column is missing.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 0
    try:
        with pq.ParquetFile(part.path) as file:
            names = file.schema_arrow.names
            if missing := [name for name in columns if name not in names]:
                problem = f"no column {', '.join(missing)}; there is {', '.join(names)}"
                raise InputError(part.label, problem, REMEDY)
            _once(part, names, (*columns, *optional))
            wanted = [name for name in (*columns, *optional) if name in names]
            for value in _values(file, wanted):
                number += 1
                yield Row(part, number, value)
    except (pa.ArrowException, UnicodeDecodeError, OSError) as error:
        if getattr(error, "errno", None):
            # Not the content: the disk or a permission. Arrow names no file.
            error.filename = error.filename or str(part.path)
            raise
        problem = f"not readable as Parquet ({str(error).splitlines()[0]})"
        raise InputError(part.label, problem, REMEDY, row=number + 1) from error


def _values(file: "pq.ParquetFile", columns: list[str]) -> Iterator[dict]:
    """Rows of one row group after the other: Arrow keeps all that one call asks for."""
    for group in range(file.num_row_groups):
        for batch in file.iter_batches(BATCH, row_groups=[group], columns=columns):
            yield from batch.to_pylist()
