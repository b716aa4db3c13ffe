"""Check names of repositories, tags and files before anything is sent, read or written."""

import re

from collectivesft.common.errors import UserError

# The same parts of a name as in huggingface_hub's own check, and git's rules for tags that make
# sense for a version. `main` and the like are branches or pointers of git.
_REPO_PART = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?")
_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
_TAKEN = ("main", "master", "head", "origin", "refs")
LONGEST_REPO, LONGEST_TAG = 96, 100
LONGEST_PART, LONGEST_NAME = 255, 1024  # of a file's name, in bytes: file systems allow no more


def check_repo(repo: str) -> None:
    """Refuse a name that the Hub would refuse, and one that is no repository's.

    Raises:
        UserError: it is not ``owner/name``.
    """
    parts = repo.split("/")
    forbidden = any(text in repo for text in ("--", "..")) or repo.endswith(".git")
    right = len(parts) == 2 and all(_REPO_PART.fullmatch(part) for part in parts)
    if not right or forbidden or len(repo) > LONGEST_REPO:
        raise UserError(
            f"{repo!r}: is no name of a repository. Write owner/name, at most {LONGEST_REPO} "
            "letters, digits, '-', '_' and '.' in all (hub.repo_id in the configuration)."
        )


def check_tag(tag: str) -> None:
    """Refuse a tag that git or the Hub would refuse, and one that would hide a branch.

    Raises:
        UserError: it cannot be the name of a version.
    """
    wrong = ".." in tag or tag.endswith((".", ".lock")) or len(tag) > LONGEST_TAG
    if wrong or not _TAG.fullmatch(tag) or tag.lower() in _TAKEN or _is_commit(tag):
        shown = repr(tag) if len(tag) <= LONGEST_TAG else f"{tag[:20]!r}... ({len(tag)} letters)"
        raise UserError(
            f"{shown}: is no name for a version. Write a tag such as v1.0.0, at most {LONGEST_TAG} "
            "letters, digits, '.', '_', '-' and '+' (hub.tag in the configuration)."
        )


def _is_commit(tag: str) -> bool:
    return re.fullmatch(r"[0-9a-f]{40}", tag) is not None


def is_inside(name: str) -> bool:
    """Return true for a relative path that stays below the folder it is joined to.

    Names with control characters, backslashes or lone surrogates and names that no file system
    takes are refused too.
    """
    try:
        size = len(name.encode("utf-8"))
    except UnicodeEncodeError:
        return False
    parts = name.split("/")
    if not 0 < size <= LONGEST_NAME or "\\" in name or not name.isprintable():
        return False
    return all(part not in ("", ".", "..") and len(part.encode()) <= LONGEST_PART for part in parts)
