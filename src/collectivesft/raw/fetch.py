"""Fetches the files of a source, verifies each, and writes the manifest last."""

import contextlib
import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from collectivesft import files
from collectivesft.errors import InputError, UserError
from collectivesft.raw import catalogue, download, local, locations, verify
from collectivesft.sources import GoogleDrive, RawFile

JOURNAL = ".fetched.json"
BY_HAND = "placed by hand"
LOCAL = "local"


@dataclass(frozen=True)
class Target:
    """Where the files of one source go: ``files`` beside ``manifest``."""

    name: str
    manifest: Path

    @classmethod
    def of(cls, name: str, manifest: Path, out: Path | None = None) -> "Target":
        """The target of a manifest; ``out``, if given, must be the folder ``files`` beside it."""
        target = cls(name, Path(manifest))
        if out is not None and Path(out).resolve() != target.folder.resolve():
            raise UserError(f"--out {out} must be the folder beside the manifest: {target.folder}.")
        return target

    @property
    def folder(self) -> Path:
        """Folder of the files."""
        return self.manifest.parent / "files"


def fetch_source(
    name: str,
    manifest: Path,
    out: Path | None = None,
    folder: Path | None = None,
    checksums: Path | None = None,
    names: Sequence[str] = (),
) -> None:
    """Fetch a source's raw files; from a local folder if one is given.

    Args:
        name: ``datasets/NAME`` or ``benchmarks/NAME``.
        manifest: written last; the files go to ``files/`` beside it.
        out: that folder, as a check.
        folder: where local copies lie, under the same relative paths.
        checksums: sha256sum's output for the local copies; replaces upstream's checksums.
        names: files to take in place of the source's own list (with ``folder``).

    Raises:
        UserError, InputError: the message says which file, why, and what to do.
    """
    source = catalogue.load(name)
    target = Target.of(name, manifest, out)
    wanted = _select(source.files, names)
    if folder is None and (names or checksums):
        raise UserError("--file and --checksums describe local files: name their --folder too.")
    if folder is None:
        entries = [fetch_remote(file, target) for file in wanted]
    else:
        entries = copy_all(wanted, Path(folder), target, checksums)
    write_manifest(target, entries)


def _select(known: Sequence[RawFile], names: Sequence[str]) -> list[RawFile]:
    if not names:
        return list(known)
    by_name = {file.path: file for file in known}
    return [by_name.get(name, RawFile(name)) for name in map(local.safe_name, names)]


def write_manifest(target: Target, entries: list[dict]) -> None:
    """Write the manifest that RawFolder reads; only when every file is in its place."""
    with naming(target.manifest):
        files.write_json(target.manifest, {"source": target.name, "files": entries})


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Let an error that names no file, such as a full disk's, name this one."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


def copy_all(
    wanted: Sequence[RawFile], folder: Path, target: Target, checksums: Path | None
) -> list[dict]:
    """Copy local files, each checked; one already copied is left. Returns manifest entries."""
    sums = local.read_checksums(checksums) if checksums else None
    entries = []
    for file in wanted:
        source = local.find(folder, local.safe_name(file.path))
        if source is None:
            problem = "no such file in the local folder"
            raise InputError(folder / file.path, problem, "Place it there, or correct --folder")
        if sums is not None:
            digest = local.checksum_for(sums, Path(checksums), source)
            file = RawFile(file.path, sha256=digest)
        entries.append(copy_file(source, file, target))
    return entries


def copy_file(source: Path, file: RawFile, target: Target) -> dict:
    """Copy one verified local file; returns its manifest entry."""
    digest = verify.check(source, file)
    path = target.folder / file.path
    if not (path.is_file() and files.sha256(path) == digest):
        with naming(path), files.atomic_path(path) as partial:
            with open(source, "rb") as reader, open(partial, "wb") as writer:
                while block := reader.read(files.CHUNK):
                    writer.write(block)
            verify.check(partial, RawFile(file.path, sha256=digest), shown=path)
    return _entry(file.path, path, digest, LOCAL)


def fetch_remote(file: RawFile, target: Target) -> dict:
    """Make sure that one file is in its place, from the first location that gives it.

    Raises:
        UserError: no location gave it; each one's reason is named.
    """
    path = target.folder / local.safe_name(file.path)
    present = _present(file, path, target)
    if present is not None:
        return present
    failures = []
    for location in file.locations:
        origin = locations.origin(location)
        try:
            with naming(path):
                stated = locations.fetch(location, file, path)
                digest = _accept(stated, path, target, origin)
        except UserError as error:
            failures.append(str(error).rstrip("."))
            continue
        return _entry(file.path, path, digest, origin)
    raise UserError(_explain(file, path, failures, target))


def _accept(file: RawFile, path: Path, target: Target, origin: str) -> str:
    """Verify the finished download, note where it came from, and give it its name."""
    partial = download.partial_of(path)
    try:
        digest = verify.check(partial, file, shown=path)
    except InputError as error:
        rejected = verify.reject(partial, path)
        download.forget(path)
        raise UserError(f"{origin}: {error.problem} (kept as {rejected.name})") from error
    # Noted before the rename: a kill in between costs one more check, never a wrong origin.
    _note(target, file.path, {"origin": origin, "sha256": digest})
    os.replace(partial, path)
    download.forget(path)
    return digest


def _present(file: RawFile, path: Path, target: Target) -> dict | None:
    """The entry of a file that is already there and right; a wrong one is put aside."""
    if not path.is_file():
        return None
    try:
        digest = verify.check(path, file)
    except InputError as error:
        rejected = verify.reject(path, path)
        if not file.locations:
            remedy = f"It is kept as {rejected.name}. {error.remedy}"
            raise InputError(path, error.problem, remedy) from error
        sys.stderr.write(f"{path}: {error.problem}; kept as {rejected.name}, fetching again\n")
        return None
    download.forget(path)  # what a kill right after the rename left
    noted = _journal(target).get(file.path, {})
    origin = noted["origin"] if noted.get("sha256") == digest else BY_HAND
    return _entry(file.path, path, digest, origin)


def _explain(file: RawFile, path: Path, failures: list[str], target: Target) -> str:
    reasons = "; ".join(failures) or "it has no address that a program can use"
    drive = [where.file_id for where in file.locations if isinstance(where, GoogleDrive)]
    browser = f", downloaded in a browser from drive.google.com/file/d/{drive[0]}" if drive else ""
    last = "name the folder that holds it with --folder"
    if target.name.startswith("models/"):
        last = "use `kind: folder` in the model's file"
    return (
        f"{file.path} could not be fetched: {reasons}. Check the network and run again (what "
        f"has arrived is kept), or place the file{browser} at {path} by hand and run again, or "
        f"{last}."
    )


def _entry(name: str, path: Path, digest: str, origin: str) -> dict:
    return {"path": name, "size": path.stat().st_size, "sha256": digest, "origin": origin}


def _journal(target: Target) -> dict[str, dict]:
    """What earlier runs fetched: name to origin and sha256; nothing if it is damaged."""
    try:
        journal = json.loads((target.folder / JOURNAL).read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return journal if isinstance(journal, dict) else {}


def _note(target: Target, name: str, fact: dict) -> None:
    files.write_json(target.folder / JOURNAL, {**_journal(target), name: fact})
