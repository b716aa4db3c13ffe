"""Download one version of a repository and compare every byte with the release's manifest.

The client compares sizes only: a damaged body of the right size would pass unnoticed.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from collectivesft.common.errors import UserError
from collectivesft.common.files import read_json, sha256
from collectivesft.hub.client.retries import with_retries

# What a release may hold: no code, no pickles.
PATTERNS = ("*.json", "*.safetensors", "*.jinja", "*.txt", "*.md", "*.csv", "*.model",
            "*.gguf", "NOTICE")  # fmt: skip
# Who loads the model takes no second copy of its weights.
LOADED = tuple(pattern for pattern in PATTERNS if pattern != "*.gguf")
# Beside what a manifest lists: itself, what differs from run to run, the workflow that the crate
# describes, and texts of licences that somebody added. None of it is loaded.
UNLISTED = ("README.md", "NOTICE", "LICENSE.md", "LICENSE.txt", "manifest.json",
            "measurements.json", "ro-crate-metadata.json", "Snakefile")  # fmt: skip


@dataclass(frozen=True)
class Version:
    """A repository at a commit; ``revision`` is what was asked for (a tag, a branch, a commit)."""

    repo: str
    revision: str
    commit: str

    def __str__(self) -> str:
        return f"{self.repo}@{self.revision}"


def split(name: str) -> tuple[str, str | None]:
    """``owner/name@revision`` as a pair; the revision is None where there is none."""
    repo, _, revision = name.partition("@")
    return repo, revision or None


def pin(name: str) -> Version:
    """The commit behind ``owner/name[@revision]``; without a revision, of the newest tag.

    Raises:
        UserError: no such repository or revision, or the Hub refused.
    """
    from huggingface_hub import HfApi

    repo, revision = split(name)
    api = HfApi()
    revision = revision or _newest(api, repo)
    call = lambda: api.model_info(repo, revision=revision)  # noqa: E731
    return Version(repo, revision, with_retries(call, f"{repo}@{revision}: read").sha)


def _newest(api: Any, repo: str) -> str:
    """The newest tag that is a version; main where there is none."""
    refs = with_retries(lambda: api.list_repo_refs(repo), f"{repo}: tags")
    return newest(ref.name for ref in refs.tags) or "main"


_VERSION = re.compile(r"v?(\d+(?:\.\d+)*)(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?")


def newest(tags: Iterable[str]) -> str | None:
    """The newest version among tags, by semantic versioning's order; None where none is a version.

    v1.10.0 is after v1.9.0, and v1.0.0 after v1.0.0-rc.1. A version that is not yet one
    (``-rc.1``) is taken only where there is no other.
    """
    found = [(match, tag) for tag in tags if (match := _VERSION.fullmatch(tag))]
    final = [one for one in found if one[0][2] is None]
    ordered = max(((_order(match), tag) for match, tag in final or found), default=None)
    return ordered[1] if ordered else None


def _order(match: re.Match[str]) -> tuple:
    """What versions are compared by (semver.org, 11): numbers come before words."""
    numbers = [int(part) for part in match[1].split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()  # v1.0 is v1.0.0
    parts = [
        (0, int(part), "") if part.isdigit() else (1, 0, part)
        for part in (match[2] or "").split(".")
    ]
    return numbers, match[2] is None, parts


def download(
    version: Version, cache: Path | None = None, patterns: Sequence[str] | None = None
) -> Path:
    """The files of a version, in ``cache`` or the client's own.

    Args:
        patterns: of their names; by default all that a release may hold.

    Raises:
        UserError: the Hub refused, or it failed each time.
    """
    from huggingface_hub import snapshot_download

    call = lambda: snapshot_download(  # noqa: E731
        version.repo,
        revision=version.commit,
        cache_dir=cache,
        allow_patterns=list(patterns or PATTERNS),
    )
    return Path(with_retries(call, f"{version}: download"))


def clear_remains(folder: Path) -> None:
    """Remove from a cache what killed downloads of a repository left, and nothing of live ones.

    The client starts each download anew under a name of its own and forgets the earlier ones.

    Args:
        folder: what ``download`` returned.
    """
    from filelock import FileLock, Timeout

    repository = folder.parents[1]
    locks = repository.parent / ".locks" / repository.name
    for path in (repository / "blobs").glob("*.incomplete"):
        locks.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(locks / f"{path.name.partition('.')[0]}.lock", timeout=0):
                path.unlink(missing_ok=True)
        except Timeout:
            continue  # another process is downloading this file


def one(version: Version, name: str, cache: Path) -> Path:
    """One file of a version.

    Raises:
        UserError: the Hub refused, or there is no such file.
    """
    from huggingface_hub import hf_hub_download

    call = partial(hf_hub_download, version.repo, name, revision=version.commit, cache_dir=cache)
    return Path(with_retries(call, f"{version}: {name}"))


def listed(manifest: Path) -> dict[str, str]:
    """Name to sha256 of every file that a manifest lists."""
    content = read_json(manifest)
    both = content["model"]["files"] | content.get("files", {})
    return {name: facts["sha256"] for name, facts in both.items()}


def check(version: Version, folder: Path, hashes: dict[str, str], cache: Path | None) -> None:
    """Compare a download with its manifest; what differs is downloaded once more.

    Raises:
        UserError: files that are missing or differ, or that the manifest does not list: weights, a
            chat template and settings of the tokenizer all decide what a model answers.
    """
    if wrong := _wrong(folder, hashes):
        _again(version, wrong, cache)
        wrong = _wrong(folder, hashes)
    if wrong:
        remedy = "Delete the cached copy and download again; if it stays, publish again"
        raise UserError(f"{version}: {', '.join(wrong)} differ from what was published. {remedy}.")
    if strange := [n for n in names(folder) if n not in hashes and n not in UNLISTED]:
        remedy = "Do not load them; ask whoever published it"
        raise UserError(f"{version}: {', '.join(strange)}: not in the manifest. {remedy}.")


def names(folder: Path) -> list[str]:
    """Names of all files below a folder, sorted."""
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def _wrong(folder: Path, hashes: dict[str, str]) -> list[str]:
    return [
        name
        for name, wanted in sorted(hashes.items())
        if not (folder / name).is_file() or sha256(folder / name) != wanted
    ]


def _again(version: Version, wrong: Sequence[str], cache: Path | None) -> None:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError

    place = {"revision": version.commit, "cache_dir": cache, "force_download": True}
    for name in wrong:
        call = partial(hf_hub_download, version.repo, name, **place)
        try:
            with_retries(call, f"{version}: download")
        except UserError as error:
            if not isinstance(error.__cause__, EntryNotFoundError):
                raise
