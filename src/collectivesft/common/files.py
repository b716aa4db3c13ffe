"""Reading and writing files so that a killed job leaves nothing that looks finished."""

import contextlib
import errno
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from collectivesft.common.errors import FULL_DISK, InputError
from collectivesft.common.temporary import put, workspace

CHUNK = 1 << 20
_BOM = b"\xef\xbb\xbf"


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path near ``path``; rename it to ``path`` on success.

    On an exception the temporary file or folder is removed. It lies in a folder of a random name
    (``.NAME.RANDOM.partial/NAME``), so several processes may write ``path`` at once: the last one
    to finish wins. The next job removes the rest of a killed one. A full disk's error, which
    names no file when it comes from a write, names ``path``.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with workspace(path, "partial") as folder:
        partial = folder / path.name
        try:
            yield partial
            _sync(partial)
            put(partial, path)
        except BaseException as error:
            if isinstance(error, OSError) and error.errno in FULL_DISK and not error.filename:
                error.filename = str(path)
            elif (number := _foreign_number(error)) in FULL_DISK:
                raise OSError(number, os.strerror(number), str(path)) from error
            raise


def _foreign_number(error: BaseException) -> int | None:
    """The system's error number in an error of a library in Rust (safetensors), which is text."""
    found = re.search(r"\(os error (\d+)\)", str(error))
    return int(found[1]) if found and not isinstance(error, OSError) else None


@contextlib.contextmanager
def scratch_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder next to ``path`` for data beyond memory; remove it after.

    Its name is random, as that of ``atomic_path``; a full disk's error names ``path``.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with workspace(path, "scratch") as folder:
            made = folder / "files"
            made.mkdir()
            yield made
    except OSError as error:
        if error.errno in FULL_DISK:
            error.filename = str(path)
        raise


def keep_folder(source: Path, out: Path) -> None:
    """Give a folder's files a second place by ``place``, if nobody has yet.

    Several processes may do so at once, with the same content: the first one's stays.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as name:
        made = Path(name) / out.name
        made.mkdir()
        for path in source.iterdir():
            place(path, made / path.name)
        try:
            os.rename(made, out)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise


def place(source: Path, target: Path) -> None:
    """Give a file, which nobody changes, a second name; a copy where that cannot be."""
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP):
            raise
        shutil.copy(source, target)


def _sync(path: Path) -> None:
    """Have a file, or a folder with all within, on the disk: a name that a power cut leaves behind
    without its content would pass for finished."""
    within = path.rglob("*") if path.is_dir() else ()
    for each in (*(each for each in within if not each.is_symlink()), path):
        number = os.open(each, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


def expand_path(text: str) -> str:
    """Expand ``~`` and variables in a configured path, once.

    Raises:
        ValueError: a variable that is not set, or a user that is not known.
    """
    named = {one.strip("${}") for one in re.findall(r"\$(?:\w+|\{\w+\})", text)}
    if absent := sorted(named - set(os.environ)):
        raise ValueError(f"set the environment variable ${absent[0]} to a folder")
    expanded = os.path.expanduser(text)
    if text.startswith("~") and expanded == text:
        user = text.partition("/")[0]
        raise ValueError(f"no user {user[1:]} is known here; write ./{user} for a folder named so")
    return os.path.expandvars(expanded)


def sha256(path: Path) -> str:
    """Hex sha256 of a file."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def git_blob_id(path: Path) -> str:
    """The id git gives a file's content (``git hash-object FILE``): sha1 over a header and it."""
    digest = hashlib.sha1(b"blob %d\0" % Path(path).stat().st_size, usedforsecurity=False)
    with open(path, "rb") as handle:
        while block := handle.read(CHUNK):
            digest.update(block)
    return digest.hexdigest()


def dump_json(value: Any) -> str:
    """JSON with sorted keys, indented, Chinese kept readable, one newline at the end."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, indent=2) + "\n"


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically."""
    with atomic_path(Path(path)) as partial:
        partial.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write ``dump_json(value)`` atomically."""
    write_text(path, dump_json(value))


def json_line(row: dict) -> str:
    """One line of a JSON Lines file: keys sorted, Chinese kept readable."""
    return json.dumps(row, ensure_ascii=False, sort_keys=True) + "\n"


def write_jsonl(path: Path, rows: Iterable[dict]) -> None:
    """Write one JSON object a line, keys sorted, atomically."""
    with atomic_path(Path(path)) as partial, open(partial, "w", encoding="utf-8") as handle:
        for row in rows:
            handle.write(json_line(row))


class JsonKeyTwiceError(ValueError):
    """A key that occurs twice in one JSON object, of which Python would keep the last."""


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make a dict of a JSON object's members: the ``object_pairs_hook`` of every raw file.

    Raises:
        JsonKeyTwiceError: a key occurs twice.
    """
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    seen = set()
    twice = next(key for key, _ in pairs if key in seen or seen.add(key))
    raise JsonKeyTwiceError(f"the key {twice[:40]} twice")


def read_json(path: Path) -> Any:
    """Parse a JSON file.

    Raises:
        InputError: not UTF-8, not JSON (an HTML page is recognised by name), or a key twice.
    """
    text = _read_utf8(path)
    try:
        return json.loads(text, object_pairs_hook=once)
    except (ValueError, RecursionError) as error:
        row = getattr(error, "lineno", None)
        raise InputError(path, _not_json(text, error), _GET_AGAIN, row=row) from error


def read_jsonl(path: Path) -> Iterator[tuple[int, Any]]:
    """Yield ``(line number, value)`` for each non-empty line of a JSON Lines file.

    A byte-order mark at its begin is passed over.

    Raises:
        InputError: a line that is not UTF-8 or not JSON, with its number.
    """
    with open(path, "rb") as handle:
        for number, raw in enumerate(handle, start=1):
            if number == 1:
                raw = raw.removeprefix(_BOM)
            if not raw.strip():
                continue
            try:
                line = raw.decode("utf-8")
                yield number, json.loads(line)
            except UnicodeDecodeError as error:
                raise InputError(path, _not_utf8(error), _CONVERT, row=number) from error
            except (ValueError, RecursionError) as error:
                raise InputError(path, _not_json(line, error), _GET_AGAIN, row=number) from error


def read_yaml(path: Path) -> Any:
    """Parse a YAML file; no object but plain values is made from it.

    Raises:
        InputError: not UTF-8, not YAML, or a key that occurs twice, with the row.
    """
    text = _read_utf8(path)
    try:
        return yaml.load(text, _OnceLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        row = mark.line + 1 if mark else None
        if isinstance(error, _KeyTwiceError):
            raise InputError(path, error.problem, "Keep one of the two", row=row) from error
        if isinstance(error, _NoValueError):
            raise InputError(path, error.problem, "Correct it, or quote it", row=row) from error
        column = f" at column {mark.column + 1}" if mark else ""
        remedy = "Close its quotes and brackets, and indent with blanks, not tabs"
        raise InputError(path, f"not valid YAML{column}", remedy, row=row) from error


class _NoValueError(yaml.MarkedYAMLError):
    """A value that its type does not have, such as the 31st of February."""


_KINDS = {"timestamp": "day of the calendar", "int": "whole number", "float": "number"}


class _KeyTwiceError(yaml.MarkedYAMLError):
    """A key that occurs twice in one block, of which YAML would keep the last."""


# The C library parses eight times as fast; every wheel of PyYAML has it, a build may lack it.
class _OnceLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """The safe loader, which refuses a key that occurs twice."""

    def construct_object(self, node, deep=False):
        """Build a value; one that its type does not have (2024-02-31) is no valid YAML."""
        try:
            return super().construct_object(node, deep)
        except ValueError as error:
            kind = node.tag.rpartition(":")[2]
            raise _NoValueError(
                None, None, f"{node.value} is no {_KINDS.get(kind, kind)}", node.start_mark
            ) from error

    def construct_mapping(self, node, deep=False):
        """Build a mapping after its keys were compared."""
        seen = set()
        for key, _ in node.value:
            if key.tag != "tag:yaml.org,2002:merge" and isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise _KeyTwiceError(None, None, f"the key {key.value} twice", key.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep)


_GET_AGAIN = "Delete the file and fetch it again, or place a good copy by hand"
_CONVERT = "Fetch the file again, or convert it to UTF-8"


def _read_utf8(path: Path) -> str:
    data = Path(path).read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = data.count(b"\n", 0, error.start) + 1
        raise InputError(path, _not_utf8(error), _CONVERT, row=row) from error


def _not_utf8(error: UnicodeDecodeError) -> str:
    return f"not UTF-8 (byte {error.object[error.start]:#04x} at position {error.start})"


def _not_json(text: str, error: Exception) -> str:
    head = text.lstrip()[:100].lower()
    if head.startswith(("<!doctype html", "<html")):
        return "an HTML page in place of JSON (a login or error page)"
    if head.startswith("version https://git-lfs"):
        return "a Git-LFS pointer in place of the file itself"
    if not isinstance(error, json.JSONDecodeError):  # nested too deeply, a number too long
        return f"not valid JSON ({str(error).partition(';')[0]})"
    return f"not valid JSON ({error.msg}, column {error.colno})"


def share(folder: Path) -> None:
    """Make a folder's files readable as usual files are (safetensors writes them with 0600)."""
    wanted = folder.stat().st_mode & 0o666
    for path in folder.rglob("*"):
        if path.is_file() and path.stat().st_mode & wanted != wanted:
            path.chmod(wanted)
