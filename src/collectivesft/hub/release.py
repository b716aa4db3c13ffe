"""What goes to the Hub beside the model: the card and the manifest of the run."""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from collectivesft import __version__
from collectivesft.files import read_json, read_jsonl, sha256, write_json, write_text
from collectivesft.hub.card import render
from collectivesft.sft.recipe import read_experiment, read_model


@dataclass(frozen=True)
class Inputs:
    """Result files of one run that a release is made of; each is a path."""

    model: Path
    recipe: Path
    base_recipe: Path
    ledger: Path
    mixture: Path
    data_card: Path
    contamination: Path
    history: Path
    table: Path
    lock: Path
    scores: tuple[Path, ...]
    raw: tuple[Path, ...]


def release(
    run: str, repo: str, demo: bool, experiment: str, inputs: Inputs, card: Path, manifest: Path
) -> None:
    """Write the model card and the manifest.

    Args:
        repo: ``owner/name`` that the model will have on the Hub.
        card: README.md to write.
        manifest: JSON to write: every file of the model and every raw file with its sha256, and
            the counts, scores and settings behind the model.
    """
    content = manifest_content(run, repo, demo, experiment, inputs)
    write_json(manifest, content)
    data_card = inputs.data_card.read_text(encoding="utf-8")
    with open(inputs.table, encoding="utf-8", newline="") as handle:
        table = list(csv.DictReader(handle))
    write_text(card, render(content, data_card, table))


def manifest_content(
    run: str, repo: str, demo: bool, experiment: str, inputs: Inputs
) -> dict[str, Any]:
    """The manifest; nothing in it depends on the machine or the time."""
    recipe = read_experiment(inputs.recipe)
    sources = [read_json(path) for path in inputs.raw]
    history = [row for _, row in read_jsonl(inputs.history)]
    # Hidden are the workflow's own notes.
    found = (path for path in inputs.model.rglob("*") if path.is_file())
    files = sorted(path for path in found if not path.name.startswith("."))
    return {
        "package": {"name": "collectivesft", "version": __version__},
        "run": run,
        "demo": demo,
        "repo": repo,
        "experiment": {"name": experiment} | recipe.model_dump(exclude={"base"}),
        "base": _base(inputs.base_recipe),
        "model": {"files": {p.relative_to(inputs.model).as_posix(): _facts(p) for p in files}},
        "raw": {raw["source"]: raw["files"] for raw in sources},
        "left_out": {raw["source"]: raw["left_out"] for raw in sources if "left_out" in raw},
        "mixture": read_json(inputs.mixture),
        "ledger": read_json(inputs.ledger)["totals"],
        "contamination": {k: v for k, v in read_json(inputs.contamination).items() if k != "pairs"},
        "training": {"steps": history[-1]["step"], "last": history[-1]},
        "scores": [read_json(path) for path in inputs.scores],
        "lock": {"file": inputs.lock.name, "sha256": sha256(inputs.lock)},
    }


def _base(recipe: Path) -> dict[str, Any]:
    content = read_model(recipe).model_dump()
    content["source"].pop("path", None)  # a folder of this machine
    return {"name": recipe.stem} | content


def _facts(path: Path) -> dict[str, Any]:
    return {"size": path.stat().st_size, "sha256": sha256(path)}
