"""Base class of every block of a configuration file, and the old names that it still takes."""

import importlib
import re
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

NAME = "write letters, digits, _ and -, such as my_name"
LONGEST_NAME = 100  # bytes; several names make the name of a file, of 255 at most
Path = tuple[str, ...]


def _number(value: Any) -> Any:
    """Parse a number such as ``2e-5``, which YAML 1.1 reads as text."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value


def _plain(value: float) -> float:
    """Write a whole number as one: 60, not 60.0, in options and in comparisons."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _date(value: Any) -> Any:
    """Take back the text of a date that YAML reads as a number or a date: 2024, 2024-07-01."""
    if isinstance(value, date) or (isinstance(value, int) and not isinstance(value, bool)):
        return str(value)
    return value


def _name(value: str) -> str:
    if not re.fullmatch(r"\w[\w-]*", value):
        raise ValueError(f"{value!r} is no name; {NAME}")
    if len(value.encode()) > LONGEST_NAME:
        raise ValueError(f"{value[:20]}... is too long for a part of file names; shorten it")
    return value


def _file_name(value: str) -> str:
    _name(value.replace(".", "_"))
    return value


def _seed(value: int) -> int:
    """Refuse a number that torch's generators do not take."""
    if value >= 2**63:
        raise ValueError(f"{value} is above 2^63 - 1; take a smaller one")
    return value


def _calendar(value: str) -> str:
    """Refuse a day that its month does not have."""
    if len(value) == len("2024-07-01"):
        try:
            date.fromisoformat(value)
        except ValueError:
            raise ValueError(f"{value} is no day of the calendar; correct it") from None
    return value


Float = Annotated[float, BeforeValidator(_number)]
Number = Annotated[Float, AfterValidator(_plain)]
Positive = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0), AfterValidator(_seed)]
# A name of the configuration that becomes a part of file names and of commands. A pattern in the
# schema would hide the keys below the name from readers of it.
Name = Annotated[str, AfterValidator(_name)]
# A name of a file, which may have a dot: qwen2.5.
FileName = Annotated[str, AfterValidator(_file_name)]
Date = Annotated[
    str,
    BeforeValidator(_date),
    Field(pattern=r"^\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?(?!\n)$"),
    AfterValidator(_calendar),
]


def like(example: str) -> dict[str, Any]:
    """Show an example where a pattern decides."""
    return {"examples": [example]}


def hidden(example: str) -> dict[str, Any]:
    """Show one for a key into which somebody may write a password: no message repeats it."""
    return {"examples": [example], "writeOnly": True}


@dataclass(frozen=True)
class Negative:
    """Name the option that turns a field off, where ``--no-<field>`` says less: ``public``."""

    word: str


class OptionOf:
    """Name the commands that take a field as an option, where they take no other of its section.

    Sections such as ``Evaluation`` hold keys of several commands, and keys that decide which rules
    there are. A field with this mark reaches its commands without a line in rule or command.

    Attributes:
        commands: such as ``scores predict``.
    """

    def __init__(self, *commands: str):
        self.commands = commands


def marked(kind: "type[Section]", command: str) -> list[str]:
    """Return the fields of one section that are marked as options of a command."""
    return [
        name
        for name, field in kind.model_fields.items()
        if any(isinstance(one, OptionOf) and command in one.commands for one in field.metadata)
    ]


def marked_fields(command: str) -> dict[str, Any]:
    """Return name and field of all that a run's configuration marks with a command."""
    # Not a static import: an edit of a second section is no new code of that command.
    run = importlib.import_module("collectivesft.config.run").RunConfig
    sections = [run, *(child for _, child, _ in children(run))]
    return {name: one.model_fields[name] for one in sections for name in marked(one, command)}


def negative(name: str, field: Any) -> str:
    """Return the option that turns a field of true and false off."""
    words = [one.word for one in field.metadata if isinstance(one, Negative)]
    return f"--{words[0] if words else f'no-{name}'}".replace("_", "-")


class Section(BaseModel):
    """A block of keys; unknown keys, infinite numbers and silent conversions are errors.

    Attributes:
        aliases: other names of a key, each with ours: old names, and those of other tools.
        old_values: by our key, former values with the present ones.
    """

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        protected_namespaces=(),
        regex_engine="python-re",
    )

    aliases: ClassVar[Mapping[str, str]] = {}
    old_values: ClassVar[Mapping[str, Mapping[str, Any]]] = {}


def canonical(value: Any, kind: type[Section], at: Path = ()) -> tuple[Any, list[str]]:
    """Rename aliased keys and former values in a block and below it.

    An alias overrides our own name: defaults are written with our names, so an alias
    comes from the user.

    Args:
        value: parsed YAML; anything but a mapping is returned as it is.
        kind: class of the block.
        at: keys above the block, for the notes.

    Returns:
        The block with our names, and one note for each name that was replaced.
    """
    if not isinstance(value, Mapping):
        return value, []
    notes: list[str] = []
    renamed = {key: item for key, item in value.items() if key not in kind.aliases}
    for old, item in value.items():
        if old in kind.aliases:
            new = kind.aliases[old]
            renamed[new] = item
            notes.append(f"{_dotted(at, old)} is read as {_dotted(at, new)}")
    for key, former in kind.old_values.items():
        if isinstance(renamed.get(key), str | bool) and renamed[key] in former:
            present = former[renamed[key]]
            notes.append(f"{_dotted(at, key)}: {renamed[key]} is read as {present}")
            renamed[key] = present
    for name, child, is_map in children(kind):
        if name not in renamed:
            continue
        below = renamed[name]
        if not is_map:
            renamed[name], found = canonical(below, child, (*at, name))
            notes += found
        elif isinstance(below, Mapping):
            pairs = {key: canonical(item, child, (*at, name, key)) for key, item in below.items()}
            renamed[name] = {key: item for key, (item, _) in pairs.items()}
            notes += [note for _, found in pairs.values() for note in found]
    return renamed, notes


def aliases_in(value: Any, kind: type[Section], at: Path = ()) -> Iterator[tuple[Path, Path]]:
    """Yield each aliased key of a block and below it: its path, and the path with our name."""
    if not isinstance(value, Mapping):
        return
    for old, new in kind.aliases.items():
        if old in value:
            yield (*at, old), (*at, new)
    for name, child, is_map in children(kind):
        for key in (name, *(old for old, new in kind.aliases.items() if new == name)):
            below = value.get(key)
            if not is_map:
                yield from aliases_in(below, child, (*at, key))
            elif isinstance(below, Mapping):
                for one, item in below.items():
                    yield from aliases_in(item, child, (*at, key, one))


def doubled(value: Any, kind: type[Section]) -> Iterator[tuple[Path, str]]:
    """Yield each key that a block gives under two names, with the words that say so."""
    seen: dict[Path, Path] = {}
    for old, new in aliases_in(value, kind):
        other = seen.setdefault(new, old)
        if other != old or holds(value, new):
            one = other[-1] if other != old else new[-1]
            yield old, f"the same key as {one}, which is there too; keep one of the two"


def holds(content: Any, key: Path) -> bool:
    """Return whether a file's content has a key; parts of it may be places in a list."""
    for part in key:
        if isinstance(content, list):
            return part.isdigit() and int(part) < len(content)
        if not isinstance(content, Mapping) or part not in content:
            return False
        content = content[part]
    return True


def _dotted(at: Path, key: str) -> str:
    return ".".join(map(str, (*at, key)))


def children(kind: type[Section]) -> Iterator[tuple[str, type[Section], bool]]:
    """Yield the fields that hold a section, or a map of sections (then the flag is true)."""
    for name, field in kind.model_fields.items():
        for part in (field.annotation, *typing.get_args(field.annotation)):
            if isinstance(part, type) and issubclass(part, Section):
                yield name, part, typing.get_origin(field.annotation) is dict
