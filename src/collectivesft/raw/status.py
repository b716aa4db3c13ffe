"""Print a table of all sources: titles, access, files on this machine, and remedies."""

import shutil
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

from collectivesft.common.errors import InputError
from collectivesft.common.files import git_blob_id, read_json
from collectivesft.raw.fetching import locations, registry
from collectivesft.raw.fetching.lock_file import Lock
from collectivesft.raw.fetching.manifest import LOCAL
from collectivesft.sources.folder import RawFolder
from collectivesft.sources.spec import GoogleDrive, Https, Hub, RawFile, Source

HEADER = ("source", "where", "licence", "access", "rows", "size", "here", "verified", "to do")
WIDTH = 100

# Words of the last column.
LEGEND = {
    "nothing": "all is here, and what is known of its content holds (local: a copy from a folder "
    "of yours, which only that folder's own checksums can vouch for)",
    "fetch": "the workflow fetches it by itself (`collectivesft raw fetch`)",
    "record": "no checksum is known of some files: `make raw-lock` records those of this download",
    "repair": "delete its manifest.json and run again; wrong files are put aside and fetched anew",
    "token": "accept its terms on its page on the Hub, then set HF_TOKEN or run `hf auth login`",
    "browser": "if the workflow is refused, download it in a browser (the notes of the data card "
    "say where) and place it by hand",
    "form": "ask its authors by their form, then place it by hand",
    "by hand": "place the files in <its folder>/files, or in a folder that the configuration names",
}
_ABSENT = {
    "open": "fetch",
    "gated": "token",
    "google_drive": "browser",
    "form": "form",
    "hand_placed": "by hand",
}


@dataclass(frozen=True)
class Here:
    """One source on this machine: files, bytes, and how far its content is verified."""

    files: str
    size: int | None
    verified: str


def table_rows(root: Path | None, lock: Path | None = None) -> list[tuple[str, ...]]:
    """One row a source, in the order of HEADER.

    Args:
        root: folder of ``datasets/NAME/manifest.json`` and ``benchmarks/NAME/manifest.json``;
            None: do not look for files.
        lock: lock file with checksums of earlier downloads.
    """
    held = Lock.read(lock) if lock else Lock(Path(), {})
    return [_row(name, registry.load(name), root, held) for name in registry.names()]


def _row(name: str, source: Source, root: Path | None, lock: Lock) -> tuple[str, ...]:
    known = [lock.pin(name, file) for file in source.files]
    here = _here(Path(root) / name / "manifest.json", known) if root else Here("?", None, "")
    sizes = [file.size for file in known]
    size = here.size if here.size is not None or None in sizes else sum(sizes)
    return (
        name,
        _where(source),
        source.licence,
        source.access.replace("_", " "),
        "unknown" if source.rows is None else f"{source.rows:,}",
        "unknown" if size is None else _bytes(size),
        here.files,
        here.verified,
        _to_do(source, here),
    )


def _where(source: Source) -> str:
    """The first location in short: the place, and the repository where there is one."""
    for file in source.files:
        for location in file.locations:
            match location:
                case Hub(repo):
                    return f"Hub {repo}"
                case GoogleDrive():
                    return "Google Drive"
                case Https(url) if "githubusercontent.com/" in url:
                    path = url.split("githubusercontent.com/")[1].removeprefix("media/")
                    return "GitHub " + "/".join(path.split("/")[:2])
                case _:
                    return locations.origin(location)
    return source.homepage.removeprefix("https://").removeprefix("http://").rstrip("/")


def _here(manifest: Path, known: list[RawFile]) -> Here:
    if not manifest.is_file():
        return Here("no", None, "")
    try:
        raw = RawFolder.load(manifest)
    except InputError:
        return Here("damaged", None, "wrong")
    if raw.left_out:
        return Here("left out", None, "")
    entries = read_json(manifest)["files"]
    size = sum(entry["size"] for entry in entries)
    by_name = {file.path: file for file in known}
    found = [_verified(raw, entry, by_name.get(entry["path"])) for entry in entries]
    count = f"{len(entries)} file{'' if len(entries) == 1 else 's'}"
    return Here(count, size, _summary(found))


def _verified(raw: RawFolder, entry: dict, file: RawFile | None) -> str:
    """yes, wrong, unknown, or local: a copy that only its own folder's checksums can vouch for."""
    if file is None or not (file.sha256 or file.git_blob):
        return "local" if entry["origin"] == LOCAL else "unknown"
    right = entry["sha256"] == file.sha256 if file.sha256 else None
    if right is None:
        right = git_blob_id(raw.path(entry["path"])) == file.git_blob
    return "yes" if right else "local" if entry["origin"] == LOCAL else "wrong"


def _summary(found: list[str]) -> str:
    for word in ("wrong", "local"):
        if word in found:
            return word
    sure = found.count("yes")
    return "yes" if sure == len(found) else f"{sure} of {len(found)}"


def _to_do(source: Source, here: Here) -> str:
    if here.verified == "wrong":
        return "repair"
    if not here.verified:
        return _ABSENT[source.access]
    return "nothing" if here.verified in ("yes", "local") else "record"


def _bytes(size: int) -> str:
    """In decimal units, as downloads are stated: 820 MB."""
    for unit in ("B", "kB", "MB"):
        if size < 999.5:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} GB"


def text(rows: list[tuple[str, ...]], width: int = WIDTH) -> str:
    """The table and what its last column means, wrapped to ``width``; no colours, no frames.

    Place and licence can be long, so they have a separate line below each source.
    """
    named = [dict(zip(HEADER, row, strict=True)) for row in rows]
    wide = {name: max(len(row[name]) for row in [*named, _HEAD]) for name in _COLUMNS}
    wide["source"] = 2 + max(len(row["source"].partition("/")[2]) for row in named)
    lines, kind = [_line(_HEAD, wide)], ""
    for row in named:
        before, (kind, _, short) = kind, row["source"].partition("/")
        lines += [f"{kind}:"] if kind != before else []
        lines.append(_line({**row, "source": f"  {short}"}, wide))
        below = f"{row['where']}; {row['licence']}"
        lines += textwrap.wrap(below, width, initial_indent=_DEEP, subsequent_indent=_DEEP)
    for word in (word for word in LEGEND if any(row["to do"] == word for row in named)):
        lines += textwrap.wrap(f"{word}: {LEGEND[word]}", width, subsequent_indent="  ")
    return "\n".join(lines)


_COLUMNS = ("source", "access", "rows", "size", "here", "verified", "to do")
_HEAD = {name: name for name in HEADER}
_DEEP = " " * 4


def _line(row: dict[str, str], wide: dict[str, int]) -> str:
    cells = [
        row[name].rjust(wide[name]) if name in ("rows", "size") else row[name].ljust(wide[name])
        for name in _COLUMNS
    ]
    return "  ".join(cells).rstrip()


def print_table(root: Path | None, lock: Path | None = None) -> None:
    """Print the table on stdout, 100 columns wide, or as wide as the terminal."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else WIDTH
    print(text(table_rows(root, lock), width))
