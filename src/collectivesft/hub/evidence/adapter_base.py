"""Check the base model of a release of only an adapter against the one that it was trained on.

An adapter on other weights loads without a word and answers otherwise.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from collectivesft.common.errors import UserError
from collectivesft.common.files import sha256
from collectivesft.hub.client import download

# Files that loading a base reads: its weights and settings. The tokenizer is the release's own.
_READ = (".safetensors", ".index.json")
_SETTINGS = ("config.json", "generation_config.json", "adapter_config.json")


@dataclass(frozen=True)
class Wanted:
    """The facts on its base in a release's manifest.

    Attributes:
        name: for messages.
        source: repository on the Hub and its commit, None where it came otherwise.
        files: name to sha256 of what loading reads.
    """

    name: str
    source: tuple[str, str] | None
    files: dict[str, str]


def wanted(manifest: dict[str, Any]) -> Wanted | None:
    """The base by a release's manifest; None where that lists no file of it."""
    base = manifest.get("base") or {}
    files = {n: f["sha256"] for n, f in base.get("files", {}).items() if _is_read(n)}
    if not files:
        return None
    repo, revision = (base.get("source", {}).get(key) for key in ("repo", "revision"))
    return Wanted(base["name"], (repo, revision) if repo and revision else None, files)


def folder(given: str | Path, want: Wanted | None, cache: Path | None) -> Path:
    """The base as a folder: as it is, or downloaded from the Hub.

    Args:
        given: a folder, or ``owner/name[@revision]``; without a revision, the one that the release
            was made from where it names this repository.
        cache: where to download to; None: the client's own.

    Raises:
        UserError: neither a folder nor a repository that can be had.
    """
    if Path(given).is_dir():
        return Path(given)
    name = str(given)
    if name.count("/") != 1 or name.startswith((".", "/", "~")):
        raise UserError(f"{given}: no such folder. Name the base model's folder or repository.")
    if want and want.source and name == want.source[0]:
        name = "@".join(want.source)
    # Settings that the release's base had not (of generation) would change its answers.
    patterns = list(want.files) if want else None
    return download.download(download.pin(name), cache, patterns)


def check(place: Path, want: Wanted) -> dict[str, str]:
    """Compare a base's folder with the base of a release; return name to sha256.

    Raises:
        UserError: names the first file that differs or that the release does not know, with the
            wanted and the found sha256.
    """
    for name, digest in sorted(want.files.items()):
        path = place / name
        found = sha256(path) if path.is_file() else None
        if found != digest:
            state = f"has sha256 {found}" if found else "is not there"
            _refuse(place, want, f"{name} {state}, the release was made from {digest}")
    strange = [n for n in download.names(place) if _is_read(n) and n not in want.files]
    if strange:
        _refuse(place, want, f"{strange[0]} is no file of the base that the release was made from")
    return dict(sorted(want.files.items()))


def state(place: Path) -> dict[str, list[int]]:
    """Sizes and times of a base's files: while they stay, a comparison need not be repeated."""
    found = {name: (place / name).stat() for name in download.names(place) if _is_read(name)}
    return {str(place / n): [one.st_size, one.st_mtime_ns] for n, one in found.items()}


def _refuse(place: Path, want: Wanted, what: str) -> None:
    commit = f" (commit {want.source[1]})" if want.source else ""
    remedy = f"Name the folder that `sft base` made of {want.name}{commit} with --base"
    raise UserError(f"base {place}: {what}. {remedy}.")


def _is_read(name: str) -> bool:
    """Only at the top of the folder: weights below are not loaded."""
    return "/" not in name and (name.endswith(_READ) or name in _SETTINGS)
