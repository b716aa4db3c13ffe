"""Learn the common text of a dataset's rows: its instruction, and the frame of its answers.

Two rows are not near copies because they follow the same template, so its n-grams do not count.
They are learned from a sample, at any place (before or after the question, in a system
turn, in the answer), and read from the dataset's ``PROMPT``, which a dataset of few rows has too.
"""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from string import Formatter

import numpy as np

from collectivesft import datasets
from collectivesft.curated.duplicates.comparison_text import compared_batch
from collectivesft.curated.storage.parquet import read_batches
from collectivesft.curated.text.ngrams import Flat, distinct, ngrams_of, token_values
from collectivesft.curated.text.unicode_fold import fold

# An n-gram in half of the rows belongs to the template. In real consultations (cMedDialogue's
# sample) the most common one is in 30 %, of PubMedQA's instruction each is in all.
SHARE = 0.5
# Fewer rows than this say nothing: a few copies would pass for a template.
LEAST = 40
GROUPS, ROWS = 16, 256  # row groups of a file that are looked at, and rows of each
_LOOK = 1 << np.iinfo(np.uint16).bits  # values of the part that a first look goes by

Template = dict[str, np.ndarray]  # dataset to the sorted n-grams of its template


def read_templates(parts: Iterable[tuple[Path, int, int]], n: int) -> Template:
    """Learn the template of each dataset in some row groups.

    Args:
        parts: file, number and rows of every row group.
        n: tokens of an n-gram.

    Returns:
        For each dataset that has a template the sorted unique n-grams of it, uint64.
    """
    counts: dict[str, list[np.ndarray]] = defaultdict(list)
    for path, group in _sampled(parts):
        batch = next(iter(read_batches(path, group)), None)
        if batch is None:
            continue
        batch = batch.slice(0, ROWS)
        grams = ngrams_of(compared_batch(batch).tokens(), n)
        for row, name in enumerate(batch.column("dataset").to_pylist()):
            counts[name].append(distinct(grams[row]))
    found = {name: np.union1d(_common(rows), declared(name, n)) for name, rows in counts.items()}
    return {name: grams for name, grams in found.items() if len(grams)}


def _sampled(parts: Iterable[tuple[Path, int, int]]) -> Iterable[tuple[Path, int]]:
    """Row groups spread evenly over each file."""
    files: dict[Path, list[int]] = defaultdict(list)
    for path, group, _ in parts:
        files[path].append(group)
    for path, groups in files.items():
        step = max(len(groups) / GROUPS, 1)
        places = sorted({int(i * step) for i in range(GROUPS) if int(i * step) < len(groups)})
        yield from ((path, groups[place]) for place in places)


def _common(rows: list[np.ndarray]) -> np.ndarray:
    """N-grams that at least ``SHARE`` of the rows have."""
    if len(rows) < LEAST:
        return np.empty(0, dtype=np.uint64)
    grams, counts = np.unique(np.concatenate(rows), return_counts=True)
    return grams[counts >= SHARE * len(rows)]


def declared(name: str, n: int) -> np.ndarray:
    """N-grams within the fixed words of a dataset's ``PROMPT``; none of an unknown dataset."""
    if name not in datasets.names():
        return np.empty(0, dtype=np.uint64)
    prompt = datasets.get(name).PROMPT
    templates = prompt.values() if isinstance(prompt, dict) else [prompt]
    words = [text for one in templates for text, _, _, _ in Formatter().parse(one) if text]
    return np.unique(ngrams_of(token_values(fold(words)), n).values)


def without_template(grams: Flat, names: list[str], template: Template) -> Flat:
    """N-grams of many texts, those of their dataset's template left out.

    Args:
        grams: of each text, in their order.
        names: the dataset of each text.
    """
    stays = np.ones(len(grams.values), dtype=bool)
    for name in template.keys() & set(names):
        looks = np.zeros(_LOOK, dtype=bool)
        looks[_look(template[name])] = True
        places = np.flatnonzero(looks[_look(grams.values)])
        if names.count(name) < len(names):
            rows = np.array([other == name for other in names], dtype=bool)
            owners = np.searchsorted(grams.starts, places, side="right") - 1
            places = places[rows[owners]]
        stays[places[np.isin(grams.values[places], template[name])]] = False
    if stays.all():
        return grams
    kept = np.concatenate([[0], np.cumsum(stays)])
    return Flat(grams.values[stays], kept[grams.starts])


def _look(grams: np.ndarray) -> np.ndarray:
    """Return a quarter of each n-gram, which is hashed, as a view: no arithmetic on all of them."""
    return np.ascontiguousarray(grams).view(np.uint16)[::4]
