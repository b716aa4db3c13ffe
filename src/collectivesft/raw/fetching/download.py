"""Download over http(s), and resume after an interruption, even after ``kill -9``.

The bytes so far lie in ``.NAME.partial`` next to the target, and ``.NAME.partial.json`` says
which address and version they belong to. Nothing is ever renamed here: the caller verifies
the finished partial file first.
"""

import json
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from collectivesft.common.errors import UserError
from collectivesft.common.files import write_json
from collectivesft.common.progress import Reporter
from collectivesft.common.retry import asked_wait, with_tries
from collectivesft.raw.fetching.http_errors import new_address

ATTEMPTS = 5
BACKOFF_S = 1.0
LONGEST_WAIT_S = 60.0
TIMEOUT = httpx2.Timeout(60.0, connect=20.0)
_FINAL = (httpx2.InvalidURL, httpx2.UnsupportedProtocol, httpx2.TooManyRedirects)


class DownloadError(UserError):
    """A location that gives no file.

    Args:
        status: the HTTP status, None for no answer.
        code: the Hub's name for the reason (its header ``X-Error-Code``), or "".
    """

    def __init__(self, message: str, status: int | None = None, code: str = ""):
        self.status, self.code = status, code
        super().__init__(message)


class _Retry(Exception):
    """A failure that may pass: worth a retry after ``wait_s`` seconds (None: back off)."""

    def __init__(self, reason: str, wait_s: float | None = None):
        self.reason, self.wait_s = reason, wait_s
        super().__init__(reason)


@dataclass(frozen=True)
class Request:
    """A request: the address, extra headers, and a label for the progress bar."""

    url: str
    headers: dict[str, str] = field(default_factory=dict)
    label: str = ""


def partial_of(target: Path) -> Path:
    """Return the file that holds the bytes of an unfinished download of ``target``."""
    return target.with_name(f".{target.name}.partial")


def forget(target: Path) -> None:
    """Remove the files of an unfinished download of ``target``."""
    partial = partial_of(target)
    partial.unlink(missing_ok=True)
    _state_path(partial).unlink(missing_ok=True)


def download(request: Request, target: Path) -> httpx2.Headers:
    """Fetch into ``partial_of(target)``, resuming after the bytes that are there.

    Tries again, with growing waits, when the connection breaks or the server is busy; an
    attempt that came further than all before it resets the count.

    Returns:
        The response's headers, those of redirects included (the last one wins).

    Raises:
        DownloadError: refused, not found, or still failing after ``ATTEMPTS`` tries.
    """
    partial = partial_of(target)
    partial.parent.mkdir(parents=True, exist_ok=True)
    try:
        return with_tries(
            lambda: _attempt(request, partial),
            _is_passing,
            tries=ATTEMPTS,
            first_wait_s=BACKOFF_S,
            longest_wait_s=LONGEST_WAIT_S,
            asked=lambda error: getattr(error, "wait_s", None),
            progress=lambda: _offset(request.url, partial),
        )
    except _FINAL as error:
        raise DownloadError(f"{request.url}: {error}".rstrip(".")) from error
    except (httpx2.TransportError, _Retry) as error:
        raise DownloadError(f"{request.url}: {_reason(error)}") from error


def _is_passing(error: BaseException) -> bool:
    return isinstance(error, (httpx2.TransportError, _Retry)) and not isinstance(error, _FINAL)


def _reason(error: Exception) -> str:
    return getattr(error, "reason", "") or f"no answer ({str(error) or type(error).__name__})"


def _attempt(request: Request, partial: Path) -> httpx2.Headers:
    offset = _offset(request.url, partial)
    # identity: a byte range of compressed content could not be joined to plain bytes.
    headers = {"Accept-Encoding": "identity", **request.headers}
    if offset:
        headers["Range"] = f"bytes={offset}-"
    with (
        httpx2.Client(follow_redirects=True, timeout=TIMEOUT) as client,
        client.stream("GET", request.url, headers=headers) as response,
    ):
        merged = _merge_headers(response)
        if response.status_code == 416:
            merged.setdefault("etag", _settle_unsatisfiable(response, partial, offset))
            return merged
        _raise_for_status(request.url, response)
        if moved := new_address(response):
            sys.stderr.write(f"{request.url}: moved to {moved}; correct the source's address\n")
        offset = _begin(request.url, response, partial, offset)
        _receive(request, response, partial, offset)
        return merged


def _merge_headers(response: httpx2.Response) -> httpx2.Headers:
    merged = httpx2.Headers()
    for step in (*response.history, response):
        merged.update(step.headers)
    return merged


def _raise_for_status(url: str, response: httpx2.Response) -> None:
    status = response.status_code
    if status in (200, 206):
        return
    if status == 429 or status >= 500:
        raise _Retry(f"HTTP {status}", asked_wait(response.headers))
    detail = response.headers.get("x-error-message") or response.reason_phrase
    moved = new_address(response)
    where = f"{url} (moved to {moved})" if moved else url
    code = response.headers.get("x-error-code", "")
    raise DownloadError(f"{where}: HTTP {status} {detail}".rstrip(), status, code)


def _offset(url: str, partial: Path) -> int:
    """Return the bytes to resume after: none unless they came from this very address.

    Bytes of a different address stay until this one really gives something.
    """
    known = _state(partial).get("url") == url
    return partial.stat().st_size if known and partial.is_file() else 0


def _begin(url: str, response: httpx2.Response, partial: Path, offset: int) -> int:
    """Decide where the body goes; note its version. Returns the offset at which to write."""
    if response.headers.get("content-encoding", "identity") != "identity":
        raise DownloadError(f"{url}: the server compresses the file although asked not to")
    version = _version(response)
    if response.status_code == 206:
        known = _state(partial).get("version")
        start = _content_range(response)[0]
        if start != offset or (offset and known and version and known != version):
            partial.unlink(missing_ok=True)
            raise _Retry("the file changed on the server", 0.0)
    if response.status_code == 200 or not offset:
        # First the old bytes go: killed in between, they must not pass for the new version's.
        partial.unlink(missing_ok=True)
        write_json(_state_path(partial), {"url": url, "version": version})
        return 0
    return offset


def _version(response: httpx2.Response) -> str | None:
    return response.headers.get("etag") or response.headers.get("last-modified")


def _content_range(response: httpx2.Response) -> tuple[int | None, int | None]:
    """First byte and size of the whole, from ``bytes FIRST-LAST/SIZE`` or ``bytes */SIZE``."""
    text = response.headers.get("content-range", "")
    found = re.fullmatch(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)", text.strip(), re.ASCII)
    first, size = found.groups() if found else (None, None)
    return first and int(first), int(size) if size and size != "*" else None


def _receive(request: Request, response: httpx2.Response, partial: Path, offset: int) -> None:
    length = response.headers.get("content-length")
    total = offset + int(length) if length and length.isdigit() else None
    if response.status_code == 206:
        # The whole, not this answer: a server may give less than it was asked for.
        total = _content_range(response)[1] or total
    label = f"{request.label or partial} (bytes)"
    with open(partial, "r+b" if offset else "wb") as handle, Reporter(label, total) as reporter:
        handle.seek(offset)
        reporter.advance(offset)
        for block in response.iter_raw():
            handle.write(block)
            reporter.advance(len(block))
        received = handle.tell()
    if total is not None and received != total:
        raise _Retry(f"the connection ended after {received} of {total} bytes")


def _settle_unsatisfiable(response: httpx2.Response, partial: Path, offset: int) -> str:
    """416: all bytes are here already (returns their version), or they cannot be used."""
    known = _state(partial).get("version") or ""
    version = _version(response)
    changed = known and version and known != version
    if not offset or changed or _content_range(response)[1] != offset:
        partial.unlink(missing_ok=True)
        raise _Retry("the server refused to go on from there", 0.0)
    return known


def _state_path(partial: Path) -> Path:
    return partial.with_name(partial.name + ".json")


def _state(partial: Path) -> dict:
    """Return the note about the bytes so far; an empty one if it is missing or damaged."""
    try:
        state = json.loads(_state_path(partial).read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}
