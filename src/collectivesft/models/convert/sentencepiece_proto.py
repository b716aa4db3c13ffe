"""Reads the few fields that are needed of a SentencePiece model file, which is a protocol buffer.

The format of the file: sentencepiece_model.proto of github.com/google/sentencepiece.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from collectivesft.common.errors import InputError

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = range(1, 7)
BPE = 2


@dataclass(frozen=True)
class SentencePieces:
    """What a SentencePiece model says.

    Attributes:
        pieces: text, score and kind of each token; the place is the id.
        algorithm: how text is segmented; ``BPE`` or another number.
        charsmap: rules that rewrite characters first; empty where there are none.
        dummy_prefix: whether a space goes before every text.
        squeeze: whether spaces at both ends go and several in a row become one.
    """

    pieces: tuple[tuple[str, float, int], ...]
    algorithm: int
    charsmap: bytes
    dummy_prefix: bool
    squeeze: bool


def read_sentencepiece(path: Path) -> SentencePieces:
    """Read ``tokenizer.model``.

    Raises:
        InputError: it is no SentencePiece model.
    """
    try:
        fields = list(_fields(path.read_bytes()))
        pieces = tuple(_piece(value) for number, value in fields if number == 1)
        trainer = dict(_fields(_last(fields, 2)))
        normaliser = dict(_fields(_last(fields, 3)))
    except (IndexError, KeyError, TypeError, AttributeError, struct.error, ValueError) as error:
        raise InputError(path, "not a SentencePiece model", "Fetch it again") from error
    if not pieces:
        raise InputError(path, "a SentencePiece model without pieces", "Fetch it again")
    return SentencePieces(
        pieces,
        trainer.get(3, 1),
        normaliser.get(2, b""),
        bool(normaliser.get(3, 1)),
        bool(normaliser.get(4, 1)),
    )


def _piece(data: bytes) -> tuple[str, float, int]:
    fields = dict(_fields(data))
    return fields[1].decode("utf-8"), fields.get(2, 0.0), fields.get(3, NORMAL)


def _last(fields: list[tuple[int, int | float | bytes]], number: int) -> bytes:
    return next((value for key, value in reversed(fields) if key == number), b"")


def _fields(data: bytes) -> Iterator[tuple[int, int | float | bytes]]:
    """Number and value of each field of a message."""
    place = 0
    while place < len(data):
        key, place = _varint(data, place)
        kind = key & 7
        if kind == 0:
            value, place = _varint(data, place)
        elif kind in (1, 5):
            width, letter = (8, "<d") if kind == 1 else (4, "<f")
            value = struct.unpack(letter, data[place : place + width])[0]
            place += width
        elif kind == 2:
            length, place = _varint(data, place)
            value = data[place : place + length]
            place += length
            if place > len(data):
                raise ValueError("a field longer than its message")
        else:
            raise ValueError(f"a field of unknown kind {kind}")
        yield key >> 3, value


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return value, place
