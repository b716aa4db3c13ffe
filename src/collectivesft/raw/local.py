"""Raw files from a local folder: the demo's, or ones placed by hand."""

import unicodedata
from pathlib import Path, PurePosixPath

from collectivesft.errors import InputError, UserError


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
        InputError: a line that is not ``<64 hex digits>  <path>``.
    """
    sums = {}
    for number, line in enumerate(Path(path).read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        digest, _, name = line.partition(" ")
        if len(digest) != 64 or not name.strip():
            remedy = "Write it again with sha256sum"
            raise InputError(path, "not a line of sha256sum", remedy, row=number)
        sums[_key(Path(path).parent / name[1:])] = digest.lower()
    return sums


def checksum_for(sums: dict[Path, str], listed_in: Path, path: Path) -> str:
    """The checksum of one file.

    Raises:
        InputError: it is not listed.
    """
    digest = sums.get(_key(path))
    if digest is None:
        remedy = f"Add it with sha256sum, or leave out the checksums; listed are {len(sums)} files"
        raise InputError(path, f"not listed in {listed_in}", remedy)
    return digest


def _key(path: Path) -> Path:
    return Path(unicodedata.normalize("NFC", str(path.resolve())))
