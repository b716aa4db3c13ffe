"""Bring a repository of the Hub to hold a set of files, in one commit under a tag.

The present files are read first and compared; only a difference is sent. A commit names the commit
that it was compared with, so that a second push in between is noticed and compared again. The
tag is set last, on a commit whose files have been read back: no tag ever names half a release.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from collectivesft.common.errors import UserError
from collectivesft.common.files import git_blob_id, sha256
from collectivesft.hub.client import card_rules, download
from collectivesft.hub.client.names import check_repo, check_tag, is_inside
from collectivesft.hub.client.retries import check_token, with_retries

_WEIGHTS = (".safetensors", ".safetensors.index.json", ".gguf")
_SEARCHED_BYTES = 64 << 20  # weights are no place for a token


@dataclass(frozen=True)
class Target:
    """A repository and the version that is to be made.

    Attributes:
        repo: ``owner/name``.
        tag: name of the version.
        private: seen by its owners only; a repository that is there must be so already.
        kind: model or dataset.
        owned: beginnings of the names that belong only to the release: other files below them
            are taken away, as are other weights of a model.
    """

    repo: str
    tag: str
    private: bool = True
    kind: Literal["model", "dataset"] = "model"
    owned: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """The changes of a push.

    Attributes:
        head: commit of the branch, None where there is no repository.
        tagged: commit that the tag names already, None where there is no such tag.
        added, changed, same, removed: names of files.
        closed: the repository is private, and public was asked for.
    """

    head: str | None
    tagged: str | None
    added: tuple[str, ...]
    changed: tuple[str, ...]
    same: tuple[str, ...]
    removed: tuple[str, ...]
    closed: bool = False

    @property
    def sent(self) -> tuple[str, ...]:
        """Files that a commit would hold."""
        return self.added + self.changed

    def text(self, target: Target, files: dict[str, Path]) -> str:
        """The plan for a person: a line for each file that would change."""
        kind = "private" if target.private else "public"
        there = f"at {self.head[:12]}" if self.head else f"not there; would be created {kind}"
        lines = [f"{target.repo} ({target.kind}): {there}"]
        for mark, names in (("+", self.added), ("~", self.changed)):
            lines += [f"  {mark} {n} ({files[n].stat().st_size:,} bytes)" for n in names]
        lines += [f"  - {name}" for name in self.removed]
        lines.append(f"  = {len(self.same)} files are there already")
        if self.tagged:
            lines.append(f"tag {target.tag}: is there, on the same content; nothing would change")
        else:
            commit = "the new commit" if self.sent or self.removed else "that commit"
            lines.append(f"tag {target.tag}: would be set on {commit}")
        lines += [_closed(target)] * self.closed
        return "\n".join(lines)


def push(target: Target, files: dict[str, Path]) -> str:
    """Make the repository hold the files under the tag; the tag's commit.

    Running it again with the same files only reads.

    Args:
        files: name in the repository to path here.

    Raises:
        UserError: the Hub refused, the tag names other content, a file holds the token, or the
            card's head is one that the Hub refuses.
    """
    from huggingface_hub import HfApi

    check_before(target, files)
    api = HfApi()
    found = plan(api, target, files)
    if found.head is None:
        _create(api, target)
    commit = found.tagged or _send(api, target, files)
    if found.closed:
        sys.stderr.write(f"warning: {_closed(target)}\n")
    return commit


def _closed(target: Target) -> str:
    return f"{target.repo}: is still private. Open it in its settings on the Hub."


def _send(api: Any, target: Target, files: dict[str, Path]) -> str:
    commit = with_retries(lambda: _commit(api, target, files), f"{target.repo}: upload")
    _check(api, target, files, commit)
    _tag(api, target, commit)
    return commit


def plan(api: Any, target: Target, files: dict[str, Path]) -> Plan:
    """Compare the files with those of the repository; it only reads.

    Raises:
        UserError: the tag names other content, or the repository is public and must not be.
    """
    return with_retries(lambda: _plan(api, target, files), f"{target.repo}: read")


def _plan(api: Any, target: Target, files: dict[str, Path]) -> Plan:
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        info = api.repo_info(target.repo, repo_type=target.kind)
    except RepositoryNotFoundError as error:
        if error.response.status_code == 401:
            raise  # not even the token is good
        return Plan(None, None, tuple(sorted(files)), (), (), ())
    if target.private and not info.private:
        remedy = "Make it private in its settings on the Hub, or set hub.private to false"
        raise UserError(f"{target.repo}: is public, hub.private asks for private. {remedy}.")
    refs = api.list_repo_refs(target.repo, repo_type=target.kind)
    tagged = {ref.name: ref.target_commit for ref in refs.tags}.get(target.tag)
    found = _compare(_tree(api, target, tagged or info.sha), target, files)
    if tagged and (found["added"] or found["changed"]):
        remedy = "Choose a different hub.tag in the configuration"
        raise UserError(
            f"{target.repo}: the tag {target.tag} names other content already. {remedy}."
        )
    if tagged and found["removed"]:
        text = f"the tag {target.tag} names {_some(found['removed'])} too, which is not of it"
        raise UserError(f"{target.repo}: {text}. Choose a different hub.tag in the configuration.")
    if target.tag in (ref.name for ref in refs.branches):
        raise UserError(f"{target.repo}: {target.tag} is a branch there. Change hub.tag.")
    closed = info.private and not target.private
    return Plan(info.sha, tagged, **found, closed=closed)


def _some(names: tuple[str, ...]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _compare(tree: dict[str, Any], target: Target, files: dict[str, Path]) -> dict[str, tuple]:
    names = sorted(files)
    same = tuple(name for name in names if name in tree and _same(tree[name], files[name]))
    return {
        "added": tuple(name for name in names if name not in tree),
        "changed": tuple(name for name in names if name in tree and name not in same),
        "same": same,
        "removed": tuple(sorted(n for n in tree if n not in files and _is_stale(n, target))),
    }


def _is_stale(name: str, target: Target) -> bool:
    """Return true for a file of an earlier release that must not stay with the new one.

    Weights would be loaded before new ones that are cut into other shards; a tokenizer, a chat
    template or settings of a different base would change the answers, and a download is refused for
    them; measurements would be those of a different run.
    """
    of_model = name.endswith(_WEIGHTS) or download.is_strange(name) or name in download.OF_THE_RUN
    return (target.kind == "model" and of_model) or name.startswith(target.owned or ("\0",))


def _tree(api: Any, target: Target, revision: str) -> dict[str, Any]:
    from huggingface_hub.hf_api import RepoFile

    found = api.list_repo_tree(
        target.repo, revision=revision, recursive=True, repo_type=target.kind
    )
    return {entry.path: entry for entry in found if isinstance(entry, RepoFile)}


def _same(entry: Any, path: Path) -> bool:
    if entry.lfs:
        return entry.lfs.sha256 == sha256(path)
    return entry.blob_id == git_blob_id(path)


def _create(api: Any, target: Target) -> None:
    call = lambda: api.create_repo(  # noqa: E731
        target.repo, private=target.private, exist_ok=True, repo_type=target.kind
    )
    with_retries(call, f"{target.repo}: create")


def _commit(api: Any, target: Target, files: dict[str, Path]) -> str:
    """Make one attempt: compare again, send the difference on top of the compared commit."""
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    found = _plan(api, target, files)
    if not found.sent and not found.removed:
        return found.tagged or found.head
    operations = [
        CommitOperationAdd(path_in_repo=name, path_or_fileobj=str(files[name]))
        for name in found.sent
    ]
    operations += [CommitOperationDelete(path_in_repo=name) for name in found.removed]
    return api.create_commit(
        target.repo,
        operations,
        commit_message=f"Release {target.tag}",
        parent_commit=found.head,
        repo_type=target.kind,
    ).oid


def _check(api: Any, target: Target, files: dict[str, Path], commit: str) -> None:
    tree = with_retries(lambda: _tree(api, target, commit), f"{target.repo}: read back")
    found = _compare(tree, target, files)
    if wrong := found["added"] + found["changed"]:
        raise UserError(
            f"{target.repo}: the commit {commit[:12]} lacks {', '.join(wrong)}, or holds them "
            "otherwise. No tag was set. Run again."
        )
    if found["removed"]:
        text = f"the commit {commit[:12]} still holds {_some(found['removed'])}"
        raise UserError(f"{target.repo}: {text}. No tag was set. Run again.")


def _tag(api: Any, target: Target, commit: str) -> None:
    """Set the tag; one that is there on this commit is ours, its answer was lost."""

    def tag() -> None:
        api.create_tag(
            target.repo, tag=target.tag, revision=commit, exist_ok=True, repo_type=target.kind
        )

    with_retries(tag, f"{target.repo}: tag")
    call = lambda: api.list_repo_refs(target.repo, repo_type=target.kind)  # noqa: E731
    refs = with_retries(call, f"{target.repo}: tags")
    named = {ref.name: ref.target_commit for ref in refs.tags}.get(target.tag)
    if named != commit:
        remedy = "Somebody else set it meanwhile; choose a different hub.tag in the configuration"
        raise UserError(f"{target.repo}: the tag {target.tag} names other content. {remedy}.")


def check_before(target: Target, files: dict[str, Path]) -> None:
    """Refuse what should not or could not be sent, before the first byte is.

    Raises:
        UserError: a name of a repository, tag or file that cannot be; a token that is none; a file
            holds the token; or the card's head is one that the Hub refuses.
    """
    check_repo(target.repo)
    check_tag(target.tag)
    check_token()
    if wrong := [name for name in files if not is_inside(name)]:
        raise UserError(f"{wrong[0]!r}: is no name for a file on the Hub. Rename it.")
    no_secrets(files)
    if card := files.get("README.md"):
        found = card_rules.problems(card.read_text(encoding="utf-8"))
        if found:
            more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
            raise UserError(f"{card}: the Hub would not take it: {found[0]}{more}.")


def no_secrets(files: dict[str, Path]) -> None:
    """Refuse to send a file that holds the token itself; weights, by their size, are not searched.

    Raises:
        UserError: it names the file, not the token.
    """
    from huggingface_hub import get_token

    token = (get_token() or "").encode()
    for path in files.values():
        small = path.stat().st_size <= _SEARCHED_BYTES
        if token and small and token in path.read_bytes():
            raise UserError(f"{path}: holds your access token. Take it out, then run again.")


def show(text: str) -> None:
    """Print a plan on standard output."""
    sys.stdout.write(text + "\n")


def published(target: Target, commit: str) -> str:
    """Return one line on the publication: repository, tag, commit and address."""
    from huggingface_hub import constants

    folder = "datasets/" if target.kind == "dataset" else ""
    address = f"{constants.ENDPOINT}/{folder}{target.repo}/tree/{target.tag}"
    return f"published: {target.repo}@{target.tag} (commit {commit[:12]}), {address}"
