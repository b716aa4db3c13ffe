"""Temporary folders and locks for writers that may work at the same time.

Each writer has a temporary folder with a random name next to its target, and holds a lock on it
while it lives. The lock tells a folder in use from one that a killed writer left, which the next
writer of the same target removes. Locks are those of ``flock``: the system releases them when a
process ends, however it ends.
"""

import contextlib
import errno
import fcntl
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

_LOCK = "lock"
# Errors of file systems that have no locks.
_WITHOUT_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)
# A writer makes its folder and then its lock: a folder without one may be a moment old.
_MOMENT_S = 3600


@contextlib.contextmanager
def workspace(path: Path, kind: str) -> Iterator[Path]:
    """Yield an empty folder ``.NAME.RANDOM.KIND`` next to ``path``; remove it at the end.

    Folders that killed writers of the same target left are removed first.

    Args:
        path: target; its folder must exist.
        kind: last part of the folder's name.
    """
    for left in path.parent.glob(f".{_literal(path.name)}.*.{kind}"):
        _remove_if_abandoned(left)
    folder, lock = _new_folder(path, kind)
    try:
        with lock:
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _new_folder(path: Path, kind: str) -> tuple[Path, IO[bytes]]:
    """Make a temporary folder and lock it.

    Another writer may take the new folder for an abandoned one until it is locked, and remove it:
    the next try has a new name.
    """
    while True:
        folder = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=f".{kind}", dir=path.parent))
        lock = open(folder / _LOCK, "wb")  # noqa: SIM115 (closed by workspace)
        with contextlib.suppress(FileNotFoundError):
            here = lock_now(lock) and (folder / _LOCK).stat()
            if here and os.path.samestat(os.fstat(lock.fileno()), here):
                return folder, lock
        lock.close()


def _literal(name: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


def _remove_if_abandoned(folder: Path) -> None:
    """Remove a temporary folder whose writer is dead."""
    try:
        with open(folder / _LOCK, "r+b") as lock:
            if lock_now(lock, without_locks=False):
                shutil.rmtree(folder, ignore_errors=True)
    except PermissionError:  # a different user's
        return
    except (FileNotFoundError, NotADirectoryError):  # removed just now, or made just now
        with contextlib.suppress(FileNotFoundError):
            if folder.is_dir() and time.time() - folder.stat().st_mtime > _MOMENT_S:
                shutil.rmtree(folder, ignore_errors=True)


def lock_now(file: IO[bytes], without_locks: bool = True) -> bool:
    """Lock an open file without waiting, until it is closed.

    Args:
        without_locks: value to return on a file system that has no locks.

    Returns:
        False where a second process holds the lock.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _WITHOUT_LOCKS:
            raise
        return without_locks
    return True


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock ``.NAME.lock`` next to ``path``; wait while a second process holds it.

    For targets in a folder that several runs share.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    name = path.with_name(f".{path.name}.lock")
    lock = _lock_that_exists(name)
    try:
        yield
    finally:
        name.unlink(missing_ok=True)  # before the lock is released: see _lock_that_exists
        lock.close()


def _lock_that_exists(name: Path) -> IO[bytes]:
    """Open and lock a file; once more where its holder removed it in between."""
    while True:
        lock = open(name, "ab")  # noqa: SIM115 (closed by locked)
        if not lock_now(lock):
            sys.stderr.write(f"{name}: another process holds this lock, waiting\n")
            fcntl.flock(lock, fcntl.LOCK_EX)
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(lock.fileno()), name.stat()):
                return lock
        lock.close()


def put(source: Path, target: Path) -> None:
    """Give a finished file or folder its name; an older one of that name goes.

    A folder in the way is renamed first and removed afterwards, so that a reader finds the old one
    or the new one. Several processes may do so at once: the last one's stays.
    """
    while True:
        try:
            os.replace(source, target)
            return
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
        with contextlib.suppress(FileNotFoundError):  # somebody else was first
            os.rename(target, source.with_name(f"{source.name}.old"))
            shutil.rmtree(source.with_name(f"{source.name}.old"))
