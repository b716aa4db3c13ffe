"""Fetches the files of a source, verifies each, and writes the manifest last."""

import functools
from collections.abc import Callable, Sequence
from pathlib import Path

from collectivesft.common.errors import UserError
from collectivesft.raw.fetching import registry
from collectivesft.raw.fetching.lock_file import Lock
from collectivesft.raw.fetching.manifest import Target, write_manifest
from collectivesft.raw.fetching.one_file import copy_file, fetch_remote
from collectivesft.raw.fetching.unavailable import OnUnavailable, Unavailable, take_all, warn
from collectivesft.sources import local_files
from collectivesft.sources.spec import RawFile


def fetch_source(
    name: str,
    manifest: Path,
    out: Path | None = None,
    folder: Path | None = None,
    checksums: Path | None = None,
    names: Sequence[str] = (),
    on_unavailable: OnUnavailable = "error",
    lock: Path | None = None,
) -> None:
    """Fetch a source's raw files; from a local folder if one is given.

    Args:
        name: ``datasets/NAME`` or ``benchmarks/NAME``.
        manifest: written last; the files go to ``files/`` in its folder.
        out: that folder, as a check.
        folder: where local copies lie, under the same relative paths.
        checksums: sha256sum's output for the local copies; replaces upstream's checksums.
        names: files to take instead of the source's own list (with ``folder``).
        on_unavailable: whether a dataset that cannot be had is left out; the manifest then lists no
            files and says why.
        lock: lock file whose checksums hold where upstream's own are not known; only read.

    Raises:
        UserError, InputError: the message says which file, why, and what to do.
    """
    source = registry.load(name)
    target = Target.of(name, manifest, out)
    wanted = _select(source.files, names)
    if lock is not None:
        held = Lock.read(lock)
        wanted = [held.pin(name, file) for file in wanted]
    if folder is None and (names or checksums):
        raise UserError("--files and --checksums describe local files: name their --folder too.")
    if on_unavailable != "error" and not name.startswith("datasets/"):
        raise UserError(
            f"--on-unavailable {on_unavailable}: only datasets can be left out, not {name}."
        )
    if folder is None:
        take = functools.partial(fetch_remote, target=target)
    else:
        take = copier(Path(folder), target, checksums)
    entries, left_out = take_all(wanted, take, source, on_unavailable)
    if left_out:
        warn(name, left_out, target.manifest)
    write_manifest(target, entries, left_out)


def _select(known: Sequence[RawFile], names: Sequence[str]) -> list[RawFile]:
    if not names:
        return list(known)
    by_name = {file.path: file for file in known}
    return [by_name.get(name, RawFile(name)) for name in map(local_files.safe_name, names)]


def copier(folder: Path, target: Target, checksums: Path | None) -> Callable[[RawFile], dict]:
    """A function that copies one local file, checked; one already copied is left.

    It returns the manifest's entry.
    """
    if not folder.is_dir():
        # A mistyped name must not leave out a dataset.
        raise UserError(f"{folder}: no such folder. Make it, or correct --folder.")
    sums = local_files.read_checksums(checksums) if checksums else None

    def copy(file: RawFile) -> dict:
        source = local_files.find(folder, local_files.safe_name(file.path))
        if source is None:
            problem = f"{folder / file.path}: no such file in the local folder"
            remedy = "Place it there, or correct --folder."
            raise Unavailable(f"{problem}. {remedy}", "not in the folder of local files", True)
        if sums is not None:
            digest = local_files.checksum_for(sums, Path(checksums), source)
            file = RawFile(file.path, sha256=digest)
        return copy_file(source, file, target)

    return copy
