"""Checks of a raw file's content: checksums, and the ways in which downloads go wrong."""

import gzip
import lzma
import struct
import zipfile
import zlib
from pathlib import Path

from collectivesft.common.errors import InputError
from collectivesft.common.files import CHUNK, git_blob_id, sha256
from collectivesft.sources.spec import RawFile
from collectivesft.sources.web_page import page

HEAD = 512
GET_AGAIN = "Fetch it again, or place a good copy by hand"
# Errors of zipfile for damaged data, and those for an archive that it cannot open.
DAMAGED = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError)
UNREADABLE = (*DAMAGED, RuntimeError, NotImplementedError, ValueError, OverflowError)
_LFS = (
    "Fetch the file behind it (`git lfs pull`, or the media address of the repository) "
    "and place it by hand"
)


class WebPage(InputError):
    """An HTML page where a file should be: a sign-in, a quota, a warning."""


class Mismatch(InputError):
    """A file whose size or checksum differs from the known one."""


def check(path: Path, expected: RawFile, shown: Path | None = None) -> str:
    """Check a file against its known facts; return its sha256.

    Args:
        path: the file as it lies now (perhaps still under a temporary name).
        expected: its name, and size, sha256 and git blob id where they are known.
        shown: the path to name in a message; ``path`` if None.

    Raises:
        InputError: it is not the file that it should be; both values are named.
    """
    shown = shown or path
    problem = recognise(path, expected.path)
    if problem is not None:
        raise (WebPage if problem[0].startswith("an HTML page") else InputError)(shown, *problem)
    digest = sha256(path)
    for name, wanted, found in (
        ("size", expected.size, path.stat().st_size),
        ("sha256", expected.sha256, digest),
        ("git blob id", expected.git_blob, expected.git_blob and git_blob_id(path)),
    ):
        if wanted is not None and found != wanted:
            says = f" by {expected.locked[0]}" if expected.locked else ""
            problem = f"{name} is {found}, expected {wanted}{says}"
            raise Mismatch(shown, problem, GET_AGAIN + acceptance(expected))
    return digest


def acceptance(file: RawFile) -> str:
    """Return the way to accept other content than the locked one, as the end of a sentence."""
    if file.locked is None:
        return ""
    lock, source = file.locked
    return (
        f"; if the new content is right, forget the old with `collectivesft raw lock --lock {lock} "
        f"--accept {source}` and run again"
    )


def recognise(path: Path, name: str) -> tuple[str, str] | None:
    """``(problem, remedy)`` if the content is not what ``name``'s ending promises, else None."""
    with open(path, "rb") as handle:
        head = handle.read(HEAD)
    suffix = Path(name).suffix.lower()
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith(b"version https://git-lfs"):
        return "a Git-LFS pointer in place of the file itself", _LFS
    if start.startswith((b"<!doctype html", b"<html")) and suffix not in (".html", ".htm"):
        what, remedy = page(path)
        return f"an HTML page in place of {suffix or 'the file'}{what}", remedy
    probe = {".zip": _zip, ".whl": _zip, ".parquet": _parquet, ".gz": _gzip}.get(suffix)
    if not head:
        return "an empty file", GET_AGAIN
    problem = probe(path) if probe else None
    return None if problem is None else (problem, GET_AGAIN)


def _zip(path: Path) -> str | None:
    try:
        with zipfile.ZipFile(path) as archive:
            bad = archive.testzip()
    except (*UNREADABLE, OSError) as error:
        return f"not a whole zip archive, cut short or damaged ({error})"
    return None if bad is None else f"a damaged zip archive: member {bad} fails its checksum"


def _parquet(path: Path) -> str | None:
    """A Parquet file begins and ends with PAR1; the footer's length is before the end."""
    size = path.stat().st_size
    with open(path, "rb") as handle:
        first = handle.read(4)
        handle.seek(max(size - 8, 0))
        tail = handle.read(8)
    if first != b"PAR1":
        return "not a Parquet file (it does not begin with PAR1)"
    if tail[4:] != b"PAR1" or int.from_bytes(tail[:4], "little") + 12 > size:
        return "a Parquet file cut short (its footer is missing)"
    return None


def _gzip(path: Path) -> str | None:
    try:
        with gzip.open(path) as handle:
            while handle.read(CHUNK):
                pass
    except (EOFError, gzip.BadGzipFile, zlib.error, struct.error) as error:
        return f"not a whole gzip file, cut short or damaged ({error})"
    return None


def reject(path: Path, target: Path) -> Path:
    """Keep a bad file for inspection as ``NAME.rejected`` next to its target; return that path."""
    rejected = target.with_name(target.name + ".rejected")
    path.replace(rejected)
    return rejected
