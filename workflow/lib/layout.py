"""Name the results of a run: the folder of each stage, and each file that other programs read.

The rules name their files below the stages' folders; a test holds the names here to theirs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STAGES = ("raw", "curated", "sft", "scores", "figures", "paper", "hub")
# Below the folder of the stage that comes first; {experiment} and other names are filled in.
PATHS = {
    "raw manifest": ("raw", "{kind}/{name}/manifest.json"),
    "mixture": ("curated", "mixtures/{experiment}/mixture.json"),
    "ledger": ("curated", "mixtures/{experiment}/ledger.json"),
    "ledger page": ("curated", "mixtures/{experiment}/ledger.md"),
    "data card": ("curated", "mixtures/{experiment}/data-card.md"),
    "train": ("curated", "mixtures/{experiment}/train.parquet"),
    "validation": ("curated", "mixtures/{experiment}/validation.parquet"),
    "contamination": ("curated", "{curation}/contamination.json"),
    "diversity": ("sft", "{experiment}/diversity.json"),
    "tokens": ("sft", "{experiment}/tokens"),
    "history": ("sft", "{experiment}/history.jsonl"),
    "model": ("sft", "{experiment}/model"),
    "scores": ("scores", "{model}/{benchmark}.{protocol}.scores.json"),
    "answers": ("scores", "{model}/{benchmark}.{protocol}.answers.jsonl"),
    "table": ("scores", "table.csv"),
    "paper": ("paper", "paper.pdf"),
    "card": ("hub", "{experiment}/README.md"),
    "manifest": ("hub", "{experiment}/manifest.json"),
    "release files": ("hub", "{experiment}/files"),
    "measurements": ("hub", "{experiment}/measurements.json"),
    "crate": ("hub", "{experiment}/ro-crate-metadata.json"),
    "verified": ("hub", "{experiment}/verified.json"),
}


@dataclass(frozen=True)
class Layout:
    """The paths of one run, relative to the folder in which it runs."""

    run: str
    cache: str = ".cache"

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> "Layout":
        """The layout of a configuration's run."""
        return cls(config["run"], config["cache"])

    @property
    def results(self) -> str:
        """The folder of all results."""
        return f"results/{self.run}"

    @property
    def logs(self) -> str:
        """The folder of all logs."""
        return f"logs/{self.run}"

    @property
    def report(self) -> str:
        """The HTML report."""
        return f"{self.results}/report.html"

    def stage(self, name: str) -> str:
        """The folder of a stage's results."""
        return f"{self.results}/{_numbered(name)}"

    def stage_logs(self, name: str) -> str:
        """The folder of a stage's logs."""
        return f"{self.logs}/{_numbered(name)}"

    def path(self, what: str, /, **values: str) -> str:
        """A file or folder by its name in ``PATHS``.

        Args:
            what: a name in ``PATHS``.
            values: experiment, model and so on; ``*`` makes a pattern of it.
        """
        stage, below = PATHS[what]
        return f"{self.stage(stage)}/{below.format(**values)}"

    def found(self, root: Path, what: str, /, **values: str) -> list[str]:
        """The files of a name that are there, sorted; values may be patterns."""
        pattern = self.path(what, **values)
        return sorted(path.relative_to(root).as_posix() for path in root.glob(pattern))

    def base(self, name: str) -> str:
        """The folder of a base model as plain safetensors."""
        return f"{self.cache}/models/{name}"

    def base_manifest(self, name: str) -> str:
        """The manifest of a base model as it was downloaded."""
        return f"{self.cache}/raw/models/{name}/manifest.json"


def _numbered(stage: str) -> str:
    return f"{STAGES.index(stage) + 1}_{stage}"
