"""A temporary folder whose remains, if its process is killed, the next one takes away.

A download into an empty cache is as large as the model. What SIGKILL leaves behind nobody would
look for in the system's folder for temporary files.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from collectivesft.common.errors import UserError

_SHARED = "collectivesft-{user}"


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """Yield an empty folder below the system's (``TMPDIR``); remove it after.

    A lock on a folder says that its process lives; the kernel lets go of it at any death. Folders
    without one are removed first. Meanwhile the parent is locked against other processes.

    Raises:
        UserError: somebody else holds the parent's name.
    """
    parent = Path(tempfile.gettempdir()) / _SHARED.format(user=os.getuid())
    with _locked_parent(parent):
        _sweep(parent)
        folder = Path(tempfile.mkdtemp(dir=parent))
        handle = os.open(folder, os.O_RDONLY)
        fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(handle)
        with contextlib.suppress(OSError):  # a second process has its own in there
            parent.rmdir()


@contextlib.contextmanager
def _locked_parent(parent: Path) -> Iterator[None]:
    """Hold the lock of the present parent: a second process may just have removed the last one."""
    while True:
        with contextlib.suppress(FileExistsError):
            parent.mkdir(mode=0o700)
        try:
            handle = os.open(parent, os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY)
        except FileNotFoundError:
            continue
        try:
            if os.fstat(handle).st_uid != os.getuid():
                raise UserError(f"{parent}: belongs to somebody else. Set TMPDIR elsewhere.")
            fcntl.flock(handle, fcntl.LOCK_EX)
            if os.path.exists(parent) and os.path.samestat(os.fstat(handle), os.stat(parent)):
                yield
                return
        finally:
            os.close(handle)


def _sweep(parent: Path) -> None:
    for path in parent.iterdir():
        handle = os.open(path, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path, ignore_errors=True)
        except BlockingIOError:
            continue  # its process lives
        finally:
            os.close(handle)
