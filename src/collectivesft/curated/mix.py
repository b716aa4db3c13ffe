"""Draws an experiment's mixture from the curated examples and describes it.

Whether an example is drawn depends on its id and the seed alone, not on the other examples: the
draw of 1 % is a part of that of 10 %, and adding a dataset leaves the others' draws as they were.
"""

import heapq
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import xxhash

from collectivesft.curated.ledger import StepLedger
from collectivesft.curated.recipe import Mixture, read_mixture
from collectivesft.curated.store import Writer, count_rows, read_examples
from collectivesft.errors import InputError
from collectivesft.example import Example, arrow_schema
from collectivesft.files import atomic_path, write_json
from collectivesft.progress import track

LENGTH_STEP, LENGTH_BINS = 50, 40


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
        train, held_out = (stack.enter_context(Writer(path, arrow_schema())) for path in paths)
        for example in track(read_examples(examples), "mix", count_rows(examples)):
            entry = counts.entry(example.dataset)
            entry.rows_in += 1
            reason = chosen(example)
            if reason:
                entry.dropped[reason] += 1
                continue
            entry.kept += 1
            if draw(example.id, mixture.seed, "validation") < mixture.validation:
                entry.changed["held_out"] += 1
                held_out.add(example.to_row())
            else:
                description.add(example)
                train.add(example.to_row())
        named = [] if mixture.datasets == "all" else mixture.datasets
        if absent := [name for name in named if name not in counts.entries]:
            problem = f"mixture.datasets: no examples of {', '.join(absent)}"
            raise InputError(recipe, problem, f"There are {', '.join(counts.entries)}")
        if not description.examples:
            raise InputError(recipe, "this mixture leaves nothing to train on", "Widen `mixture`")
    counts.write(ledger)
    held = sum(entry.changed["held_out"] for entry in counts.entries.values())
    write_json(stats, {"experiment": recipe.stem, "validation": held, **description.as_json()})


def draw(id: str, seed: int, purpose: str) -> float:
    """A number in [0, 1) that depends on the id, the seed and the purpose alone."""
    digest = xxhash.xxh3_64_intdigest(f"{seed}:{purpose}:{id}".encode())
    return (digest >> 11) / 2**53  # as many bits as a float holds: never rounded up to 1


def chooser(examples: Path, mixture: Mixture) -> Callable[[Example], str | None]:
    """A function that says why an example is not in the mixture, or None if it is."""
    limits = _limits(examples, mixture)

    def reason(example: Example) -> str | None:
        if not _wanted(example, mixture):
            return "not_in_mixture"
        number = draw(example.id, mixture.seed, "sample")
        if number >= mixture.fraction or number > limits.get(example.dataset, 1.0):
            return "not_sampled"
        return None

    return reason


def _wanted(example: Example, mixture: Mixture) -> bool:
    in_sets = mixture.datasets == "all" or example.dataset in mixture.datasets
    return in_sets and (mixture.styles == "all" or example.style in mixture.styles)


def _limits(examples: Path, mixture: Mixture) -> dict[str, float]:
    """For each dataset the largest draw that is still among the first ``max_samples``."""
    if mixture.max_samples is None:
        return {}
    smallest: dict[str, list[float]] = defaultdict(list)
    for example in read_examples(examples):
        if not _wanted(example, mixture):
            continue
        heap, number = smallest[example.dataset], -draw(example.id, mixture.seed, "sample")
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

    def add(self, example: Example) -> None:
        """Count one example."""
        length = sum(len(text) for _, text in example.messages)
        self.examples += 1
        self._datasets[example.dataset].update(examples=1, characters=length)
        self._styles[example.dataset][example.style] += 1
        self._languages[example.dataset][example.language] += 1
        self._lengths[min(length // LENGTH_STEP, LENGTH_BINS - 1)] += 1

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
