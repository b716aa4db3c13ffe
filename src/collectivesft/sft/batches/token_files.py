"""The files of a tokens folder, written as the tokens come: memory does not grow with the rows."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from collectivesft.sft.batches.truncate import truncate

COUNTED = ("truncated", "questions_cut", "answers_cut", "without_loss")
KINDS = {"ids": np.int32, "mask": np.uint8}


class Chunk:
    """Some examples, cut to ``max_length`` tokens; those with nothing to learn from are left out.

    Args:
        max_length: most tokens of an example.
        truncation: ``end`` or ``question_first``, see ``sft.batches.truncate``.

    Attributes:
        lengths: tokens of each example that is kept.
        seen, truncated, without_loss: examples that came, were cut, were left out.
        questions_cut, answers_cut: examples whose questions, or answers, lost tokens; one may be
            both, and the ones that were left out count too.
    """

    def __init__(self, max_length: int, truncation: str = "end"):
        self._cutoff, self._truncation = max_length, truncation
        self._ids: list[np.ndarray] = []
        self._masks: list[np.ndarray] = []
        self.lengths: list[int] = []
        self.seen = self.truncated = self.without_loss = 0
        self.questions_cut = self.answers_cut = 0

    def add(self, ids: list[int], mask: list[int]) -> None:
        """Take an example's tokens and a mask, 1 where a token carries loss."""
        self.seen += 1
        every, labels = np.array(ids, dtype=np.int32), np.array(mask, dtype=np.uint8)
        if long := len(every) > self._cutoff:
            keep = truncate(labels, self._cutoff, self._truncation)
            answers = int(labels.sum() - labels[keep].sum())
            self.answers_cut += answers > 0
            self.questions_cut += len(labels) - int(keep.sum()) > answers
            every, labels = every[keep], labels[keep]
        labels[:1] = 0  # nothing predicts the first token
        if not labels.any():
            self.without_loss += 1
            return
        self.truncated += long
        self._ids.append(every)
        self._masks.append(labels)
        self.lengths.append(len(labels))

    def arrays(self) -> dict[str, np.ndarray]:
        """All tokens and all masks, one after the other."""
        parts = {"ids": self._ids, "mask": self._masks}
        return {name: np.concatenate([np.empty(0, KINDS[name]), *parts[name]]) for name in KINDS}

    def __getstate__(self) -> dict[str, Any]:
        """Between processes it travels as two arrays."""
        arrays = self.arrays()
        return self.__dict__ | {"_ids": [arrays["ids"]], "_masks": [arrays["mask"]]}


class Writer:
    """Writes one part's ``PART.ids.npy``, ``PART.mask.npy`` and ``PART.offsets.npy``."""

    def __init__(self, folder: Path, part: str):
        self._folder, self._part = folder, part
        self._files: dict[str, BinaryIO] = {}
        self._lengths: list[np.ndarray] = []
        self._sums = dict.fromkeys(COUNTED, 0)
        self._labels = 0

    def __enter__(self) -> "Writer":
        for name, kind in KINDS.items():
            self._files[name] = open(self._folder / f"{self._part}.{name}.npy", "wb")
            _header(self._files[name], kind, 0)
        return self

    def add(self, chunk: Chunk) -> None:
        """Write a chunk after those before it."""
        arrays = chunk.arrays()
        for name, array in arrays.items():
            self._files[name].write(array.data)
        self._lengths.append(np.array(chunk.lengths, np.int64))
        self._labels += int(arrays["mask"].sum())
        for name in COUNTED:
            self._sums[name] += getattr(chunk, name)

    def __exit__(self, *exception: object) -> None:
        lengths = np.concatenate([np.empty(0, np.int64), *self._lengths])
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)])
        try:
            if exception[0] is None:
                for name, file in self._files.items():
                    _header(file, KINDS[name], int(offsets[-1]))
                path = self._folder / f"{self._part}.offsets.npy"
                np.save(path, offsets, allow_pickle=False)
        finally:
            for file in self._files.values():
                file.close()
        self.counts = {
            "examples": len(lengths),
            "tokens": int(offsets[-1]),
            "loss_tokens": self._labels,
            "longest": int(lengths.max(initial=0)),
        } | self._sums


def _header(file: BinaryIO, kind: type, length: int) -> None:
    """numpy's header of a flat array, at the file's begin; as long for every ``length``."""
    file.seek(0)
    facts = {"descr": np.lib.format.dtype_to_descr(np.dtype(kind)), "fortran_order": False}
    np.lib.format.write_array_header_1_0(file, facts | {"shape": (length,)})


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

    @cached_property
    def lengths(self) -> np.ndarray:
        """(examples,) tokens of each example; every step asks for some, so they are kept."""
        return np.diff(self.offsets)
