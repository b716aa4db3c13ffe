"""One small training in a folder of its own, run here or as a command."""

import json
from dataclasses import dataclass
from pathlib import Path

from collectivesft.common.files import sha256
from collectivesft.sft.loop import trainer
from collectivesft.sft.merge import merge
from collectivesft.sft.train import train


def digests(folder: Path) -> dict[str, str]:
    return {path.name: sha256(path) for path in sorted(folder.iterdir())}


def rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def steps_taken(monkeypatch) -> list[int]:
    """Record the steps that a training takes from now on."""
    taken: list[int] = []
    rate = trainer.learning_rate

    def note(training, step, steps):
        taken.append(step)
        return rate(training, step, steps)

    monkeypatch.setattr(trainer, "learning_rate", note)
    return taken


@dataclass
class Job:
    """One training in a folder of its own."""

    folder: Path
    tokens: Path
    base: Path
    recipe: Path

    @property
    def arguments(self) -> tuple[Path, ...]:
        own = (self.folder / name for name in ("checkpoints", "history.jsonl", "trained"))
        return self.tokens, self.base, self.recipe, *own

    def run(self) -> "Job":
        train(*self.arguments, threads=1)
        return self

    @property
    def options(self) -> list[str]:
        names = ("tokens", "base", "recipe", "checkpoints", "history", "out")
        pairs = zip(names, self.arguments, strict=True)
        return [text for name, value in pairs for text in (f"--{name}", str(value))]

    @property
    def checkpoints(self) -> list[str]:
        return sorted(path.name for path in (self.folder / "checkpoints").glob("*step-*"))

    @property
    def written(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir())

    @property
    def history(self) -> list[dict]:
        return rows(self.folder / "history.jsonl")

    @property
    def curve(self) -> list[dict]:
        """The history as it grows."""
        return rows(self.folder / "checkpoints/history.jsonl")

    @property
    def result(self) -> dict[str, str]:
        """Digests of the weights, the history and the merged model."""
        merge(self.base, self.folder / "trained", self.recipe, self.folder / "model")
        parts = {"history": sha256(self.folder / "history.jsonl")}
        return parts | digests(self.folder / "trained") | digests(self.folder / "model")
