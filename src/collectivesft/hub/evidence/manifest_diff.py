"""Compare a run with its own manifest, and its manifest with a published one."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from collectivesft.common.files import read_json, sha256
from collectivesft.hub.evidence.code_digest import code_digest

# Parts that must be equal for equal results, and a word for each.
PARTS = {
    "raw": "raw files",
    "base": "base model",
    "package": "code of the package",
    "locks": "locks of the environments",
    "config": "configuration",
    "experiment": "settings of the experiment",
    "ledger": "counts of the curation",
    "results": "results between raw files and scores",
    "model": "files of the model",
    "scores": "scores",
    "answer": "answer to the fixed question",
    "gguf": "GGUF copy of the model",
}
FILES = "card, scores, notice, adapter and GGUF"


@dataclass(frozen=True)
class Places:
    """Places on this machine of the files that a manifest lists.

    Attributes:
        model: folder of the model.
        beside: folder next to the manifest: scores, notice, adapter, GGUF.
        card: the model card.
        raw: manifests of the raw sources; their files are in ``files/`` next to each.
        results: name under ``results`` of the manifest to path.
        locks: the environments' locks.
        base: folder of the base model.
    """

    model: Path
    beside: Path
    card: Path
    raw: tuple[Path, ...] = ()
    results: Mapping[str, Path] = field(default_factory=dict)
    locks: tuple[Path, ...] = ()
    base: Path | None = None


@dataclass(frozen=True)
class Found:
    """One part of a manifest, recomputed.

    Attributes:
        words: name of the part for people.
        same: number of files that are as listed.
        differ, gone: names of those that are not.
        unknown: names of those whose place was not said.
    """

    words: str
    same: int
    differ: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        """Return true where nothing contradicts; files not compared do not."""
        return not self.differ and not self.gone


def recompute(manifest: dict[str, Any], places: Places) -> list[Found]:
    """Compute the sha256 of every file that a manifest lists again, by part."""
    listed = manifest.get("files", {})
    beside = {n: places.card if n == "README.md" else places.beside / n for n in listed}
    model = manifest["model"]["files"]
    parts = [
        _part(PARTS["model"], _digests(model), {n: places.model / n for n in model}),
        _part(FILES, _digests(listed), beside),
        _part(PARTS["raw"], *_raw(manifest, places.raw)),
        _part(PARTS["results"], manifest.get("results", {}), places.results),
        _part(PARTS["locks"], manifest.get("locks", {}), {p.name: p for p in places.locks}),
        _base(manifest.get("base", {}), places.base),
    ]
    return [part for part in parts if part != Found(part.words, 0)]


def same_code(manifest: dict[str, Any]) -> bool:
    """Return true where this package's code is the code that wrote the manifest."""
    return manifest["package"]["code_sha256"] == code_digest()


def _part(words: str, digests: Mapping[str, str], paths: Mapping[str, Path]) -> Found:
    names = sorted(digests)
    unknown = tuple(name for name in names if name not in paths)
    known = [name for name in names if name in paths]
    gone = tuple(name for name in known if not paths[name].is_file())
    there = [name for name in known if name not in gone]
    differ = tuple(name for name in there if sha256(paths[name]) != digests[name])
    return Found(words, len(there) - len(differ), differ, gone, unknown)


def _digests(files: Mapping[str, dict[str, Any]]) -> dict[str, str]:
    return {name: facts["sha256"] for name, facts in files.items()}


def _raw(
    manifest: dict[str, Any], manifests: tuple[Path, ...]
) -> tuple[dict[str, str], dict[str, Path]]:
    """Name (``datasets/medqa/a.zip``) to sha256, and to path."""
    folders = {read_json(path)["source"]: path.parent / "files" for path in manifests}
    digests, paths = {}, {}
    for source, file in _sources(manifest):
        name = f"{source}/{file['path']}"
        digests[name] = file["sha256"]
        if source in folders:
            paths[name] = folders[source] / file["path"]
    return digests, paths


def _sources(manifest: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for source, files in manifest.get("raw", {}).items():
        for file in files:
            yield source, file


def _base(base: dict[str, Any], folder: Path | None) -> Found:
    digests = _digests(base.get("files", {}))
    return _part(PARTS["base"], digests, {n: folder / n for n in digests} if folder else {})


def differences(mine: dict[str, Any], published: dict[str, Any]) -> dict[str, list[str]]:
    """Part of the manifest to the keys in it that differ; a part that agrees is not there."""
    found = {part: sorted(_differ(mine.get(part), published.get(part))) for part in PARTS}
    return {part: keys for part, keys in found.items() if keys}


def _differ(one: Any, other: Any, key: str = "") -> list[str]:
    """Dotted keys of leaves that differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        keys = sorted(set(one) | set(other))
        return [path for k in keys for path in _differ(one.get(k), other.get(k), f"{key}.{k}")]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        pairs = enumerate(zip(one, other, strict=True))
        return [path for n, pair in pairs for path in _differ(*pair, f"{key}.{n}")]
    return [] if one == other else [key.lstrip(".") or "all"]
