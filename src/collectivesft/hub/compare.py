"""Compare a run with its own manifest, and its manifest with a published one."""

from pathlib import Path
from typing import Any

from collectivesft.files import read_json, sha256

# What must be the same for the same results, and a word for each.
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
}


def recompute(manifest: Path, model: Path, beside: Path, card: Path) -> list[str]:
    """Names of listed files whose bytes are not what the manifest says, or that are gone."""
    content = read_json(manifest)
    places = {name: (model / name, f) for name, f in content["model"]["files"].items()}
    places |= {name: (beside / name, f) for name, f in content.get("files", {}).items()}
    places["README.md"] = (card, content["files"]["README.md"])
    return sorted(
        name
        for name, (path, facts) in places.items()
        if not path.is_file() or sha256(path) != facts["sha256"]
    )


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
