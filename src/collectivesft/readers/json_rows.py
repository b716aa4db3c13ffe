"""Rows of JSON Lines and of big JSON arrays, streamed, with their numbers.

Own code: ijson 3.6.0 is faster, but reads half a character (``"\\ud800"``) as ``?`` without a
word, gives nothing for a file that holds no array, and refuses NaN, long integers and a byte-order
mark.
"""

import codecs
import json
from collections.abc import Iterator
from typing import IO, Any

from collectivesft.common.errors import InputError
from collectivesft.common.files import JsonKeyTwiceError, once
from collectivesft.readers.row import REMEDY, Row
from collectivesft.readers.table_rows import lines, undecodable
from collectivesft.sources.archive import Part
from collectivesft.sources.verify import recognise

BLOCK = 1 << 20
_SPACE = " \t\r\n"
_DECODER = json.JSONDecoder(object_pairs_hook=once)


def jsonl_rows(part: Part) -> Iterator[Row]:
    """One JSON value a line; empty lines are passed over.

    Raises:
        InputError: a line that is not UTF-8 or not JSON, or an object with a key twice.
    """
    for number, line in lines(part):
        if not line.strip():
            continue
        try:
            value = _DECODER.decode(line)
        except (ValueError, RecursionError) as error:
            raise _not_json(part, number, str(error)) from error
        yield Row(part, number, value)


def _not_json(part: Part, number: int, reason: str) -> InputError:
    """Name HTML pages and Git-LFS pointers as such."""
    known = None if part.member else recognise(part.path, part.path.name)
    problem, remedy = known or (f"not valid JSON ({reason})", REMEDY)
    return InputError(part.label, problem, remedy, row=number)


def array_rows(part: Part) -> Iterator[Row]:
    """Items of a JSON array, decoded one by one: memory holds one item and a block.

    Row numbers count items from 1.

    Raises:
        InputError: not a JSON array, cut short, not UTF-8, or an object with a key twice; the row
            is the item at fault.
    """
    with part.open() as handle:
        buffer = _Buffer(part, handle)
        number = 0
        for number, value in _items(buffer):
            yield Row(part, number, value)
        if buffer.peek():
            raise _not_json(part, number + 1, "text after the array's end")


def member_rows(part: Part, key: str) -> Iterator[Row]:
    """Items of the array that a JSON object holds under ``key``, decoded one by one.

    Raises:
        InputError: not a JSON object, cut short, not UTF-8, or without such an array.
    """
    found = False
    for name, number, value in _members(part, key):
        if name == key:
            found = True
            if number:
                yield Row(part, number, value)
    if not found:
        raise InputError(part.label, f"no {key} in it", REMEDY)


def members(part: Part, without: str) -> dict[str, Any]:
    """Return a JSON object's members except the big array under ``without``.

    Raises:
        InputError: as ``member_rows``.
    """
    return {name: value for name, number, value in _members(part, without) if name != without}


def _members(part: Part, key: str) -> Iterator[tuple[str, int, Any]]:
    """Name, number and value: each member of an object once, but each item of the array ``key``,
    after one number 0 that says that the array is there."""
    with part.open() as handle:
        buffer = _Buffer(part, handle)
        buffer.expect("{", 1, "a JSON object")
        more = buffer.peek() != "}"
        while more:
            name = buffer.value(1)
            if not isinstance(name, str):
                raise _not_json(part, 1, "a member without a name")
            buffer.expect(":", 1, "a colon")
            if name != key:
                yield name, 1, buffer.value(1)
            else:
                yield name, 0, None
                yield from ((name, number, value) for number, value in _items(buffer))
            more = buffer.peek() == ","
            if more:
                buffer.expect(",", 1, "a comma")
        buffer.expect("}", 1, "a comma or the object's end")
        if buffer.peek():
            raise _not_json(part, 1, "text after the object's end")


def _items(buffer: "_Buffer") -> Iterator[tuple[int, Any]]:
    """Items of the array that comes next, numbered from 1."""
    buffer.expect("[", 1, "a JSON array")
    number = 0
    more = buffer.peek() != "]"
    while more:
        number += 1
        yield number, buffer.value(number)
        more = buffer.peek() == ","
        if more:
            buffer.expect(",", number, "a comma")
    buffer.expect("]", number + 1, "a comma or the array's end")


class _Buffer:
    """A window on a JSON text: grows by blocks, forgets its decoded part."""

    def __init__(self, part: Part, handle: IO[bytes]):
        self._part, self._handle = part, handle
        self._decode = codecs.getincrementaldecoder("utf-8-sig")().decode
        self._text, self._at, self._ended, self._number = "", 0, False, 1
        self._fault: UnicodeDecodeError | None = None

    def _grow(self) -> None:
        if self._fault is not None:
            raise undecodable(self._part, self._number, self._fault, "UTF-8")
        # At least as much again: a value of any size is tried a few times, not once a block.
        block = self._handle.read(max(BLOCK, len(self._text) - self._at))
        self._ended = not block
        try:
            more = self._decode(block, final=self._ended)
        except UnicodeDecodeError as error:
            # Hand on the good items before the fault, so that the item at fault is known.
            more = error.object[: error.start].decode("utf-8-sig")
            self._fault, self._ended = error, False
        self._text, self._at = self._text[self._at :] + more, 0

    def peek(self) -> str:
        """The next character that is not space; "" at the end."""
        while True:
            while self._at < len(self._text):
                character = self._text[self._at]
                if character not in _SPACE:
                    return character
                self._at += 1
            if self._ended:
                return ""
            self._grow()

    def expect(self, character: str, number: int, what: str) -> None:
        """Step over one character that must come next."""
        found = self.peek()
        if found != character:
            shown = repr(found) if found else "the end of the file"
            raise _not_json(self._part, number, f"{shown} where {what} is expected")
        self._at += 1

    def value(self, number: int) -> Any:
        """Decode the next value; more text is read until it is whole."""
        self._number = number
        self.peek()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except RecursionError as error:
                raise _not_json(self._part, number, "nested too deeply") from error
            except JsonKeyTwiceError as error:
                raise _not_json(self._part, number, str(error)) from error
            except ValueError as error:
                if self._ended:
                    raise _not_json(self._part, number, str(error)) from error
            else:
                # A number at the window's edge may continue in the next block.
                if end < len(self._text) or self._ended:
                    self._at = end
                    return value
            self._grow()
