"""Plan the examples of each optimiser step and pack them into forward passes.

The plan follows only from the lengths, the seed and the recipe, so a killed training resumes with
exactly the examples that come next.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from collectivesft.config.experiment import Training

# Held-out examples that are packed together; the time of packing grows with its square.
NEIGHBOURS = 4096


@dataclass(frozen=True)
class Plan:
    """All steps of a training.

    Attributes:
        lengths: (examples,) tokens of each example.
        training: the recipe.
        alone: every example has its own forward pass.
    """

    lengths: np.ndarray
    training: Training
    alone: bool = False

    @property
    def capacity(self) -> int:
        """Most tokens of a forward pass of several examples."""
        return 0 if self.alone else self.training.max_tokens_per_forward

    @property
    def steps_per_epoch(self) -> int:
        """Optimiser steps that show every example once; the last one may be smaller."""
        return -(-len(self.lengths) // self.training.global_batch_size)

    @property
    def steps(self) -> int:
        """Optimiser steps of the whole training."""
        wanted = max(1, round(self.steps_per_epoch * self.training.epochs))
        return min(wanted, self.training.max_steps or wanted)

    def step(self, number: int) -> list[list[int]]:
        """The forward passes of step ``number`` (from 0), each a list of example indices."""
        epoch, place = divmod(number, self.steps_per_epoch)
        shuffled = order(self.training.seed, epoch, len(self.lengths))
        size = self.training.global_batch_size
        chosen = shuffled[place * size : (place + 1) * size].tolist()
        return pack(chosen, self.lengths, self.capacity)


@lru_cache(maxsize=1)
def order(seed: int, epoch: int, examples: int) -> np.ndarray:
    """The examples in the order of one epoch; kept, as all steps of the epoch ask for it."""
    return np.random.Generator(np.random.PCG64([seed, epoch])).permutation(examples)


def pack(examples: list[int], lengths: np.ndarray, capacity: int) -> list[list[int]]:
    """Put examples into as few bins of ``capacity`` tokens as first-fit decreasing finds.

    An example longer than the capacity gets its own bin. Ties keep the order given.
    """
    bins: list[list[int]] = []
    room: list[int] = []
    for example in sorted(examples, key=lambda i: -int(lengths[i])):
        length = int(lengths[example])
        place = next((i for i, free in enumerate(room) if free >= length), None)
        if place is None:
            bins.append([example])
            room.append(capacity - length)
        else:
            bins[place].append(example)
            room[place] -= length
    return bins


def evaluation_batches(lengths: np.ndarray, capacity: int) -> Iterator[list[int]]:
    """All examples once, packed among neighbours, in a fixed order."""
    for start in range(0, len(lengths), NEIGHBOURS):
        end = min(start + NEIGHBOURS, len(lengths))
        yield from pack(list(range(start, end)), lengths, capacity)
