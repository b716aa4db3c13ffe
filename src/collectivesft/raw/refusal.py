"""What a server's answer means when it is not the file: moved, gone, gated, a web page instead."""

from pathlib import Path
from typing import TYPE_CHECKING

from collectivesft.sources import Hub

if TYPE_CHECKING:  # not in the environment of the paper, which reads benchmarks too
    import httpx2

# A page says what it is within its first bytes: its title, its links, its form.
PAGE = 1 << 16
_BY_HAND = "and place the file itself by hand"

# What stands in a page (lower case; one of these), what it is, what to do.
_PAGES = (
    (
        ("virus scan warning", "scan this file for viruses"),
        "Google Drive's warning that it can't scan so large a file for viruses",
        f"Open the address in a browser, press Download anyway, {_BY_HAND}",
    ),
    (
        ("quota exceeded", "too many users have viewed or downloaded"),
        "Google Drive's note that too many people have fetched it lately",
        f"Try again in a day, or copy it to a Drive of your own, download it there {_BY_HAND}",
    ),
    (
        ("accounts.google.com", 'type="password"', "type='password'", "sign in", "log in", "登录"),
        "a page to sign in",
        f"Open the address in a browser, sign in, {_BY_HAND}",
    ),
)
_OTHER = f"Open the address in a browser to see what it wants, {_BY_HAND}"


def page(path: Path) -> tuple[str, str]:
    """What an HTML page in place of a file says, and what to do about it."""
    with open(path, "rb") as handle:
        text = handle.read(PAGE).decode("utf-8", "replace").lower().replace("&#39;", "'")
    for signs, what, remedy in _PAGES:
        if any(sign in text for sign in signs):
            return f" ({what})", remedy
    return "", _OTHER


def new_address(response: "httpx2.Response") -> str | None:
    """Where a file has moved for good, if a redirect said so; without its query.

    That is the target of a permanent redirect (GitHub, for a renamed repository), or of any
    redirect from one repository of the Hub to another. Redirects to a storage host are not.
    """
    found = None
    for step in response.history:
        here, there = step.url, step.url.join(step.headers.get("location", ""))
        renamed = here.host == there.host and _repository(here) != _repository(there)
        permanent = step.status_code in (301, 308) and here.path != there.path
        if permanent or renamed:
            found = str(there.copy_with(query=None))
    return found


def _repository(url: "httpx2.URL") -> str:
    """The repository's part of an address of the Hub; "" for another address."""
    before, found, _ = url.path.partition("/resolve/")
    return before if found else ""


def hub(location: Hub, status: int | None, code: str) -> str:
    """What it means that the Hub refuses a file, and what to do.

    Args:
        status: HTTP status.
        code: its ``X-Error-Code``, or "".
    """
    folder = "datasets/" if location.kind == "dataset" else ""
    home = f"https://huggingface.co/{folder}{location.repo}"
    token = "set HF_TOKEN or run `hf auth login`"
    if code == "GatedRepo" or (status == 403 and not code):
        return f"{location.repo} is gated: accept its terms on {home}, then {token}"
    if code == "RevisionNotFound":
        return f"the pinned revision is not in {location.repo} any more; see {home}/commits/main"
    if code == "RepoNotFound" or status == 401:
        return (
            f"{location.repo} is not there, or hidden: it was deleted, renamed or made private, or "
            f"wants a token (accept its terms on {home} if it is gated, then {token})"
        )
    if code == "EntryNotFound" or status == 404:
        return f"no such file in that revision; see {home}/tree/{location.revision}"
    return f"see {home}"


def web(status: int | None) -> str:
    """What it means that an address refuses a file; "" where the status says all."""
    if status in (404, 410):
        return "the repository or file was deleted, renamed or made private"
    if status in (401, 403):
        return "the address wants a sign-in or does not let programs in"
    return ""
