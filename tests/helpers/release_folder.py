"""The result files of a run that a release is made of, and the release."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import yaml
from huggingface_hub import ModelCard

from collectivesft.common.files import read_json
from collectivesft.hub.release import Inputs, release

DATA_CARD = """# Data of the experiment mine

5 training examples from 2 datasets.

## Datasets

| dataset | licence |
|---|---|
| [MedQA](https://example.org/medqa) | MIT |
| [NLPEC](https://example.org/nlpec) | unknown |

### Notes

- none
"""
BASE = {
    "title": "Base 7B",
    "parameters": 7,
    "licence": "Apache-2.0",
    "licence_url": "https://example.org/licence",
    "homepage": "https://huggingface.co/org/base-7b",
    "source": {"kind": "hub", "repo": "org/base-7b", "revision": "0" * 40, "patterns": ["*"]},
    "chat_template": "chatml",
}
COLUMNS = ("model", "benchmark", "protocol", "items", "macro", "macro_low", "macro_high", "micro",
           "official_macro", "unparsed", "differ", "p")  # fmt: skip


def score(model: str, protocol: str, macro: float, kind: str = "choice") -> dict:
    categories = [
        {"category": "医师考试", "label": "Physician", "items": 4, "value": macro / 2},
        {"category": "护理考试", "label": "Nurse", "items": 4, "value": macro},
    ]
    return {
        "model": model,
        "kind": kind,
        "benchmark": "cmb",
        "protocol": protocol,
        "items": 8,
        "macro": {"value": macro, "low": 0.0, "high": 1.0},
        "categories": categories,
    }


class Folder:
    """The result files that a release is made of."""

    def __init__(self, root: Path, base: dict | None = None, **training):
        self.root = root
        self.model = root / "model"
        self.model.mkdir(parents=True)
        (self.model / "model.safetensors").write_bytes(b"weights")
        (self.model / "config.json").write_text("{}")
        (self.model / ".snakemake_timestamp").write_text("")
        self.scores = {
            "mine-answer.json": score("mine", "answer", 0.723456),
            "mine-likelihood.json": score("mine", "likelihood", 2 / 3),
            "mine-cases.json": score("mine", "cases", 0.9, kind="cases"),
            "base-answer.json": score("base", "answer", 0.25),
        }
        self.files = {
            "ledger.json": {"totals": {"read": {"rows_in": 9, "kept": 5}}},
            "mixture.json": {
                "experiment": "mine",
                "train": 5,
                "datasets": [{"dataset": "medqa"}, {"dataset": "nlpec"}],
                "languages": {"zh": {"examples": 4}, "en": {"examples": 1}},
            },
            "contamination.json": {
                "items": 3,
                "pairs": [["a", "b"]],
                "found": {"cmb:1": ["a:1"]},
                "found_in_more": [],
            },
            "tokens.json": {"train": {"examples": 5, "without_loss": 0}},
            "raw-medqa.json": {
                "source": "datasets/medqa",
                "files": [{"path": "a.zip", "size": 1, "sha256": "0" * 64, "origin": "local"}],
            },
            **self.scores,
        }
        for name, content in self.files.items():
            (root / name).write_text(json.dumps(content, ensure_ascii=False))
        recipe = {"title": "Mine", "base": "base", "training": training}
        (root / "mine.yaml").write_text(yaml.safe_dump(recipe))
        (root / "base.yaml").write_text(yaml.safe_dump(BASE | (base or {})))
        (root / "data-card.md").write_text(DATA_CARD)
        (root / "history.jsonl").write_text(
            '{"step": 1, "loss": 2.5}\n{"step": 2, "eval_loss": 2}\n'
        )
        (root / "model-cpu.lock").write_text("torch==2.13.0\n")
        with open(root / "table.csv", "w", newline="") as handle:
            writer = csv.writer(handle)
            writer.writerow(COLUMNS)
            writer.writerow(
                ["mine", "cmb", "answer", 8, "72.35", "1.00", "99.00", "71.00", 70, 1, 2, 0.5]
            )
            writer.writerow(
                ["base", "cmb", "answer", 8, "25.00", "0.00", "50.00", "24.00", 20, 1, 3, ""]
            )
            writer.writerow(
                ["another", "cmb", "answer", 8, "33.33", "0.00", "50.00", "33.00", 20, 1, 4, 1]
            )

    @property
    def inputs(self) -> Inputs:
        names = {
            "recipe": "mine.yaml",
            "base_recipe": "base.yaml",
            "ledger": "ledger.json",
            "mixture": "mixture.json",
            "data_card": "data-card.md",
            "contamination": "contamination.json",
            "history": "history.jsonl",
            "tokens": "tokens.json",
            "table": "table.csv",
            "lock": "model-cpu.lock",
        }
        paths = {key: self.root / name for key, name in names.items()}
        scores = tuple(self.root / name for name in self.scores)
        raw = (self.root / "raw-medqa.json",)
        return Inputs(model=self.model, scores=scores, raw=raw, **paths)

    def release(self, demo: bool = False, more: dict | None = None, **options) -> "Folder":
        inputs = replace(self.inputs, **(more or {}))
        about = {"run": "paper", "repo": "me/Model-7B", "demo": demo, "experiment": "mine"}
        release(inputs, **about, **self.written, **options)
        return self

    @property
    def written(self) -> dict[str, Path]:
        return {"card": self.root / "README.md", "manifest": self.root / "manifest.json"}

    def publish(self, tag: str = "v1", **options) -> dict:
        from collectivesft.hub.client.sync import Target
        from collectivesft.hub.push import publish

        target = Target("me/Model-7B", tag)
        return publish(target, model=self.model, **self.written, **options)

    def adapter(self) -> Path:
        """Write a training with LoRA."""
        out = self.root / "trained"
        out.mkdir()
        (out / "adapter_model.safetensors").write_bytes(b"adapter")
        settings = {"r": 3, "base_model_name_or_path": "/here/models/base"}
        (out / "adapter_config.json").write_text(json.dumps(settings))
        return out

    @property
    def text(self) -> str:
        return (self.root / "README.md").read_text(encoding="utf-8")

    @property
    def card(self) -> ModelCard:
        return ModelCard(self.text)

    @property
    def manifest(self) -> dict:
        return read_json(self.root / "manifest.json")
