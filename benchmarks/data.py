"""Examples made up for measurements: the thirteen datasets' proportions and lengths, no real text.

Words are random syllables drawn by Zipf's law, so that n-grams repeat about as they do in texts.
Copies, near copies of known Jaccard similarity and benchmark items are planted, and noted.
"""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import raw_files

from collectivesft import datasets
from collectivesft.common.files import atomic_path
from collectivesft.schema.example import Example
from collectivesft.schema.item import Item, dump_item


@dataclass(frozen=True)
class Shape:
    """Style, language and mean lengths in characters (words for English) of a dataset's texts."""

    style: str
    language: str
    question: int
    answer: int
    turns: int = 1


# Lengths by the datasets' own papers and samples, rounded.
SHAPES = {
    "pubmedqa": Shape("qa", "en", 210, 40),
    "medmcqa": Shape("mcqa", "en", 14, 4),
    "headqa": Shape("mcqa", "en", 22, 8),
    "cmedqa2": Shape("qa", "zh", 49, 101),
    "cmeddialogue": Shape("qa", "zh", 90, 140),
    "webmedqa": Shape("qa", "zh", 86, 147),
    "medicaldialogue": Shape("dialogue", "zh", 60, 55, turns=3),
    "cmid": Shape("ner", "zh", 36, 20),
    "nlpec": Shape("mcqa", "zh", 60, 9),
    "mlecqa": Shape("mcqa", "zh", 45, 9),
    "discmed": Shape("dialogue", "zh", 80, 160, turns=2),
    "medqa": Shape("mcqa", "zh", 75, 9),
    "cmb": Shape("mcqa", "zh", 45, 9),
}
# Shares of the rows: verbatim copies, near copies, rows with a benchmark's item, rows that need
# cleaning, rows around a text that all of them share, and rows with a dataset's usual phrases.
EXACT, NEAR, LEAK, DIRTY, TEMPLATE, PHRASE = 0.03, 0.03, 0.0005, 0.06, 0.01, 0.25
ITEMS = 13_000


class Words:
    """Random text by Zipf's law, reproducible."""

    def __init__(self, seed: int):
        self.random, self._numpy = random.Random(seed), np.random.default_rng(seed)
        weight = 1 / np.arange(1, 30_001)
        self._table = np.searchsorted(np.cumsum(weight) / weight.sum(), np.arange(65536) / 65536)
        vocabulary = np.random.default_rng(1)  # the same words whatever the seed
        self._signs = vocabulary.integers(0x4E00, 0x4E00 + 3500, (30_001, 2), dtype=np.uint32)
        self._signs[::40, 0] = ord("，")
        syllables = [a + b for a in "bcdfghklmnprst" for b in ("a", "e", "i", "o", "u", "an", "er")]
        drawn = vocabulary.integers(0, len(syllables), (30_001, 4))
        sizes = vocabulary.integers(1, 5, 30_001)
        pairs = zip(drawn.tolist(), sizes.tolist(), strict=True)
        self._english = ["".join(syllables[i] for i in row[:n]) for row, n in pairs]
        self._pool, self._place = "", 0
        self._english_pool: list[str] = []

    def chinese(self, length: int) -> str:
        """Text of so many characters."""
        if self._place + length > len(self._pool):
            drawn = self._table[self._numpy.integers(0, 65536, 500_000 + length)]
            self._pool = self._signs[drawn].astype("<u4").tobytes().decode("utf-32-le")
            self._place = 0
        self._place += length
        return self._pool[self._place - length : self._place]

    def english(self, words: int) -> str:
        """Text of so many words."""
        if len(self._english_pool) < words:
            drawn = self._table[self._numpy.integers(0, 65536, 200_000 + words)].tolist()
            self._english_pool = [self._english[i] for i in drawn]
        found, self._english_pool[-words:] = self._english_pool[-words:], []
        return " ".join(found).capitalize() + "."

    def text(self, language: str, mean: int) -> str:
        """Text of a length around the mean, as lengths of real texts lie (log-normal)."""
        length = max(4, int(mean * self.random.lognormvariate(-0.18, 0.6)))
        return self.chinese(length) if language == "zh" else self.english(min(length, 600))


def counts(total: int) -> dict[str, int]:
    """Rows of each dataset when there are so many in all, as published."""
    published = {name: datasets.get(name).SOURCE.rows for name in SHAPES}
    everything = sum(published.values())
    return {name: max(20, round(rows * total / everything)) for name, rows in published.items()}


def items(path: Path) -> list[str]:
    """Write benchmark items; returns their questions."""
    words, questions = Words(7), []
    with open(path, "w", encoding="utf-8") as handle:
        for n in range(ITEMS):
            questions.append(words.text("zh", 45) + words.chinese(6))
            item = Item(str(n), "cmb", "test", "choice", "a", "b", questions[-1])
            handle.write(dump_item(item) + "\n")
    return questions


class Maker:
    """Make the rows of one dataset and note the planted ones."""

    def __init__(self, name: str, seed: int, questions: list[str]):
        self.words, self.name, self.shape = Words(seed), name, SHAPES[name]
        self._questions, self._random = questions, self.words.random
        self._recent: list[Example] = []
        self._phrases = [self.words.chinese(12) for _ in range(40)]
        self._template = self.words.chinese(self.shape.answer)
        self.planted: list[dict] = []

    def rows(self, count: int) -> Iterator[Example]:
        """So many examples."""
        for n in range(count):
            example = self._row(raw_files.id_of(self.name, n))
            if len(self._recent) < 500:
                self._recent.append(example)
            elif self._random.random() < 0.05:
                self._recent[self._random.randrange(500)] = example
            yield example

    def _row(self, id: str) -> Example:
        luck = self._random.random()
        plain = self.shape.style in ("qa", "ner") and self.shape.language == "zh"
        if luck < EXACT and self._recent:
            other = self._random.choice(self._recent)
            self._note(id, "exact", other.id, 1.0)
            return self._example(id, other.messages, other.meta)
        if luck < EXACT + NEAR and plain and self._recent:
            return self._near(id, self._random.choice(self._recent))
        if luck > 1 - LEAK:
            return self._leak(id)
        return self._example(id, *self._made())

    def _near(self, id: str, other: Example) -> Example:
        messages, meta = list(other.messages), other.meta
        role, text = messages[-1]
        changed = list(text)
        for _ in range(self._random.randint(1, 4)):
            changed[self._random.randrange(len(changed))] = self.words.chinese(1)
        messages[-1] = (role, "".join(changed))
        similarity = trigram_similarity(other.messages, messages)
        self._note(id, "near", other.id, similarity)
        return self._example(id, messages, meta)

    def _leak(self, id: str) -> Example:
        number = self._random.randrange(len(self._questions))
        self._note(id, "leak", f"cmb:{number}", 1.0)
        messages, meta = self._made()
        if self.shape.style == "mcqa":
            meta["question"] = self._questions[number]
        text = f"{self._questions[number]}，{messages[0][1]}"
        return self._example(id, [("user", text), *messages[1:]], meta)

    def _made(self) -> tuple[list[tuple[str, str]], dict]:
        shape, words = self.shape, self.words
        if shape.style == "mcqa":
            return self._exam()
        messages = []
        for _ in range(shape.turns):
            messages.append(("user", self._dirty(words.text(shape.language, shape.question))))
            messages.append(("assistant", words.text(shape.language, shape.answer)))
        if shape.language == "zh":
            role, text = messages[-1]
            if self._random.random() < PHRASE:
                text = f"{self._random.choice(self._phrases)}，{text}"
            if self._random.random() < TEMPLATE:
                text = self._template + text[: len(text) // 2]
            messages[-1] = (role, text)
        return messages, {"file": f"{self.name}.json", "row": 1}

    def _exam(self) -> tuple[list[tuple[str, str]], dict]:
        shape, words = self.shape, self.words
        question = self._dirty(words.text(shape.language, shape.question))
        letters = "ABCD" if self.name == "medmcqa" else "ABCDE"
        options = {letter: words.text(shape.language, shape.answer) for letter in letters}
        answer = self._random.choice(letters)
        shown = "\n".join(f"{letter}. {text}" for letter, text in options.items())
        messages = [("user", f"{question}\n{shown}"), ("assistant", f"答案是{answer}。")]
        meta = {"answer": answer, "file": f"{self.name}.json", "options": options}
        return messages, meta | {"question": question, "row": 1}

    def _dirty(self, text: str) -> str:
        if self._random.random() > DIRTY:
            return text
        wrong = ("<br>", "&nbsp;", "１２３", "  ", "电话13912345678，", "°", "\u3000")
        place = self._random.randrange(len(text))
        return text[:place] + self._random.choice(wrong) + text[place:]

    def _example(self, id: str, messages: list, meta: dict) -> Example:
        return Example(id, self.name, self.shape.style, self.shape.language, messages, meta)

    def _note(self, id: str, kind: str, of: str, similarity: float) -> None:
        self.planted.append({"id": id, "kind": kind, "of": of, "similarity": similarity})


def trigram_similarity(first: list[tuple[str, str]], second: list[tuple[str, str]]) -> float:
    """Jaccard similarity of two Chinese conversations' trigrams of letters, reckoned by sets."""
    sets = []
    for messages in (first, second):
        letters = [c for _, text in messages for c in text if c.isalnum()]
        sets.append(set(zip(letters, letters[1:], letters[2:], strict=False)))
    return len(sets[0] & sets[1]) / max(len(sets[0] | sets[1]), 1)


def make(folder: Path, total: int, seed: int = 42) -> None:
    """Write each dataset's raw files into ``raw/NAME``, ``items.jsonl`` and ``planted.jsonl``."""
    folder.mkdir(parents=True, exist_ok=True)
    questions = items(folder / "items.jsonl")
    noted = folder / "planted.jsonl"
    with atomic_path(noted) as partial, open(partial, "w", encoding="utf-8") as handle:
        for number, (name, rows) in enumerate(counts(total).items()):
            maker = Maker(name, seed + number, questions)
            raw_files.write(name, maker.rows(rows), folder / "raw" / name)
            handle.writelines(json.dumps(each) + "\n" for each in maker.planted)


def pairs(texts: int, length: int, planted: int, seed: int = 42) -> tuple[list[str], list[tuple]]:
    """Chinese texts of one length of which some are near copies of an earlier one.

    Returns:
        The texts, and ``(number, number of its original, Jaccard similarity)`` of the copies.
    """
    words, found = Words(seed), []
    made = [words.chinese(length) for _ in range(texts)]
    for number in sorted(words.random.sample(range(texts // 2, texts), planted)):
        other = words.random.randrange(texts // 2)
        copy = list(made[other])
        for place in words.random.sample(range(length), words.random.randint(1, 8)):
            copy[place] = words.chinese(1)
        made[number] = "".join(copy)
        similar = trigram_similarity([("", made[other])], [("", made[number])])
        found.append((number, other, similar))
    return made, found
