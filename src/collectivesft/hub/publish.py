"""Push a model folder with its card and manifest to the Hub, in one commit, and tag it."""

from pathlib import Path
from typing import Any

from collectivesft.errors import UserError
from collectivesft.files import git_blob_id, read_json, sha256, write_json
from collectivesft.hub.calls import plain_log, with_retries


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
    from huggingface_hub import HfApi

    plain_log()
    files = {**_files(model, manifest), "README.md": card, "manifest.json": manifest}
    api = HfApi()
    with_retries(lambda: api.create_repo(repo, private=private, exist_ok=True), f"{repo}: create")
    commit = _tagged(api, repo, tag, files)
    if commit is None:
        commit = _push(api, repo, tag, files)
        # A tag that is there by now is ours: the answer to the first attempt was lost.
        tagging = lambda: api.create_tag(repo, tag=tag, revision=commit, exist_ok=True)  # noqa: E731
        with_retries(tagging, f"{repo}: tag")
    hashes = {name: sha256(path) for name, path in sorted(files.items())}
    result = {"repo": repo, "commit": commit, "tag": tag, "files": hashes}
    write_json(receipt, result)
    return result


def _files(model: Path, manifest: Path) -> dict[str, Path]:
    """Name on the Hub to local path of the model's files, each checked against the manifest."""
    listed = read_json(manifest)["model"]["files"]
    for name, facts in listed.items():
        if sha256(model / name) != facts["sha256"]:
            raise UserError(f"{model / name}: differs from {manifest}. Run `hub release` again.")
    return {name: model / name for name in listed}


def _tagged(api: Any, repo: str, tag: str, files: dict[str, Path]) -> str | None:
    """The commit that the tag names, None if there is no such tag yet.

    Raises:
        UserError: it names other content.
    """
    refs = with_retries(lambda: api.list_repo_refs(repo), f"{repo}: tags")
    commit = {ref.name: ref.target_commit for ref in refs.tags}.get(tag)
    if commit is not None:
        there = _tree(api, repo, commit)
        if not all(name in there and _same(there[name], path) for name, path in files.items()):
            remedy = "Choose another hub.tag in the configuration"
            raise UserError(f"{repo}: the tag {tag} names other content already. {remedy}.")
    return commit


def _tree(api: Any, repo: str, revision: str) -> dict[str, Any]:
    """Path to the Hub's entry of each file of a revision."""
    call = lambda: list(api.list_repo_tree(repo, revision=revision, recursive=True))  # noqa: E731
    return {entry.path: entry for entry in with_retries(call, f"{repo}: read")}


def _same(entry: Any, path: Path) -> bool:
    if getattr(entry, "lfs", None):
        return entry.lfs.sha256 == sha256(path)
    return getattr(entry, "blob_id", None) == git_blob_id(path)


def _push(api: Any, repo: str, tag: str, files: dict[str, Path]) -> str:
    """Commit the files, and take away weights of an earlier release; the commit.

    Where nothing differs, the client makes no commit and this is the branch's last one. Weights
    that stayed would be loaded in place of new ones that are cut into other shards.
    """
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    stale = [name for name in _tree(api, repo, "main") if name not in files and _is_weights(name)]

    def commit() -> str:
        # Made anew for each attempt: the client keeps in them what it saw on the Hub.
        operations = [
            CommitOperationAdd(path_in_repo=name, path_or_fileobj=str(path))
            for name, path in sorted(files.items())
        ]
        operations += [CommitOperationDelete(path_in_repo=name) for name in stale]
        return api.create_commit(repo, operations, commit_message=f"Release {tag}").oid

    return with_retries(commit, f"{repo}: upload")


def _is_weights(name: str) -> bool:
    return name.endswith((".safetensors", ".safetensors.index.json"))
