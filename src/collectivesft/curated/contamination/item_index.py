"""Find benchmark items in rows, by the n-grams of both.

An item counts as found in an example when at least ``THRESHOLD`` of its n-grams of ``NGRAM``
tokens (a Chinese character or a Latin word) occur in the example; an item with fewer tokens than
``NGRAM`` when it makes up a whole turn. What many questions have in common tells nothing, though:

- An exam question of fewer than ``COMMON`` tokens ("Which of the following is correct?") is found
  only where its right answer or half of its options are too, or where it is a whole turn of free
  text; one of fewer than ``MINIMUM`` ("The ureter") in an exam question with the same options.
- A question about a case ("Name the most likely diagnosis."), or its solution, of fewer than
  ``COMMON`` tokens or of several cases is not looked for; the case's description is.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from itertools import islice
from pathlib import Path

import numpy as np

from collectivesft.curated.text.cleaning import clean_text
from collectivesft.curated.text.ngrams import Flat, ngrams_of, token_values
from collectivesft.curated.text.normalise import key
from collectivesft.curated.text.unicode_fold import fold
from collectivesft.schema.example import Example
from collectivesft.schema.item import Item, load_items

NGRAM = 8
THRESHOLD = 0.5
MINIMUM = 6
COMMON = 20
# Texts that are folded at once.
PART = 4096
# Bits of an n-gram that a first look uses: most n-grams occur in no item.
_LOOK = 23
Matches = list[tuple[str, float]]
Named = tuple[str, str, Item, bool]  # an item's name, one of its texts, whether of a turn


class ItemIndex:
    """The n-grams of all items, sorted, with the items that contain each."""

    def __init__(self, items: Iterable[Item]):
        self._names: list[str] = []
        self._short: dict[tuple[int, ...], list[int]] = defaultdict(list)
        self._exams: dict[tuple[str, ...], list[int]] = defaultdict(list)
        # Of exam questions that may resemble many: the keys of question, options and answer.
        self._common_exams: dict[int, tuple[str, list[str], list[str]]] = {}
        turns: dict[str, list[int]] = defaultdict(list)
        unique: list[np.ndarray] = []
        # By parts: while they are folded, texts take many times their size.
        for part in _batched(self._texts(items), PART):
            unique += self._take(part, turns)
        for several in turns.values():
            for i in several if len(several) > 1 else ():
                unique[i] = unique[i][:0]
        self._index(unique)

    def _texts(self, items: Iterable[Item]) -> Iterator[Named]:
        for item in items:
            item = _cleaned(item)
            for number, text in enumerate(item.texts()):
                yield f"{item.benchmark}:{item.id}", text, item, number > 0

    def _take(self, named: Sequence[Named], turns: dict[str, list[int]]) -> list[np.ndarray]:
        """The different n-grams of each text; names, short texts and those of turns are kept."""
        words = token_values(fold([text for _, text, _, _ in named]))
        grams, found = ngrams_of(words, NGRAM), []
        for i, (size, (name, text, item, turn)) in enumerate(
            zip(words.sizes.tolist(), named, strict=True)
        ):
            number, options = len(self._names), item.options.values()
            self._names.append(name)
            found.append(np.unique(grams[i]))
            if turn:
                turns[key(text)].append(number)
                if size < COMMON:
                    found[-1] = found[-1][:0]
            elif size < MINIMUM:
                if options:
                    self._exams[exam_key(text, options)].append(number)
            else:
                if options and size < COMMON:
                    known = set(item.answer) <= item.options.keys()
                    right = [item.options[letter] for letter in item.answer if known]
                    keys = list(map(key, options)), list(map(key, right))
                    self._common_exams[number] = key(text), *keys
                if size < NGRAM:
                    self._short[tuple(words[i].tolist())].append(number)
        return found

    def _index(self, unique: list[np.ndarray]) -> None:
        self._sizes = np.array([len(found) for found in unique], dtype=np.int64)
        flat = np.concatenate([np.empty(0, dtype=np.uint64), *unique])
        order = np.argsort(flat, kind="stable")
        owners = np.repeat(np.arange(len(unique), dtype=np.int32), self._sizes)
        self._owners, flat = owners[order], flat[order]
        begins = np.ones(len(flat), dtype=bool)
        np.not_equal(flat[1:], flat[:-1], out=begins[1:])
        self._firsts = np.flatnonzero(begins)
        self._counts = np.diff(self._firsts, append=len(flat))
        self._grams = flat[self._firsts]
        self._looks = np.zeros(1 << _LOOK, dtype=bool)
        self._looks[_look(self._grams)] = True

    def matches(self, example: Example) -> Matches:
        """Items found in an example with the share of their n-grams, the most certain first."""
        return self.search([compared(example)], [options_of(example)]).get(0, [])

    def search(
        self, rows: list[list[str]], options: Sequence[Collection[str]] = ()
    ) -> dict[int, Matches]:
        """Items found in each of many rows, given as their texts; rows without any are left out.

        Args:
            options: of each row that is an exam question, the texts of its options.
        """
        # 1) All texts of all rows as one array of tokens.
        words = token_values(fold([text for texts in rows for text in texts]))
        starts = np.cumsum([0, *(len(texts) for texts in rows)])
        # 2) Items that are too short for an n-gram: as a whole turn, or by the same options.
        shares = self._whole_turns(words, starts)
        for row, texts in enumerate(options if self._exams else ()):
            if texts and words.sizes[starts[row]] < MINIMUM:
                same = self._exams.get(exam_key(rows[row][0], texts), ())
                shares[row].update(dict.fromkeys(same, 1.0))
        # 3) Items of which enough n-grams occur in a row.
        places, owners, counts = self._common(Flat(words.values, words.starts[starts]))
        found = counts / self._sizes[owners]
        sure = found >= THRESHOLD
        for row, i, share in zip(
            places[sure].tolist(), owners[sure].tolist(), found[sure].tolist(), strict=True
        ):
            shares[row][i] = share
        # 4) A question that may resemble many counts only with its answer or half of its options.
        for row, found in shares.items():
            for i in self._common_exams.keys() & found.keys():
                if not self._is_that(i, rows[row], options[row] if options else ()):
                    del found[i]
        return {row: self._named(shares[row]) for row in sorted(shares) if shares[row]}

    def _is_that(self, i: int, texts: list[str], options: Collection[str]) -> bool:
        """Return whether a row with a common question has the rest of this item too."""
        question, asked, right = self._common_exams[i]
        if options:
            there = set(map(key, options))
            has = [option in there for option in asked]
            return 2 * sum(has) >= len(asked) or (right != [] and there.issuperset(right))
        turns = list(map(key, texts))
        said = "\n".join(turns)
        if question in turns or 2 * sum(option in said for option in asked) >= len(asked):
            return True
        # A single number or letter occurs in many texts.
        return right != [] and all(len(text) > 1 and text in said for text in right)

    def _whole_turns(self, words: Flat, starts: np.ndarray) -> dict[int, dict[int, float]]:
        """Short items that make up a turn: row, number of the item, its share."""
        shares: dict[int, dict[int, float]] = defaultdict(dict)
        sizes = words.sizes
        for text in np.flatnonzero((sizes >= MINIMUM) & (sizes < NGRAM)).tolist():
            for i in self._short.get(tuple(words[text].tolist()), ()):
                row = int(np.searchsorted(starts, text, side="right")) - 1
                shares[row][i] = 1.0
        return shares

    def _common(self, words: Flat) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Row, number of an item, and how many different n-grams they have in common."""
        # 1) N-grams that may occur in an item, by a table of their first bits.
        grams = ngrams_of(words, NGRAM)
        places = np.flatnonzero(self._looks[_look(grams.values)])
        values = grams.values[places]
        # 2) Their numbers among the items' n-grams, by a binary search.
        numbers = np.searchsorted(self._grams, values)
        numbers[numbers == len(self._grams)] = 0
        hit = self._grams[numbers] == values if len(values) else np.zeros(0, dtype=bool)
        # 3) Different pairs of row and n-gram.
        rows = np.searchsorted(grams.starts, places[hit], side="right") - 1
        rows, numbers = np.unique(np.stack([rows, numbers[hit]]), axis=1)
        # 4) Each pair once for every item that has the n-gram, then the pairs of row and item.
        times = self._counts[numbers]
        shift = self._firsts[numbers] - (np.cumsum(times) - times)
        owners = self._owners[np.repeat(shift, times) + np.arange(int(times.sum()))]
        pairs = np.stack([np.repeat(rows, times), owners])
        (rows, owners), counts = np.unique(pairs, axis=1, return_counts=True)
        return rows, owners, counts

    def _named(self, shares: dict[int, float]) -> Matches:
        """A clinical case has several texts: its surest one counts."""
        best: dict[str, float] = {}
        for i, share in shares.items():
            best[self._names[i]] = max(share, best.get(self._names[i], 0.0))
        return sorted(best.items(), key=lambda pair: (-pair[1], pair[0]))


def _cleaned(item: Item) -> Item:
    """The item as step clean would leave it: the examples that it is looked for in went through."""
    question, *turns = (clean_text(text)[0] for text in item.texts())
    pairs = zip(turns[::2], turns[1::2], strict=True)
    return replace(
        item,
        question=question,
        turns=[{"question": asked, "reference": said} for asked, said in pairs],
        options={letter: clean_text(text)[0] for letter, text in item.options.items()},
    )


def exam_key(question: str, options: Iterable[str]) -> tuple[str, ...]:
    """Return the part of an exam question that does not depend on the order of its options."""
    return key(question), *sorted(map(key, options))


def _batched(values: Iterator[Named], size: int) -> Iterator[list[Named]]:
    while part := list(islice(values, size)):
        yield part


def _look(grams: np.ndarray) -> np.ndarray:
    return (grams >> np.uint64(64 - _LOOK)).astype(np.int64)


@cache
def load_index(paths: tuple[Path, ...], allowed: tuple[str, ...] = ()) -> ItemIndex:
    """The index of items, without those of ``allowed`` splits; each process makes it once."""
    return ItemIndex(_looked_for(paths, allowed))


def items_by_benchmark(paths: tuple[Path, ...], allowed: tuple[str, ...] = ()) -> Counter[str]:
    """Count the items that ``load_index`` holds, without making it."""
    return Counter(item.benchmark for item in _looked_for(paths, allowed))


def _looked_for(paths: tuple[Path, ...], allowed: tuple[str, ...]) -> Iterator[Item]:
    items = (item for path in paths for item in load_items(path))
    return (item for item in items if item.split not in allowed)


def compared(example: Example) -> list[str]:
    """Return the compared texts of an example: of an exam question those without instruction."""
    if example.style == "mcqa":
        return [example.meta["question"], example.messages[-1][1]]
    return [text for _, text in example.messages]


def options_of(example: Example) -> Collection[str]:
    """Return the texts of an exam question's options; none for any other style."""
    return example.meta["options"].values() if example.style == "mcqa" else ()
