"""A raw row with its place, so that every complaint names file and row."""

import math
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from collectivesft.common.errors import InputError
from collectivesft.schema.example import Drop, Example
from collectivesft.sources.archive import Part

REMEDY = "Check that the file is of the pinned revision, and correct or fetch it again"
SHOWN = 500
_HALF = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Row:
    """One raw row.

    Attributes:
        part: the file or archive member.
        number: 1-based line of a text file, or item of an array or table.
        value: its content; a dict for nearly all formats.
    """

    part: Part
    number: int
    value: Any

    def error(self, problem: str) -> InputError:
        """An error that names this file and row."""
        return InputError(self.part.label, problem, REMEDY, row=self.number)

    @property
    def place_in_file(self) -> tuple[str, int]:
        """File and row, for ``Item.at``."""
        return self.part.label, self.number

    def get(self, key: str) -> Any:
        """A value that must be there (None included).

        Raises:
            InputError: the row is not an object, or has no such key.
        """
        if not isinstance(self.value, dict):
            raise self.error(f"{_kind(self.value)} where an object with {key} is expected")
        if key not in self.value:
            raise self.error(f"no {key}; there is {', '.join(map(str, self.value)) or 'nothing'}")
        return self.value[key]

    def text(self, key: str) -> str:
        """A text value without space at its ends; "" where it is null."""
        return self.as_text(key, self.get(key))

    def optional(self, key: str) -> str:
        """As ``text``, and "" where the key is missing."""
        return self.text(key) if isinstance(self.value, dict) and key in self.value else ""

    def as_text(self, key: str, value: Any) -> str:
        """``value`` as stripped text; numbers are written out, null and NaN are "".

        Half a character (a lone surrogate) becomes U+FFFD, for which step clean drops the row.

        Raises:
            InputError: a list, an object or an infinite number.
        """
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return ""
        if isinstance(value, float) and math.isinf(value):
            raise self.error(f"{key} is not a finite number")
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return str(value)
        if not isinstance(value, str):
            raise self.error(f"{key} is {_kind(value)}, expected text")
        return _HALF.sub("\ufffd", value).strip()

    def items(self, key: str) -> list:
        """A list value; empty where it is null."""
        return self._typed(key, list, [])

    def fields(self, key: str) -> dict:
        """An object value; empty where it is null."""
        return self._typed(key, dict, {})

    def _typed(self, key: str, kind: type, empty: Any) -> Any:
        value = self.get(key)
        if value is None:
            return empty
        if not isinstance(value, kind):
            raise self.error(f"{key} is {_kind(value)}, expected {_NAMES[kind]}")
        return value

    def texts(self, key: str) -> list[str]:
        """A list of texts, stripped."""
        return [self.as_text(f"{key} item", value) for value in self.items(key)]

    def options(self, key: str, empty: bool = False) -> dict[str, str]:
        """An object of option letters to texts, sorted by letter.

        Letters may be lower case or full width; the second of two that are the same (``A`` and
        ``a``) keeps both names, so that the question is refused. Some sources write absent options
        as "".

        Args:
            empty: keep the absent options too.
        """
        texts: dict[str, str] = {}
        for given, value in self.fields(key).items():
            name, text = letter(given), self.as_text(f"{key}.{given}", value)
            if text or empty:
                texts[f"{name}={given}" if name in texts else name] = text
        return {name: texts[name] for name in sorted(texts)}

    def place(self) -> dict[str, Any]:
        """``file`` and ``row`` for an example's meta."""
        return {"file": self.part.file, "row": self.number}

    def drop(self, id: str, reason: str, text: str = "", detail: str = "") -> Drop:
        """A drop of this row."""
        where = f"{self.part.file}, row {self.number}"
        return Drop(id, reason, text[:SHOWN], f"{where}: {detail}" if detail else where)


_NAMES = {str: "text", list: "a list", dict: "an object"}


def _kind(value: Any) -> str:
    names = {**_NAMES, type(None): "null", bool: "true or false", int: "a number"}
    return names.get(type(value), f"a {type(value).__name__}")


def letter(value: Any) -> str:
    """An option letter in plain upper case: full width ``Ａ`` and ``a`` become ``A``."""
    return unicodedata.normalize("NFKC", str(value)).strip().upper()


def beginnings(
    dataset: str, names: Sequence[str], named: bool = False
) -> Iterator[tuple[str, str]]:
    """Yield each file, with the prefix of its rows' ids.

    Args:
        names: a dataset's files; of several, the ids name them by their stems, or by their paths
            where two stems are equal, with their endings where even these are.
        named: name the file even if it is the only one.
    """
    paths = [PurePosixPath(unicodedata.normalize("NFC", name)) for name in names]
    forms = ([path.stem for path in paths], [path.with_suffix("").as_posix() for path in paths])
    whole = [path.as_posix() for path in paths]
    keys = next((form for form in forms if len(set(form)) == len(form)), whole)
    for name, key in zip(names, keys, strict=True):
        yield name, f"{dataset}:{key}" if named or len(paths) > 1 else dataset


class Ids:
    """Makes ids unique: a key that was given out before gets its row number appended."""

    def __init__(self, dataset: str):
        self._dataset, self._seen = dataset, set()

    def __call__(self, key: str, row: Row) -> str:
        """``dataset:key``, or ``dataset:key-rROW`` where the key repeats or is empty."""
        name = f"{self._dataset}:{key}"
        if not key or name in self._seen:
            name = f"{self._dataset}:{key}-r{row.number}"
        while name in self._seen:
            name += "+"
        self._seen.add(name)
        return name


def pair(row: Row, id: str, dataset: str, language: str, user: str, answer: str, **meta: Any):
    """One question and its answer as an Example, or a Drop if either is empty."""
    if not user:
        return row.drop(id, "empty_question", answer)
    if not answer:
        return row.drop(id, "empty_answer", user)
    messages = [("user", user), ("assistant", answer)]
    return Example(id, dataset, "qa", language, messages, {**row.place(), **meta})
