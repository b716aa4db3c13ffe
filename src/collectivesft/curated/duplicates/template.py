"""Learn the common text of a dataset's rows: its instruction, and the frame of its answers.

Two rows are not near copies because they follow the same template, so its n-grams do not count.
They are learned from a sample, at any place (before or after the question, in a system
turn, in the answer), and read from the dataset's ``PROMPT``, which a dataset of few rows has too.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from string import Formatter

import numpy as np

from collectivesft import datasets
from collectivesft.common.process_pool import OrderedPool
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


def read_templates(parts: Iterable[tuple[Path, int, int]], n: int, pool: OrderedPool) -> Template:
    """Learn the template of each dataset in some row groups.

    Args:
        parts: file, number and rows of every row group.
        n: tokens of an n-gram.
        pool: processes that read the samples.

    Returns:
        For each dataset that has a template the sorted unique n-grams of it, uint64.
    """
    samples: dict[str, list[np.ndarray]] = defaultdict(list)
    rows: Counter = Counter()
    for sample in pool.map(partial(sample_grams, n=n), _sampled(parts)):
        for name, (count, grams) in sample.items():
            rows[name] += count
            samples[name].append(grams)
    found = {}
    for name in list(samples):
        grams = np.concatenate(samples.pop(name))
        found[name] = np.union1d(_common(grams, rows[name]), declared(name, n))
    return {name: grams for name, grams in found.items() if len(grams)}


def sample_grams(part: tuple[Path, int], n: int) -> dict[str, tuple[int, np.ndarray]]:
    """Return, by dataset, how many of a row group's first ``ROWS`` rows are its own, and the
    n-grams of these as one array, each once a row."""
    batch = next(iter(read_batches(*part, rows=ROWS)), None)
    if batch is None:
        return {}
    grams = ngrams_of(compared_batch(batch).tokens(), n)
    of: dict[str, list[np.ndarray]] = defaultdict(list)
    for row, name in enumerate(batch.column("dataset").to_pylist()):
        of[name].append(distinct(grams[row]))
    # One array: many small ones would leave their memory to this process for good.
    return {name: (len(rows), np.concatenate(rows)) for name, rows in of.items()}


def _sampled(parts: Iterable[tuple[Path, int, int]]) -> Iterable[tuple[Path, int]]:
    """Row groups spread evenly over each file."""
    files: dict[Path, list[int]] = defaultdict(list)
    for path, group, _ in parts:
        files[path].append(group)
    for path, groups in files.items():
        step = max(len(groups) / GROUPS, 1)
        places = sorted({int(i * step) for i in range(GROUPS) if int(i * step) < len(groups)})
        yield from ((path, groups[place]) for place in places)


def _common(grams: np.ndarray, rows: int) -> np.ndarray:
    """N-grams that at least ``SHARE`` of the rows have, of an array with each once a row."""
    if rows < LEAST:
        return np.empty(0, dtype=np.uint64)
    grams, counts = np.unique(grams, return_counts=True)
    return grams[counts >= SHARE * rows]


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
    gone = [np.empty(0, dtype=np.int64)]
    for name in template.keys() & set(names):
        looks = np.zeros(_LOOK, dtype=bool)
        looks[_look(template[name])] = True
        places = np.flatnonzero(looks[_look(grams.values)])
        if names.count(name) < len(names):
            rows = np.array([other == name for other in names], dtype=bool)
            owners = np.searchsorted(grams.starts, places, side="right") - 1
            places = places[rows[owners]]
        gone.append(places[np.isin(grams.values[places], template[name])])
    left_out = np.sort(np.concatenate(gone))
    if not len(left_out):
        return grams
    starts = grams.starts - np.searchsorted(left_out, grams.starts)
    return Flat(np.delete(grams.values, left_out), starts)


def _look(grams: np.ndarray) -> np.ndarray:
    """Return a quarter of each n-gram, which is hashed, as a view: no arithmetic on all of them."""
    return np.ascontiguousarray(grams).view(np.uint16)[::4]
