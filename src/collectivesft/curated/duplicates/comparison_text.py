"""Texts of an example that are compared: its whole conversation, or an exam question's facts."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import xxhash

from collectivesft.curated.storage.parquet import turns
from collectivesft.curated.text.ngrams import Flat, token_values
from collectivesft.curated.text.normalise import key
from collectivesft.curated.text.unicode_fold import SEPARATOR, FoldedTexts, fold


def _exam(meta: dict[str, Any]) -> tuple[str, str, str]:
    """Question, right answers and their key; options' order and letters do not count."""
    options = meta["options"]
    keys = {letter: key(text) for letter, text in options.items()}
    question = [meta["question"], *(options[letter] for letter in sorted(options, key=keys.get))]
    right = sorted(meta["answer"], key=keys.get)
    answer = "\n".join(options[letter] for letter in right)
    # An option of several lines has a key for each of them.
    several = answer.count("\n") >= len(right)
    known = answer_key(answer) if several else "\n".join(keys[letter] for letter in right)
    return "\n".join(question), answer, known


def answer_key(answer: str) -> str:
    """The key of an answer, line by line: two right options are not one of both their texts."""
    return "\n".join(map(key, answer.split("\n")))


@dataclass(frozen=True)
class Compared:
    """Compared texts of a batch: question and the answer's lines, separated.

    Attributes:
        folded: the texts.
        keyed: rows whose answers are a key: exam questions and labelled texts.
        salts: uint64 by row, equal in near copies. Two exam questions are near copies
            only if their right answers agree: one changed word ("correct", "wrong") makes
            a different question. So are two labelled texts, whose answers all have one form.
    """

    folded: FoldedTexts
    keyed: np.ndarray
    salts: np.ndarray

    def tokens(self) -> Flat:
        """Tokens of question and answer; of a row in ``keyed`` those of the question."""
        flags = self.folded.flags.copy()
        ends = np.flatnonzero(self.folded.codes == ord(SEPARATOR))
        starts = self.folded.starts
        cuts = ends[np.searchsorted(ends, starts[:-1][self.keyed])]
        for cut, end in zip(cuts.tolist(), starts[1:][self.keyed].tolist(), strict=True):
            flags[cut:end] = 0
        return token_values(replace(self.folded, flags=flags))


def compared_batch(batch: pa.RecordBatch) -> Compared:
    """The compared texts of examples."""
    texts, salts = [], np.zeros(len(batch), dtype=np.uint64)
    styles = batch.column("style").to_pylist()
    exams = [style == "mcqa" for style in styles]
    keyed = [style in ("mcqa", "ner") for style in styles]
    for row, (question, answer, known) in enumerate(_pairs(batch, exams)):
        texts.append(question + SEPARATOR + answer.replace("\n", SEPARATOR))
        if keyed[row]:
            known = answer_key(answer) if known is None else known
            salts[row] = xxhash.xxh3_64_intdigest(known.encode()) | 1
    return Compared(fold(texts), np.flatnonzero(keyed), salts)


def _pairs(batch: pa.RecordBatch, exams: list[bool]) -> Iterator[tuple[str, str, str | None]]:
    """Question, answer, and of an exam question the answer's key."""
    contents, starts = turns(batch)
    metas = batch.column("meta")
    for row, exam in enumerate(exams):
        if exam:
            yield _exam(json.loads(metas[row].as_py()))
        else:
            first, last = starts[row], starts[row + 1] - 1
            yield "\n".join(contents[first:last]), contents[last], None
