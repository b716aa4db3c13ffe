"""Ask a question with its options in several orders: circular evaluation.

A model that knows the answer gives it wherever it is shown. Options that refer to each other by
their place ("以上都是", "A和B") change their meaning with the order; such a question is asked in
the published order only.
"""

import itertools
import math
import random
import re
from collections.abc import Iterable
from dataclasses import replace

from collectivesft.schema.item import Item

PUBLISHED, ROTATIONS = "published", "rotations"
Orders = str | int

_REFERS = re.compile(
    r"以上|上述|前述|(?<![A-Za-z0-9])[A-G]\s?(?:[、,，和与及或+＋]\s?[A-G])+(?![A-Za-z0-9])"
    r"|(?i:\b(?:all|none|both)\s+of\s+the\s+above|\babove\b)"
)


def is_bound(item: Item) -> bool:
    """Return True if an option refers to other options by their place or letter."""
    return any(_REFERS.search(text) for text in item.options.values())


def option_orders(item: Item, wanted: Orders, seed: int) -> list[str]:
    """Return the orders in which an item is asked, the published one first.

    An order is a string of published letters: "BCDA" shows the text of B as option A.

    Args:
        wanted: PUBLISHED, ROTATIONS (each option is once at each place), or a number of different
            orders, drawn at random by ``seed`` and the item's id.
    """
    letters = "".join(item.options)
    if wanted == PUBLISHED or is_bound(item):
        return [letters]
    if wanted == ROTATIONS:
        return [letters[start:] + letters[:start] for start in range(len(letters))]
    count = min(int(wanted), math.factorial(len(letters)))
    if count == math.factorial(len(letters)):
        return ["".join(order) for order in itertools.permutations(letters)]
    found, source = {letters: None}, random.Random(f"{seed}:{item.id}")
    while len(found) < count:
        found["".join(source.sample(letters, len(letters)))] = None
    return list(found)


def reorder(item: Item, order: str) -> Item:
    """Return the item as it is shown in this order, its key and published texts included."""
    letters = list(item.options)
    if order == "".join(letters):
        return item
    meta = dict(item.meta)
    if published := meta.get("published", {}).get("options"):
        meta["published"] = meta["published"] | {"options": _moved(published, letters, order)}
    meta.pop("published_answer", None)
    return replace(
        item,
        options=_moved(item.options, letters, order),
        answer=shown(item.answer, letters, order),
        meta=meta,
    )


def _moved(options: dict[str, str], letters: list[str], order: str) -> dict[str, str]:
    """Options with the texts of ``letters`` moved; letters that the item leaves out stay."""
    moved = dict(zip(letters, order, strict=True))
    return {letter: options[moved.get(letter, letter)] for letter in options}


def shown(answer: str, letters: Iterable[str], order: str) -> str:
    """Return published letters as they are shown in this order, sorted."""
    return _renamed(answer, dict(zip(order, letters, strict=True)))


def published(answer: str, letters: Iterable[str], order: str) -> str:
    """Return letters that were shown in this order as published ones, sorted."""
    return _renamed(answer, dict(zip(letters, order, strict=True)))


def _renamed(answer: str, names: dict[str, str]) -> str:
    return "".join(sorted(names[letter] for letter in answer))
