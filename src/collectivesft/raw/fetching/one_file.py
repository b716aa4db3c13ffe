"""Fetch or copy one file of a source and check it."""

import os
import sys
from dataclasses import replace
from pathlib import Path

from collectivesft.common import files
from collectivesft.common.errors import InputError, UserError
from collectivesft.raw.fetching import download, locations
from collectivesft.raw.fetching.manifest import BY_HAND, LOCAL, Target, entry, journal, naming, note
from collectivesft.raw.fetching.unavailable import Unavailable
from collectivesft.sources import local_files, verify
from collectivesft.sources.spec import GoogleDrive, RawFile

NO_ADDRESS = "it has no address that a program can use"


def copy_file(source: Path, file: RawFile, target: Target) -> dict:
    """Copy one verified local file; returns its manifest entry."""
    try:
        digest = verify.check(source, file)
    except verify.Mismatch as error:
        remedy = f"{error.remedy}; a copy of your own needs its sums (--checksums, `checksums:`)"
        raise InputError(source, error.problem, remedy) from error
    path = target.folder / file.path
    if not (path.is_file() and files.sha256(path) == digest):
        with naming(path), files.atomic_path(path) as partial:
            with open(source, "rb") as reader, open(partial, "wb") as writer:
                while block := reader.read(files.CHUNK):
                    writer.write(block)
            verify.check(partial, RawFile(file.path, sha256=digest), shown=path)
    return entry(file.path, path, digest, LOCAL)


def fetch_remote(file: RawFile, target: Target) -> dict:
    """Make sure that one file is in its place, from the first location that gives it.

    Raises:
        Unavailable: no location gave it; each one's reason is named.
    """
    path = target.folder / local_files.safe_name(file.path)
    present = _present(file, path, target)
    if present is not None:
        return present
    failures: list[UserError] = []
    for location in file.locations:
        origin = locations.origin(location)
        try:
            with naming(path):
                stated = locations.fetch(location, file, path)
                digest = _accept(stated, path, target, origin)
        except UserError as error:
            failures.append(error)
            continue
        return entry(file.path, path, digest, origin)
    raise _unavailable(file, path, failures, target)


def _accept(file: RawFile, path: Path, target: Target, origin: str) -> str:
    """Verify the finished download, note where it came from, and give it its name."""
    partial = download.partial_of(path)
    try:
        digest = verify.check(partial, file, shown=path)
    except InputError as error:
        rejected = verify.reject(partial, path)
        download.forget(path)
        page = isinstance(error, verify.WebPage)
        raise Rejected(f"{origin}: {error.problem}", rejected.name, page) from error
    # Noted before the rename: a kill in between costs one more check, never a wrong origin.
    note(target, file.path, {"origin": origin, "sha256": digest})
    os.replace(partial, path)
    download.forget(path)
    return digest


def _present(file: RawFile, path: Path, target: Target) -> dict | None:
    """The entry of a file that is already there and right; a wrong one is put aside."""
    if not path.is_file():
        return None
    noted = journal(target).get(file.path, {})
    if file.locations and not (file.sha256 or file.git_blob):
        # Nobody states a checksum: the file must then still equal the download.
        file = replace(file, sha256=noted.get("sha256"))
    try:
        digest = verify.check(path, file)
    except InputError as error:
        rejected = verify.reject(path, path)
        if not file.locations:
            remedy = f"It is kept as {rejected.name}. {error.remedy}"
            raise InputError(path, error.problem, remedy) from error
        sys.stderr.write(f"{path}: {error.problem}; kept as {rejected.name}, fetching again\n")
        return None
    download.forget(path)  # remains of a kill right after the rename
    origin = noted["origin"] if noted.get("sha256") == digest else BY_HAND
    return entry(file.path, path, digest, origin)


class Rejected(UserError):
    """The content of a location is not the file; ``page``: it is a web page instead."""

    def __init__(self, reason: str, kept: str, page: bool):
        self.reason, self.page = reason, page
        super().__init__(f"{reason} (kept as {kept})")


def _unavailable(
    file: RawFile, path: Path, failures: list[UserError], target: Target
) -> Unavailable:
    said = "; ".join(str(error).rstrip(".") for error in failures) or NO_ADDRESS
    short = (getattr(error, "reason", str(error)).rstrip(".") for error in failures)
    final = all(getattr(error, "page", False) or _refused(error) for error in failures)
    wrong = any(isinstance(error, Rejected) and not error.page for error in failures)
    message = _explain(file, path, said, target, wrong)
    return Unavailable(message, "; ".join(short) or NO_ADDRESS, final)


def _refused(error: UserError) -> bool:
    """The server answered that it does not give the file; a network's failure is no answer."""
    return isinstance(error, download.DownloadError) and error.status is not None


def _explain(file: RawFile, path: Path, reasons: str, target: Target, wrong: bool) -> str:
    drive = [where.file_id for where in file.locations if isinstance(where, GoogleDrive)]
    browser = f", downloaded in a browser from drive.google.com/file/d/{drive[0]}" if drive else ""
    last = "name the folder that holds it with --folder"
    if target.name.startswith("models/"):
        last = "use `kind: folder` in the model's file"
    accept = verify.acceptance(file) if wrong else ""
    again = "Check the network and run again (what has arrived is kept), or place"
    again = again if file.locations else "Place"
    return (
        f"{file.path} could not be fetched: {reasons}. {again} the file{browser} at {path} by "
        f"hand and run again, or {last}{accept}."
    )
