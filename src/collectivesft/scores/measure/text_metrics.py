"""Judge answers in free text: one class a metric, chosen by an item's ``metric``.

MedS-Bench's own code (MAGIC-AI4Med/MedS-Ins @ cb26b7f29, Metrics/) is the model; where it has a
fault the corrected reading is taken, and the class says so.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cache
from typing import Any

from collectivesft.scores.extract import letters as letters_
from collectivesft.scores.measure.lcs import longest_common

# Upstream's own spelling, and the right one.
_NONE = {"there is no related enetity", "there is no related entity"}
_KANA = re.compile("([\u3040-\u30ff])")


class Metric(ABC):
    """A metric of one task: counts of each answer, which sum up to the task's values.

    Attributes:
        main: name of the value that represents the task.
    """

    main = ""

    def __init__(self, references: Sequence[Sequence[str]]):
        """``references``: the accepted outputs of each of the task's items."""
        del references  # most metrics go without

    def read(self, answer: str) -> str | None:
        """Return the part of an answer that is read, "" if none is; None where all of it counts."""
        return None

    def right(self, answer: str, references: Sequence[str]) -> bool | None:
        """Return True if an answer is right; None where it is right in part."""
        return None

    @abstractmethod
    def count(self, answer: str, references: Sequence[str]) -> list[float]:
        """The answer's counts."""

    @abstractmethod
    def values(self, sums: Sequence[float]) -> dict[str, float]:
        """Values, fractions, of the summed counts; ``main`` is among them."""


class _Accuracy(Metric):
    main = "accuracy"

    def right(self, answer: str, references: Sequence[str]) -> bool:
        said = self.read(answer)
        return bool(said) and said in {self._wanted(reference) for reference in references}

    def _wanted(self, reference: str) -> str | None:
        return self.read(reference)

    def count(self, answer: str, references: Sequence[str]) -> list[float]:
        return [float(self.right(answer, references)), 1.0]

    def values(self, sums: Sequence[float]) -> dict[str, float]:
        return {"accuracy": sums[0] / sums[1]}


class Letter(_Accuracy):
    """An option's letter, read as the corrected reading of exams reads it; several where several
    are right.

    Upstream takes the first character, so that "Answer: C" means A.
    """

    def read(self, answer: str, multiple: bool = False) -> str:
        return letters_.corrected(answer, multiple=multiple, options="ABCDEFGH")

    def right(self, answer: str, references: Sequence[str]) -> bool:
        wanted = {self._wanted(reference) for reference in references}
        said = self.read(answer, any(len(letters) > 1 for letters in wanted))
        return bool(said) and said in wanted

    def _wanted(self, reference: str) -> str:
        """The letters that a reference begins with: "C: text", "AC: text"."""
        several = re.match("[A-H]+(?=:)", reference)
        return several[0] if several else reference[:1].upper()


class FirstWord(_Accuracy):
    """One of the references' words, such as yes, no or maybe, that an answer begins with or states
    as its answer ("the answer is yes"). Upstream compares first letters, y or n only."""

    def __init__(self, references: Sequence[Sequence[str]]):
        found = {plain(text) for texts in references for text in texts}
        self._words = "|".join(sorted(map(re.escape, found - {""}), reverse=True)) or "(?!)"

    def read(self, answer: str) -> str:
        said = plain(answer)
        begun = re.match(rf"\W*({self._words})(?!\w)", said)
        stated = re.findall(rf"answer(?:\s+is)?\s*:?\s*({self._words})(?!\w)", said)
        return begun[1] if begun else next(reversed(stated), "")


class TrueFalse(_Accuracy):
    """The one of true and false that an answer has; both are no answer, as upstream has it."""

    def read(self, answer: str) -> str:
        found = set(re.findall("true|false", answer.lower()))
        return found.pop() if len(found) == 1 else ""


class Contains(_Accuracy):
    """Check that the answer holds a reference as whole words, whatever else it holds.

    Lenient, as upstream is, where any part of a word counts ("no" in "know").
    """

    def read(self, answer: str) -> None:
        return None

    def right(self, answer: str, references: Sequence[str]) -> bool:
        said = plain(answer)
        return any(stands_in(plain(reference), said) for reference in references)


class Entities(Metric):
    """Sets of names, F1 over all names of a task (micro). Several outputs are one set.

    Upstream cuts the last character off each text, which is a letter where the full stop is gone.
    """

    main = "f1"

    def count(self, answer: str, references: Sequence[str]) -> list[float]:
        said, wanted = entities(answer), entities(", ".join(references))
        return [float(len(part)) for part in (said & wanted, said - wanted, wanted - said)]

    def values(self, sums: Sequence[float]) -> dict[str, float]:
        return _rates(*sums)


class Labels(Metric):
    """Labels of a closed set, the mean over them of precision, recall and F1 (macro).

    The set is made of the references' labels; an answer has those that it names.
    """

    main = "f1"

    def __init__(self, references: Sequence[Sequence[str]]):
        found = {label for texts in references for label in entities(", ".join(texts))}
        self._labels = sorted(found)

    def count(self, answer: str, references: Sequence[str]) -> list[float]:
        said, wanted = plain(answer), entities(", ".join(references))
        own = [(stands_in(label, said), label in wanted) for label in self._labels]
        return [float(pair == hit) for pair in own for hit in _HITS]

    def values(self, sums: Sequence[float]) -> dict[str, float]:
        each = [_rates(*sums[i : i + len(_HITS)]) for i in range(0, len(sums), len(_HITS))]
        keys = ("precision", "recall", "f1")
        return {key: sum(one[key] for one in each) / max(len(each), 1) for key in keys}


_HITS = ((True, True), (True, False), (False, True))  # (said, wanted): found, wrong, missed


class Overlap(Metric):
    """BLEU-1 (sacrebleu) and the F1 of ROUGE-L, means over the answers, of the best reference.

    Words are sacrebleu's (tokenizer zh, kana apart): Latin words, single Chinese and Japanese
    characters; upstream takes NLTK's, jieba's and janome's words.
    """

    main = "rouge_l"

    def count(self, answer: str, references: Sequence[str]) -> list[float]:
        said, wanted = words(answer), [words(reference) for reference in references]
        bleu = max(_bleu().sentence_score(said, [one]).score for one in wanted) / 100
        return [bleu, max(rouge_l(said.split(), one.split()) for one in wanted), 1.0]

    def values(self, sums: Sequence[float]) -> dict[str, float]:
        return {"bleu_1": sums[0] / sums[2], "rouge_l": sums[1] / sums[2]}


METRICS: dict[str, type[Metric]] = {
    "letter": Letter,
    "first_word": FirstWord,
    "true_false": TrueFalse,
    "contains": Contains,
    "entities": Entities,
    "labels": Labels,
    "overlap": Overlap,
}


def plain(text: str) -> str:
    """Lower case, without quote marks, on one line, without a full stop at its end."""
    return " ".join(re.sub("[\"'“”‘’]", "", text.lower()).split()).rstrip(".").strip()


def stands_in(part: str, text: str) -> bool:
    """Return True if a plain text holds a second one, not empty, as whole words."""
    return bool(part) and re.search(rf"(?<!\w){re.escape(part)}(?!\w)", text) is not None


def entities(text: str) -> set[str]:
    """Names in a list: parted by comma, semicolon or line end; none where it says so."""
    parts = {plain(part) for part in re.split(r"[,;，；\n]", text)}
    return parts - _NONE - {""}


def words(text: str) -> str:
    """The text with a space between all words."""
    return _tokenizer()(_KANA.sub(r" \1 ", text))


def rouge_l(answer: Sequence[str], reference: Sequence[str]) -> float:
    """F1 of the longest common subsequence of words, a fraction (Lin 2004, beta 1)."""
    if not answer or not reference:
        return 0.0
    return 2 * longest_common(answer, reference) / (len(answer) + len(reference))


@cache
def _bleu() -> Any:
    from sacrebleu.metrics import BLEU

    return BLEU(max_ngram_order=1, tokenize="none", effective_order=True, force=True)


@cache
def _tokenizer() -> Any:
    from sacrebleu.tokenizers.tokenizer_zh import TokenizerZh

    return TokenizerZh()


def _rates(hit: float, wrong: float, missed: float) -> dict[str, float]:
    precision = hit / (hit + wrong) if hit + wrong else 0.0
    recall = hit / (hit + missed) if hit + missed else 0.0
    both = precision + recall
    f1 = 2 * precision * recall / both if both else 0.0
    return {"precision": precision, "recall": recall, "f1": f1}
