"""Download one version of a repository and compare every byte with the release's manifest.

The client compares sizes only: a damaged body of the right size would pass unnoticed.
"""

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import Any

from collectivesft.common.errors import UserError
from collectivesft.common.files import sha256
from collectivesft.hub.client.names import check_repo, is_inside
from collectivesft.hub.client.retries import with_retries

# Names of files that a release may hold: no code, no pickles.
PATTERNS = ("*.json", "*.safetensors", "*.jinja", "*.txt", "*.md", "*.csv", "*.model",
            "*.gguf", "*.yaml", "NOTICE")  # fmt: skip
# Who loads the model takes no second copy of its weights.
LOADED = tuple(pattern for pattern in PATTERNS if pattern != "*.gguf")
# Files that a manifest cannot list: itself, and what differs from run to run.
OF_THE_RUN = ("manifest.json", "measurements.json", "ro-crate-metadata.json", "Snakefile")
# Texts that transformers' tokenizers read. Any other text (a licence, a notice) is not loaded.
_READ_TEXTS = ("vocab.txt", "merges.txt", "dict.txt")


@dataclass(frozen=True)
class Version:
    """A repository at a commit; ``revision`` is as given (a tag, a branch, a commit)."""

    repo: str
    revision: str
    commit: str

    def __str__(self) -> str:
        return f"{self.repo}@{self.revision}"


def split(name: str) -> tuple[str, str | None]:
    """``owner/name@revision`` as a pair; the revision is None where there is none."""
    repo, _, revision = name.partition("@")
    return repo, revision or None


def check_address(name: str, repo: str) -> None:
    """Refuse a name that is neither of a folder here nor of a repository.

    Raises:
        UserError: with both forms.
    """
    try:
        check_repo(repo)
    except UserError as error:
        text = "is neither a folder here nor owner/name[@revision] on the Hub. Correct it"
        raise UserError(f"{name!r}: {text}.") from error


def pin(name: str) -> Version:
    """The commit behind ``owner/name[@revision]``; without a revision, of the newest tag.

    Raises:
        UserError: no such repository or revision, or the Hub refused.
    """
    from huggingface_hub import HfApi

    repo, revision = split(name)
    check_address(name, repo)
    api = HfApi()
    revision = revision or _newest(api, repo)
    call = lambda: api.model_info(repo, revision=revision)  # noqa: E731
    return Version(repo, revision, with_retries(call, f"{repo}@{revision}: read").sha)


def _newest(api: Any, repo: str) -> str:
    """The newest tag that is a version; main where there is none."""
    refs = with_retries(lambda: api.list_repo_refs(repo), f"{repo}: tags")
    return newest(ref.name for ref in refs.tags) or "main"


def newest(tags: Iterable[str]) -> str | None:
    """Return the newest version among tags, in the order of Python's packages (PEP 440).

    v1.10.0 is after v1.9.0, and v1.0.0 after v1.0.0-rc.1. A pre-release (``-rc.1``) is taken only
    where there is no finished version; a tag that is no version (``nightly``) never is. None where
    no tag is a version.
    """
    from packaging.version import InvalidVersion, Version

    found = []
    for tag in tags:
        with contextlib.suppress(InvalidVersion):  # nightly, release-2: names of other things
            found.append((Version(tag), tag))
    final = [pair for pair in found if not pair[0].is_prerelease]
    return max(final or found, default=(None, None))[1]


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

    The client starts each download again under a new name and forgets the earlier ones.

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
            continue  # a second process is downloading this file


def one(version: Version, name: str, cache: Path) -> Path:
    """One file of a version.

    Raises:
        UserError: the Hub refused, or there is no such file.
    """
    from huggingface_hub import hf_hub_download

    call = partial(hf_hub_download, version.repo, name, revision=version.commit, cache_dir=cache)
    return Path(with_retries(call, f"{version}: {name}"))


def is_strange(name: str) -> bool:
    """Return true for a file that a download would take and no manifest vouches for.

    Weights, a chat template and settings of a tokenizer all decide the answers of a model. Texts
    (``*.md``, ``*.txt``, ``*.yaml``, NOTICE), such as a licence that somebody added, decide
    nothing, but for those that a tokenizer reads.
    """
    if name in OF_THE_RUN or not any(fnmatch(name, pattern) for pattern in PATTERNS):
        return False
    file = name.rpartition("/")[2]
    text = file == "NOTICE" or file.endswith((".md", ".txt", ".yaml"))
    return not text or file in _READ_TEXTS


def check(version: Version, folder: Path, hashes: dict[str, str], cache: Path | None) -> None:
    """Compare a download with its manifest; what differs is downloaded once more.

    Raises:
        UserError: files that are missing or differ, or that the manifest does not list.
    """
    if outside := [name for name in hashes if not is_inside(name)]:
        raise UserError(f"{version}: {outside[0][:80]!r}: is no file of a release. Do not use it.")
    if wrong := _wrong(folder, hashes):
        _again(version, wrong, cache)
        wrong = _wrong(folder, hashes)
    if wrong:
        remedy = "Delete the cached copy and download again; if it stays, publish again"
        raise UserError(f"{version}: {', '.join(wrong)} differ from the published files. {remedy}.")
    if strange := [n for n in names(folder) if n not in hashes and is_strange(n)]:
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
