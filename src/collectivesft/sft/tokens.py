"""An experiment's examples as tokens: made once, in flat arrays that training maps into memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from collectivesft.errors import InputError
from collectivesft.files import atomic_path, dump_json, read_json, sha256
from collectivesft.progress import track
from collectivesft.sft import chat
from collectivesft.sft.architectures import register
from collectivesft.sft.base import FACTS
from collectivesft.sft.quiet import quiet
from collectivesft.sft.recipe import read_experiment

PARTS = ("train", "validation")


@dataclass(frozen=True)
class Tokens:
    """Examples one after the other.

    Attributes:
        ids: (tokens,) int32 token ids.
        mask: (tokens,) uint8, 1 where the token carries loss.
        offsets: (examples + 1,) int64; example i is ``ids[offsets[i]:offsets[i + 1]]``.
    """

    ids: np.ndarray
    mask: np.ndarray
    offsets: np.ndarray

    @classmethod
    def load(cls, folder: Path, part: str) -> "Tokens":
        """Map one part of a tokens folder into memory."""
        names = ("ids", "mask", "offsets")
        return cls(*(np.load(folder / f"{part}.{name}.npy", mmap_mode="r") for name in names))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> np.ndarray:
        """(examples,) tokens of each example."""
        return np.diff(self.offsets)


def tokenize(train: Path, validation: Path, base: Path, recipe: Path, out: Path) -> dict[str, Any]:
    """Write the tokens of both parts and ``tokens.json`` with their counts.

    Raises:
        InputError: no training example is left.
    """
    from transformers import AutoTokenizer

    quiet()
    register()
    cutoff = read_experiment(recipe).training.cutoff
    tokenizer = AutoTokenizer.from_pretrained(base)
    template = chat.training_template(read_json(base / FACTS)["chat_template"])
    counts: dict[str, Any] = {"cutoff": cutoff}
    with atomic_path(out) as partial:
        partial.mkdir()
        for part, path in zip(PARTS, (train, validation), strict=True):
            writer = _Writer(cutoff)
            for example in track(_conversations(path), f"tokenize {part}"):
                writer.add(*chat.encode(tokenizer, example, template))
            counts[part] = writer.save(partial, part)
        if not counts["train"]["examples"]:
            raise InputError(train, "no example is left to train on", "Raise training.cutoff")
        counts["sha256"] = {path.name: sha256(path) for path in sorted(partial.iterdir())}
        (partial / "tokens.json").write_text(dump_json(counts), encoding="utf-8")
    return counts


def _conversations(path: Path) -> Iterator[list[tuple[str, str]]]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(1024, columns=["messages"]):
            for messages in batch.column("messages").to_pylist():
                yield [(message["role"], message["content"]) for message in messages]


class _Writer:
    """Collects examples, cut at ``cutoff``; those with nothing to learn from are left out."""

    def __init__(self, cutoff: int):
        self._cutoff = cutoff
        self._ids: list[np.ndarray] = []
        self._masks: list[np.ndarray] = []
        self._truncated = self._without_loss = 0

    def add(self, ids: list[int], mask: list[int]) -> None:
        truncated = len(ids) > self._cutoff
        kept = np.array(mask[: self._cutoff], dtype=np.uint8)
        kept[:1] = 0  # nothing predicts the first token
        if not kept.any():
            self._without_loss += 1
            return
        self._truncated += truncated
        self._ids.append(np.array(ids[: self._cutoff], dtype=np.int32))
        self._masks.append(kept)

    def save(self, folder: Path, part: str) -> dict[str, int]:
        lengths = [len(ids) for ids in self._ids]
        arrays = {
            "ids": np.concatenate([np.empty(0, np.int32), *self._ids]),
            "mask": np.concatenate([np.empty(0, np.uint8), *self._masks]),
            "offsets": np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        }
        for name, array in arrays.items():
            np.save(folder / f"{part}.{name}.npy", array, allow_pickle=False)
        return {
            "examples": len(lengths),
            "tokens": int(arrays["offsets"][-1]),
            "loss_tokens": int(arrays["mask"].sum()),
            "longest": max(lengths, default=0),
            "truncated": int(self._truncated),
            "without_loss": self._without_loss,
        }
