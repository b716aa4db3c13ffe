"""Write all sources' own declarations as Markdown, for docs/data.md."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from collectivesft import datasets
from collectivesft.common.errors import InputError
from collectivesft.common.files import write_text
from collectivesft.raw.fetching import registry
from collectivesft.sources.spec import GoogleDrive, Https, Hub, Location, PyPI, RawFile, Source

BEGIN, END = "<!-- made by `collectivesft raw sources` -->", "<!-- end -->"


def markdown() -> str:
    """Table of all sources, table of their files, notes, options of the readers."""
    sources = {name: registry.load(name) for name in registry.names()}
    parts = ["### Sources", _table(_SOURCES, (_source(*item) for item in sources.items()))]
    parts += ["### Files", _ORDER]
    parts.append(_table(_FILES, (row for item in sources.items() for row in _files(*item))))
    parts += ["### Notes", "\n".join(_notes(sources))]
    parts += ["### Options of the readers (`reader_options:`)", _table(_OPTIONS, _options())]
    parts += ["### Prompts", _EMPTY, _table(("dataset", "asks"), _prompts())]
    return "\n\n".join(parts) + "\n"


def write_into(path: Path) -> None:
    """Put it between the marks of a Markdown file.

    Raises:
        InputError: the file has no such marks.
    """
    before, begin, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise InputError(path, f"no lines {BEGIN} and {END}", "Write them where the tables belong")
    write_text(path, f"{before}{begin}\n\n{markdown()}\n{end}{after}")


_ORDER = (
    "Locations are tried in their order; known facts of a file's content are checked for every "
    "location."
)
_SOURCES = ("source", "title", "licence", "access", "rows", "citation")
_FILES = ("source", "file", "locations", "known content")
_EMPTY = "Texts of the user's turn; ⏎ ends a line, and a line with an empty field is left out."
_OPTIONS = ("dataset", "option", "values, the default first", "choice")


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [header, ("---",) * len(header), *rows]
    return "\n".join("| " + " | ".join(map(_cell, cells)) + " |" for cells in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _source(name: str, source: Source) -> tuple[str, ...]:
    rows = "unknown" if source.rows is None else f"{source.rows:,}"
    title = f"[{source.title}]({source.homepage})"
    facts = (source.licence, source.access.replace("_", " "), rows, f"`{source.citation}`")
    return (f"`{name}`", title, *facts)


def _files(name: str, source: Source) -> Iterator[tuple[str, ...]]:
    for file in source.files:
        places = "; ".join(map(_place, file.locations)) or "by hand only"
        yield f"`{name}`", f"`{file.path}`", places, _content(file)


def _place(location: Location) -> str:
    match location:
        case Hub(repo, revision, path):
            return f"Hub `{repo}` at `{revision}`, `{path}`"
        case Https(url):
            return f"<{url.replace(' ', '%20')}>"
        case GoogleDrive(file_id):
            return f"Google Drive `{file_id}`"
        case PyPI(requirement, _, member):
            return f"PyPI `{requirement}`, `{member}`"


def _content(file: RawFile) -> str:
    known = [f"sha256 `{file.sha256}`"] if file.sha256 else []
    known += [f"git blob `{file.git_blob}`"] if file.git_blob else []
    known += [f"{file.size:,} bytes"] if file.size is not None else []
    return ", ".join(known) or "by the first download (`config/raw.lock.yaml`)"


def _notes(sources: dict[str, Source]) -> Iterator[str]:
    for name, source in sources.items():
        yield from (f"- `{name}`: {note}" for note in source.notes)


def _options() -> Iterator[tuple[str, ...]]:
    for name in datasets.names():
        for option in getattr(datasets.get(name), "OPTIONS", ()):
            values = ", ".join(f"`{choice}`" for choice in option.choices)
            yield f"`{name}`", f"`{option.name}`", values, option.help


def _prompts() -> Iterator[tuple[str, ...]]:
    for name in datasets.names():
        declared = datasets.get(name).PROMPT
        for kind, template in (declared if isinstance(declared, dict) else {"": declared}).items():
            shown = template.replace("\n", "⏎")
            yield f"`{name}`{kind and f', {kind}'}", f"`{shown}`"
