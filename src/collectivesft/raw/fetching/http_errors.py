"""Explain HTTP errors of the Hub and of web servers, with a remedy."""

from typing import TYPE_CHECKING

from collectivesft.sources.spec import Hub

if TYPE_CHECKING:  # not in the environment of the paper, which reads benchmarks too
    import httpx2


def new_address(response: "httpx2.Response") -> str | None:
    """Return the address that a file has moved to for good, by a redirect; without its query.

    That is the target of a permanent redirect (GitHub, for a renamed repository), or of any
    redirect between two repositories of the Hub. Redirects to a storage host are not.
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
    """Return the repository's part of an address of the Hub; "" for any other address."""
    before, found, _ = url.path.partition("/resolve/")
    return before if found else ""


def hub(location: Hub, status: int | None, code: str) -> str:
    """Explain why the Hub refuses a file, with the remedy.

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
    """Explain why an address refuses a file; "" where the status says all."""
    if status in (404, 410):
        return "the repository or file was deleted, renamed or made private"
    if status in (401, 403):
        return "the address wants a sign-in or does not let programs in"
    return ""
