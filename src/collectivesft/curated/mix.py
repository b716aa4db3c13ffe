"""Draws an experiment's mixture from the curated examples and describes it.

Whether an example is drawn depends on its id and the seed alone, not on the other examples: the
draw of 1 % is a part of that of 10 %, and adding a dataset leaves the others' draws as they were.
"""

import heapq
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import xxhash

from collectivesft.curated.ledger import StepLedger
from collectivesft.curated.recipe import Mixture, read_mixture
from collectivesft.curated.store import Writer, count_rows, read_batches, turns
from collectivesft.errors import InputError
from collectivesft.example import arrow_schema
from collectivesft.files import atomic_path, write_json
from collectivesft.progress import Reporter

LENGTH_STEP, LENGTH_BINS = 50, 40
LEFT_OUT, TRAIN, HELD_OUT = range(3)


def mix_file(
    examples: Path, recipe: Path, out: Path, validation: Path, ledger: Path, stats: Path
) -> None:
    """Write the training and the validation part of an experiment's mixture.

    Raises:
        InputError: the recipe is wrong, names a set that has no examples, or leaves nothing to
            train on.
    """
    mixture = read_mixture(recipe)
    chosen = chooser(examples, mixture)
    counts, description = StepLedger("mix"), Description()
    with ExitStack() as stack:
        paths = [stack.enter_context(atomic_path(path)) for path in (out, validation)]
        parts = [stack.enter_context(Writer(path, arrow_schema())) for path in paths]
        reporter = stack.enter_context(Reporter("mix", count_rows(examples)))
        for batch in read_batches(examples):
            place = _place(batch, chosen, mixture, counts)
            for part, writer in zip((TRAIN, HELD_OUT), parts, strict=True):
                writer.add_batch(batch.filter(pa.array(place == part)))
            description.add(batch.filter(pa.array(place == TRAIN)))
            reporter.advance(len(batch))
        named = [] if mixture.datasets == "all" else mixture.datasets
        if absent := [name for name in named if name not in counts.entries]:
            problem = f"mixture.datasets: no examples of {', '.join(absent)}"
            raise InputError(recipe, problem, f"There are {', '.join(counts.entries)}")
        if not description.examples:
            raise InputError(recipe, "this mixture leaves nothing to train on", "Widen `mixture`")
    counts.write(ledger)
    held = sum(entry.changed["held_out"] for entry in counts.entries.values())
    write_json(stats, {"experiment": recipe.stem, "validation": held, **description.as_json()})


def _place(
    batch: pa.RecordBatch,
    chosen: Callable[[str, str, str], str | None],
    mixture: Mixture,
    counts: StepLedger,
) -> np.ndarray:
    """Where each row goes: LEFT_OUT, TRAIN or HELD_OUT; counted in the ledger."""
    places = np.full(len(batch), LEFT_OUT, dtype=np.int8)
    for row, (id, dataset, style) in enumerate(_facts(batch)):
        entry = counts.entry(dataset)
        entry.rows_in += 1
        reason = chosen(id, dataset, style)
        if reason:
            entry.dropped[reason] += 1
            continue
        entry.kept += 1
        places[row] = TRAIN
        if draw(id, mixture.seed, "validation") < mixture.validation:
            entry.changed["held_out"] += 1
            places[row] = HELD_OUT
    return places


def _facts(batch: pa.RecordBatch) -> Iterator[tuple[str, str, str]]:
    """Id, dataset and style of each row."""
    columns = (batch.column(name).to_pylist() for name in ("id", "dataset", "style"))
    return zip(*columns, strict=True)


def draw(id: str, seed: int, purpose: str) -> float:
    """A number in [0, 1) that depends on the id, the seed and the purpose alone."""
    digest = xxhash.xxh3_64_intdigest(f"{seed}:{purpose}:{id}".encode())
    return (digest >> 11) / 2**53  # as many bits as a float holds: never rounded up to 1


def chooser(examples: Path, mixture: Mixture) -> Callable[[str, str, str], str | None]:
    """A function of id, dataset and style: why an example is not in the mixture; None if it is."""
    limits = _limits(examples, mixture)

    def reason(id: str, dataset: str, style: str) -> str | None:
        if not _wanted(dataset, style, mixture):
            return "not_in_mixture"
        number = draw(id, mixture.seed, "sample")
        if number >= mixture.fraction or number > limits.get(dataset, 1.0):
            return "not_sampled"
        return None

    return reason


def _wanted(dataset: str, style: str, mixture: Mixture) -> bool:
    in_sets = mixture.datasets == "all" or dataset in mixture.datasets
    return in_sets and (mixture.styles == "all" or style in mixture.styles)


def _limits(examples: Path, mixture: Mixture) -> dict[str, float]:
    """For each dataset the largest draw that is still among the first ``max_samples``."""
    if mixture.max_samples is None:
        return {}
    smallest: dict[str, list[float]] = defaultdict(list)
    batches = read_batches(examples, columns=["id", "dataset", "style"])
    for id, dataset, style in chain.from_iterable(map(_facts, batches)):
        if not _wanted(dataset, style, mixture):
            continue
        heap, number = smallest[dataset], -draw(id, mixture.seed, "sample")
        if len(heap) < mixture.max_samples:
            heapq.heappush(heap, number)
        else:
            heapq.heappushpop(heap, number)
    return {name: -heap[0] for name, heap in smallest.items()}


class Description:
    """Measures of a mixture: by dataset, style, language and length."""

    def __init__(self) -> None:
        self.examples = 0
        self._datasets: dict[str, Counter] = defaultdict(Counter)
        self._styles: dict[str, Counter] = defaultdict(Counter)
        self._languages: dict[str, Counter] = defaultdict(Counter)
        self._lengths = np.zeros(LENGTH_BINS, dtype=np.int64)

    def add(self, batch: pa.RecordBatch) -> None:
        """Count a batch's rows."""
        if not len(batch):
            return
        texts, starts = turns(batch)
        ends = np.cumsum([0, *map(len, texts)])[starts]
        lengths = np.diff(ends)
        self.examples += len(batch)
        np.add.at(self._lengths, np.minimum(lengths // LENGTH_STEP, LENGTH_BINS - 1), 1)
        names = batch.column("dataset").to_pylist()
        for counters, column in ((self._styles, "style"), (self._languages, "language")):
            for name, value in zip(names, batch.column(column).to_pylist(), strict=True):
                counters[name][value] += 1
        for name, length in zip(names, lengths.tolist(), strict=True):
            self._datasets[name]["examples"] += 1
            self._datasets[name]["characters"] += length

    def as_json(self) -> dict[str, Any]:
        """All measures; lengths are characters, the last bin holds everything longer."""
        parts = [self._dataset(name) for name in self._datasets]
        by_set = [part["examples"] for part in parts]
        styles, languages = _sum(self._styles), _sum(self._languages)
        edges = [LENGTH_STEP * i for i in range(LENGTH_BINS)]
        return {
            "train": self.examples,
            "datasets": parts,
            "styles": styles,
            "languages": languages,
            "lengths": {"edges": edges, "counts": self._lengths.tolist()},
            "entropy_bits": {
                "datasets": entropy(by_set),
                "styles": entropy(styles.values()),
                "languages": entropy(languages.values()),
            },
        }

    def _dataset(self, name: str) -> dict[str, Any]:
        counts = self._datasets[name]
        mean = round(counts["characters"] / counts["examples"], 1)
        return {
            "dataset": name,
            "examples": counts["examples"],
            "characters": counts["characters"],
            "mean_characters": mean,
            "style_counts": dict(sorted(self._styles[name].items())),
            "language_counts": dict(sorted(self._languages[name].items())),
        }


def _sum(counters: dict[str, Counter]) -> dict[str, int]:
    return dict(sorted(sum(counters.values(), Counter()).items()))


def entropy(counts) -> float:
    """Shannon entropy in bits of a distribution given by counts."""
    share = np.array([count for count in counts if count], dtype=float)
    share /= share.sum() if len(share) else 1.0
    return round(abs(float(-(share * np.log2(share)).sum())), 4)
