"""Raw content as byte streams: plain files, and members of zip archives read in place.

Archives are never unpacked: a member is opened by name, so its name cannot lead out of a folder.
"""

import contextlib
import errno
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from collectivesft.common.errors import InputError
from collectivesft.sources.folder import RawFolder
from collectivesft.sources.verify import DAMAGED, GET_AGAIN, UNREADABLE

BUFFER = 1 << 20
LARGE, RATIO = 1 << 28, 200  # texts are stored in a third to a tenth of their size


@dataclass(frozen=True)
class Part:
    """A raw file, or one member of a raw zip archive.

    Attributes:
        path: the file on disk.
        name: its name in the manifest; with the member's after a slash, what ``meta`` records.
        member: name of the zip member, or "" for the file itself.
    """

    path: Path
    name: str
    member: str = ""

    @classmethod
    def of(cls, raw: RawFolder, name: str, member: str = "") -> "Part":
        """The part of a raw folder; the file must be listed in its manifest."""
        return cls(raw.path(name), name, member)

    @property
    def file(self) -> str:
        """Name for ``meta``, without any path of this machine."""
        return f"{self.name}/{self.member}" if self.member else self.name

    @property
    def label(self) -> str:
        """Path for messages."""
        return f"{self.path}/{self.member}" if self.member else str(self.path)

    def is_there(self) -> bool:
        """Say if the archive has the member; opening a damaged one raises."""
        if not self.member:
            return self.path.is_file()
        try:
            with zipfile.ZipFile(self.path) as archive:
                names = archive.namelist()
        except UNREADABLE:
            return True
        return any(name == self.member or name.endswith("/" + self.member) for name in names)

    @contextlib.contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """Open for reading bytes.

        Raises:
            InputError: the archive is cut or damaged, or lacks the member.
        """
        if not self.member:
            with open(self.path, "rb") as handle:
                yield handle
            return
        with contextlib.ExitStack() as stack:
            with self._explaining(UNREADABLE):
                archive = stack.enter_context(zipfile.ZipFile(self.path))
                member = find_member(self.path, archive, self.member)
                _bounded(self, member)
                handle = stack.enter_context(archive.open(member))
            # Fewer kinds of error from here on: the reader's own pass as they are.
            with self._explaining(DAMAGED):
                # A member cuts its lines in Python, a buffer over it in C.
                yield stack.enter_context(io.BufferedReader(handle, BUFFER))

    @contextlib.contextmanager
    def _explaining(self, broken: tuple[type[Exception], ...]) -> Iterator[None]:
        try:
            yield
        except (*broken, OSError) as error:
            # bz2 raises an OSError without a number for bad data; a wrong offset gives EINVAL.
            if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
                raise
            problem = f"the zip archive is cut short or damaged ({error})"
            raise InputError(self.label, problem, GET_AGAIN) from error


def _bounded(part: Part, member: zipfile.ZipInfo) -> None:
    """Refuse a member that unpacks to far more than any text does.

    Raises:
        InputError: more than ``LARGE`` bytes, and ``RATIO`` times the stored size.
    """
    if member.file_size > LARGE and member.file_size > RATIO * member.compress_size:
        problem = (
            f"unpacks to {member.file_size:,} bytes from {member.compress_size:,}: no text does"
        )
        raise InputError(part.label, problem, GET_AGAIN)


def member_names(path: Path, suffix: str) -> list[str]:
    """Return the names of an archive's members with that suffix, sorted.

    Raises:
        InputError: the archive is cut or damaged.
    """
    with Part(path, path.name)._explaining(UNREADABLE), zipfile.ZipFile(path) as archive:
        names = [info.filename for info in archive.infolist() if not info.is_dir()]
    return sorted(n for n in names if n.endswith(suffix) and not n.startswith("__MACOSX/"))


def find_member(path: Path, archive: zipfile.ZipFile, member: str) -> zipfile.ZipInfo:
    """The member of that name, at the top or in exactly one folder of the archive.

    Raises:
        InputError: none, or several.
    """
    files = [info for info in archive.infolist() if not info.is_dir()]
    files = [info for info in files if not info.filename.startswith("__MACOSX/")]
    found = [info for info in files if info.filename == member]
    found = found or [info for info in files if info.filename.endswith("/" + member)]
    if len(found) == 1:
        return found[0]
    names = ", ".join(info.filename for info in found or files[:8]) or "nothing"
    problem = f"{'several members' if found else 'no member'} named {member} (there is {names})"
    raise InputError(path, problem, "Check that this is the archive of the pinned revision")
