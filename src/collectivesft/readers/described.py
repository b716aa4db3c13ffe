"""Read datasets and exams that a YAML file describes, so that they need no code of their own.

``datasets/NAME.yaml`` and ``benchmarks/NAME.yaml`` say which keys of a row hold question, options
and answer. The result is a module like that of a file with code.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from collectivesft.common.errors import InputError, validated
from collectivesft.common.files import read_yaml
from collectivesft.readers import choice
from collectivesft.readers.json_rows import array_rows, jsonl_rows
from collectivesft.readers.mcqa import by_position, letters, mcqa
from collectivesft.readers.row import Ids, Row, beginnings, pair
from collectivesft.readers.table_rows import csv_rows, parquet_rows
from collectivesft.schema.example import Drop, Example, Language
from collectivesft.schema.item import Item
from collectivesft.schema.prompts import Asked, fill, names
from collectivesft.sources.archive import Part
from collectivesft.sources.folder import RawFolder
from collectivesft.sources.spec import Access, Https, Hub, Location, RawFile, Source

SUFFIXES = (".jsonl", ".json", ".csv", ".parquet")
Answers = Literal["letters", "from_0", "from_1", "text"]
_Key = Annotated[str, StringConstraints(min_length=1)]


class _Block(BaseModel):
    """A block of keys; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", strict=True)


class _HubFile(_Block):
    repo: _Key
    revision: _Key
    path: _Key


class _File(_Block):
    """A raw file: ``path`` in the source's folder, and the place upstream if there is one."""

    path: _Key
    hub: _HubFile | None = None
    url: str | None = None
    sha256: str | None = None

    def raw(self) -> RawFile:
        """Return the file as ``SOURCE`` lists it."""
        places: list[Location] = [Hub(**self.hub.model_dump())] if self.hub else []
        places += [Https(self.url)] if self.url else []
        return RawFile(self.path, tuple(places), self.sha256)


class _Described(_Block):
    """Keys that a dataset and a benchmark share; values of lower-case keys name keys of a row."""

    title: _Key
    homepage: _Key
    licence: _Key
    citation: _Key
    files: list[_Key | _File] = Field(min_length=1)
    access: Access = "hand_placed"
    rows: int | None = Field(None, ge=0)
    notes: list[str] = []
    origin: str = ""
    annotation: str = ""
    synthetic: bool = False
    id: _Key | None = None
    question: _Key = "question"
    options: _Key | list[_Key] | None = None
    answer: _Key = "answer"
    answer_is: Answers = "letters"
    explanation: _Key | None = None
    category: _Key | None = None
    exam: str | None = None

    @model_validator(mode="after")
    def _readable(self):
        for file in self.raw_files():
            if not file.path.endswith(SUFFIXES):
                raise ValueError(f"{file.path}: its name must end in {', '.join(SUFFIXES)}")
        if self.options is not None and not self.exam:
            raise ValueError("options need exam, the exam's name in CMB's prompt; add it")
        if self.options is None and self.answer_is != "letters":
            raise ValueError("answer_is is for questions with options; add options, or remove it")
        return self

    def raw_files(self) -> tuple[RawFile, ...]:
        """Return the raw files in their order."""
        given = (_File(path=file) if isinstance(file, str) else file for file in self.files)
        return tuple(file.raw() for file in given)

    def source(self, name: str) -> Source:
        """Return the facts as ``SOURCE`` of a file with code."""
        same = ("title", "homepage", "licence", "citation", "access", "rows", "origin")
        facts = {key: getattr(self, key) for key in (*same, "annotation", "synthetic")}
        return Source(name, files=self.raw_files(), notes=tuple(self.notes), **facts)

    def needed(self) -> list[str]:
        """Keys that each row must have."""
        options = [self.options] if isinstance(self.options, str) else self.options or []
        return [*([self.id] if self.id else []), self.question, *options, self.answer]

    def wanted(self) -> list[str]:
        """Keys that some row must have, and that may be empty."""
        return [key for key in (self.explanation, self.category) if key]

    def form(self) -> str:
        """Say how options and answers are read, for the ledger."""
        if self.options is None:
            return f"answer is the text of {self.answer}"
        options = self.options if isinstance(self.options, str) else ", ".join(self.options)
        said = {"letters": "holds letters", "text": "holds the right option's text"}
        how = said.get(self.answer_is, f"counts from {self.answer_is[-1]}")
        return f"options are {options}; {self.answer} {how}"


class _Dataset(_Described):
    """``datasets/NAME.yaml``: exam questions with ``options``, else questions and answers."""

    language: Language
    prompt: _Key | None = None

    def template(self) -> str:
        """Return the template of the user's turn."""
        return self.prompt or ("{question}" if self.options is None else "{question}\n{options}")

    def wanted(self) -> list[str]:
        asked = [name for name in names(self.template()) if name not in ("question", "options")]
        return list(dict.fromkeys([*super().wanted(), *asked]))

    @model_validator(mode="after")
    def _asks(self):
        fields = ["question"] if self.options is None else ["question", "options"]
        if missing := [name for name in fields if name not in names(self.template())]:
            raise ValueError(f"prompt has no {{{missing[0]}}}; add it")
        if self.answer in names(self.template()):
            raise ValueError(f"prompt shows {{{self.answer}}}, the answer; take it out")
        return self


class _Exam(_Described):
    """``benchmarks/NAME.yaml``: questions with options, asked as CMB asks."""

    options: _Key | list[_Key]
    exam: _Key
    split: _Key | None = None
    categories: dict[str, str] = Field(min_length=1)

    def needed(self) -> list[str]:
        return [*super().needed(), *([self.split] if self.split else [])]


def dataset(path: Path) -> ModuleType:
    """Return a dataset's module from its YAML file: ``SOURCE``, ``PROMPT``, ``read``, ``form``.

    Raises:
        InputError: unknown or missing keys, each named.
    """
    with validated(path, _Dataset):
        about = _Dataset.model_validate(read_yaml(path))
    module = _module("datasets", path, about)
    module.PROMPT = about.template()
    module.form = lambda raw: about.form()
    module.read = lambda raw: _examples(path.stem, about, raw)
    return module


def exam(path: Path) -> ModuleType:
    """Return a benchmark's module from its YAML file: what ``benchmarks`` asks of a choice test.

    Raises:
        InputError: unknown or missing keys, each named.
    """
    with validated(path, _Exam):
        about = _Exam.model_validate(read_yaml(path))
    module = _module("benchmarks", path, about)
    module.KINDS, module.CATEGORIES = ("choice",), about.categories
    module.items = lambda raw: _items(path.stem, about, raw)

    def prompt(item: Item, style: Asked, preset: choice.Preset) -> str:
        return choice.render(about.exam, item, style, preset)

    module.prompt, module.target = prompt, choice.reply
    return module


def _module(kind: str, path: Path, about: _Described) -> ModuleType:
    module = ModuleType(f"collectivesft.{kind}.{path.stem}", f"{about.title}, by {path.name}.")
    module.__file__, module.SOURCE = str(path), about.source(path.stem)
    return module


def _examples(name: str, about: _Dataset, raw: RawFolder) -> Iterator[Example | Drop]:
    ids = Ids(name)
    for file, key in beginnings(name, raw.names):
        for row in _rows(about, Part.of(raw, file)):
            if row.value is None:
                yield row.drop(f"{key}:{row.number}", "malformed_row")
                continue
            own = row.text(about.id) if about.id else ""
            id = ids(own, row) if own else f"{key}:{row.number}"
            yield _example(name, about, row, id)


def _example(name: str, about: _Dataset, row: Row, id: str) -> Example | Drop:
    question, prompt = row.text(about.question), about.template()
    words = {key: row.optional(key) for key in about.wanted() if key in names(prompt)}
    facts = {"category": row.optional(about.category)} if about.category else {}
    if about.options is None:
        asked = question and fill(prompt, question=question, **words)
        return pair(row, id, name, about.language, asked, row.text(about.answer), **facts)
    options = _options(about, row)
    explained = row.optional(about.explanation) if about.explanation else ""
    return mcqa(
        row, id, name, about.language, prompt, question, options, _answer(about, row, options),
        explained, exam=about.exam or "", words=words, **facts,
    )  # fmt: skip


def _items(name: str, about: _Exam, raw: RawFolder) -> Iterator[Item]:
    for file, beginning in beginnings("", raw.names, named=True):
        for row in _rows(about, Part.of(raw, file)):
            if row.value is None:
                raise row.error("another number of fields than the header")
            options = _options(about, row)
            answer = letters(_answer(about, row, options))
            category = row.optional(about.category) if about.category else ""
            labels = about.categories
            if about.category and category not in labels:
                raise row.error(f"{about.category} is {category!r}, not in categories")
            yield Item(
                id=row.text(about.id) if about.id else f"{beginning[1:]}-{row.number}",
                benchmark=name,
                split=row.text(about.split) if about.split else "test",
                kind="choice",
                category=category or next(iter(labels)),
                subcategory=category or next(iter(labels)),
                question=row.text(about.question),
                options=options,
                answer=answer,
                multiple=len(answer) > 1,
                explanation=row.optional(about.explanation) if about.explanation else "",
            ).at(*row.place_in_file)


def _rows(about: _Described, part: Part) -> Iterator[Row]:
    """Yield rows by the kind of file; a key that no row has is an error at the file's end."""
    needed, unseen = about.needed(), set(about.wanted())
    row = None
    for row in _parsed(part, needed, about.wanted()):
        unseen -= set(row.value) if isinstance(row.value, dict) else set()
        yield row
    if row and unseen:
        listed = ", ".join(sorted(unseen))
        remedy = "Correct the key's name in the description, or take it out"
        raise InputError(part.label, f"no row has {listed}", remedy)


def _parsed(part: Part, needed: list[str], wanted: Iterable[str]) -> Iterator[Row]:
    suffix = PurePosixPath(part.name).suffix
    if suffix == ".csv":
        return csv_rows(part, needed)
    if suffix == ".parquet":
        return parquet_rows(part, tuple(needed), tuple(wanted))
    return jsonl_rows(part) if suffix == ".jsonl" else array_rows(part)


def _options(about: _Described, row: Row) -> dict[str, str]:
    """Return options by letter, from an object, a list, or one key for each."""
    if not isinstance(about.options, str):
        return by_position([row.text(key) for key in about.options or []])
    if isinstance(row.get(about.options), list):
        return by_position(row.texts(about.options))
    return row.options(about.options)


def _answer(about: _Described, row: Row, options: dict[str, str]) -> str:
    """Return the right letters; a number or text that is no option comes as it is.

    Raises:
        InputError: a number that only the other way of counting has.
    """
    said = row.text(about.answer)
    if about.answer_is == "letters":
        return said
    if about.answer_is == "text":
        return next((letter for letter, text in options.items() if text == said), said)
    first = int(about.answer_is[-1])
    number = said.removesuffix(".0")
    if not number.isdecimal():
        return said
    if int(number) == (0 if first else max(map(ord, options), default=0) - ord("A") + 1):
        problem = f"{about.answer} is {number}: it counts from {1 - first}, and here from {first}"
        raise InputError(
            row.part.label, f"{problem}, so every answer would be wrong by one",
            f"Write answer_is: from_{1 - first}", row=row.number,
        )  # fmt: skip
    return chr(ord("A") + int(number) - first) if int(number) < 26 + first else said
