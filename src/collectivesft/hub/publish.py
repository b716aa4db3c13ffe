"""Push a model folder with its card and manifest to the Hub, in one commit, and tag it."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from collectivesft.errors import UserError
from collectivesft.files import read_json, sha256, write_json

Result = TypeVar("Result")
TRIES = 4
FIRST_WAIT_S = 1.0


def with_retries(call: Callable[[], Result], what: str, wait: float = FIRST_WAIT_S) -> Result:
    """Call again on a server error, a lost connection or a branch that moved on.

    The client retries uploads by itself, but not the creation, the commit and the tag.

    Raises:
        UserError: the Hub refused, or it failed each time.
    """
    import httpx
    from huggingface_hub.errors import HfHubHTTPError

    for attempt in range(1, TRIES + 1):
        try:
            return call()
        except HfHubHTTPError as error:
            status = error.response.status_code if error.response is not None else 0
            if attempt == TRIES or (status < 500 and status not in (412, 429)):
                raise UserError(_refused(what, status, error)) from error
        except httpx.TransportError as error:
            if attempt == TRIES:
                problem = f"the Hub could not be reached ({error})"
                raise UserError(f"{what}: {problem}. Check the network and run again.") from error
        time.sleep(wait * 2 ** (attempt - 1))
    raise AssertionError("unreachable: the last attempt returns or raises")


def _refused(what: str, status: int, error: Exception) -> str:
    if status in (401, 403):
        remedy = "Log in with `hf auth login`, or set HF_TOKEN to a token with write access"
    elif status == 404:
        remedy = "Check hub.repo in the configuration and that the token may see it"
    else:
        remedy = "Run again; what was uploaded is kept"
    return f"{what}: the Hub answered {status} ({str(error).splitlines()[0]}). {remedy}."


def publish(
    repo: str, tag: str, private: bool, model: Path, card: Path, manifest: Path, receipt: Path
) -> dict:
    """Publish what the manifest lists; write and return the receipt.

    Running it again with the same files makes no second commit, and moves no tag.

    Args:
        repo: ``owner/name`` on the Hub.
        tag: name for the commit; an existing tag must already name the same content.
        model: folder with the files that the manifest lists under ``model.files``.
        receipt: JSON ``{"repo", "commit", "tag", "files": {path: sha256}}``.

    Raises:
        UserError: a file differs from the manifest, the Hub refused, or the tag is taken.
    """
    from huggingface_hub import CommitOperationAdd, HfApi

    files = _files(model, card, manifest)
    api = HfApi()
    with_retries(lambda: api.create_repo(repo, private=private, exist_ok=True), f"{repo}: create")
    operations = [
        CommitOperationAdd(path_in_repo=name, path_or_fileobj=str(path))
        for name, path in sorted(files.items())
    ]
    commit = with_retries(
        lambda: api.create_commit(repo, operations, commit_message=f"Release {tag}"),
        f"{repo}: upload",
    ).oid
    commit = _tag(api, repo, tag, commit)
    hashes = {name: sha256(path) for name, path in sorted(files.items())}
    result = {"repo": repo, "commit": commit, "tag": tag, "files": hashes}
    write_json(receipt, result)
    return result


def _files(model: Path, card: Path, manifest: Path) -> dict[str, Path]:
    """Name on the Hub to local path, each model file checked against the manifest."""
    listed = read_json(manifest)["model"]["files"]
    for name, facts in listed.items():
        if sha256(model / name) != facts["sha256"]:
            raise UserError(f"{model / name}: differs from {manifest}. Run `hub release` again.")
    return {name: model / name for name in listed} | {"README.md": card, "manifest.json": manifest}


def _tag(api, repo: str, tag: str, commit: str) -> str:
    """Tag the commit; the commit that the tag names."""
    refs = with_retries(lambda: api.list_repo_refs(repo), f"{repo}: tags")
    taken = {ref.name: ref.target_commit for ref in refs.tags}.get(tag)
    if taken is None:
        with_retries(lambda: api.create_tag(repo, tag=tag, revision=commit), f"{repo}: tag")
        return commit
    if taken != commit and _content(api, repo, taken) != _content(api, repo, commit):
        remedy = "Choose another hub.tag in the configuration"
        raise UserError(f"{repo}: the tag {tag} names other content already. {remedy}.")
    return taken


def _content(api, repo: str, revision: str) -> dict[str, str]:
    info = with_retries(
        lambda: api.model_info(repo, revision=revision, files_metadata=True), f"{repo}: read"
    )
    return {s.rfilename: s.blob_id for s in info.siblings if s.rfilename != ".gitattributes"}
