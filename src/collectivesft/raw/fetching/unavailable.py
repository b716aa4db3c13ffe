"""Treat a source that cannot be had: an error, or left out of the run with the reason."""

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal

from collectivesft.common.errors import UserError
from collectivesft.sources.spec import RawFile, Source

# skip: if its access is not open and every location refused it for good;
# skip-always: whatever the reason, a broken network included.
OnUnavailable = Literal["error", "skip", "skip-always"]


class Unavailable(UserError):
    """A file that no location gives and that nobody has placed.

    Args:
        message: for a person, with the remedy.
        reason: why, without any path of this machine: it is published with the results.
        final: whether trying again is useless: refused, not there, no address at all.
    """

    def __init__(self, message: str, reason: str, final: bool):
        self.reason, self.final = reason, final
        super().__init__(message)


def take_all(
    wanted: Iterable[RawFile],
    take: Callable[[RawFile], dict],
    source: Source,
    on_unavailable: OnUnavailable,
) -> tuple[list[dict], str]:
    """Take each file of a source; all of them, or none if it may be left out.

    Args:
        take: brings one file to its place and returns its manifest entry.

    Returns:
        The manifest's entries, and why the source is left out ("" if it is not).

    Raises:
        Unavailable: a file cannot be had and that is an error: by ``on_unavailable``, because the
            source is open, or because other files of it are there (half of them placed by hand).
    """
    entries: list[dict] = []
    gone: list[tuple[RawFile, Unavailable]] = []
    for file in wanted:
        try:
            entries.append(take(file))
        except Unavailable as error:
            if not _may_leave(source, on_unavailable, error):
                raise
            gone.append((file, error))
    if gone and entries:
        raise gone[0][1]
    return entries, _reason(gone)


def _may_leave(source: Source, on_unavailable: OnUnavailable, error: Unavailable) -> bool:
    closed = source.access != "open" and error.final
    return on_unavailable == "skip-always" or (on_unavailable == "skip" and closed)


def _reason(gone: list[tuple[RawFile, Unavailable]]) -> str:
    """Return the reasons, each once for all files that share it."""
    names: dict[str, list[str]] = {}
    for file, error in gone:
        names.setdefault(error.reason, []).append(file.path)
    return "; ".join(f"{_few(files)}: {reason}" for reason, files in names.items())


def _few(names: list[str]) -> str:
    more = len(names) - 1
    return names[0] + (f" and {more} more file{'s' * (more > 1)}" if more else "")


def warn(name: str, reason: str, manifest: Path) -> None:
    """Say on stderr that a source is left out, and how to have it after all."""
    sys.stderr.write(
        f"warning: {name} is left out of this run: {reason}. To have it, place its files in "
        f"{manifest.parent / 'files'} (or in the folder that the configuration names) and run "
        f"again; to ask upstream again, delete {manifest} first.\n"
    )
