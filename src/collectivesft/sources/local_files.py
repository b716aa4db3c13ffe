"""Raw files from a local folder: the demo's, or ones placed by hand."""

import re
import unicodedata
from pathlib import Path, PurePosixPath

from collectivesft.common.errors import InputError, UserError

_SUM = re.compile("([0-9a-fA-F]{64}) [ *](.+)")


def safe_name(name: str) -> str:
    """A relative path that stays inside its folder.

    Raises:
        UserError: absolute, empty, or with ``..``.
    """
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise UserError(f"{name!r} is not a path inside a folder. Name files relative to it.")
    return str(path)


def find(folder: Path, name: str) -> Path | None:
    """The file of that relative name, however its Chinese characters are composed.

    Some systems store names decomposed (NFD), archives made elsewhere composed (NFC).
    """
    exact = folder / name
    if exact.is_file():
        return exact
    here = folder
    for part in PurePosixPath(name).parts:
        wanted = unicodedata.normalize("NFC", part)
        entries = sorted(here.iterdir()) if here.is_dir() else []
        match = [e for e in entries if unicodedata.normalize("NFC", e.name) == wanted]
        if not match:
            return None
        here = match[0]
    return here if here.is_file() else None


def read_checksums(path: Path) -> dict[Path, str]:
    """A file in sha256sum's format: resolved path of each file (NFC) to its sha256.

    Raises:
        InputError: not a text file, or a line that is not ``<64 hex digits>  <path>``.
    """
    path, remedy = Path(path), "Write it again with sha256sum"
    if path.is_dir():
        raise InputError(path, "a folder in place of a list of checksums", remedy)
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(path, "not UTF-8", remedy) from error
    sums = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        found = _SUM.fullmatch(line)
        if found is None:
            raise InputError(path, "not a line of sha256sum", remedy, row=number)
        sums[_key(path.parent / found[2])] = found[1].lower()
    return sums


def checksum_for(sums: dict[Path, str], listed_in: Path, path: Path) -> str:
    """The checksum of one file.

    Raises:
        InputError: it is not listed.
    """
    digest = sums.get(_key(path))
    if digest is None:
        remedy = (
            "Add it with sha256sum, its path counted from that list's folder, or leave out the "
            f"checksums; listed are {len(sums)} files"
        )
        raise InputError(path, f"not listed in {listed_in}", remedy)
    return digest


def _key(path: Path) -> Path:
    return Path(unicodedata.normalize("NFC", str(path.resolve())))
