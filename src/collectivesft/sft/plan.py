"""Which examples make up each optimiser step, and how they are packed into forward passes.

The plan follows from the lengths, the seed and the recipe alone, so that a training that was
killed goes on with exactly the examples that come next.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from collectivesft.sft.recipe import Training


@dataclass(frozen=True)
class Plan:
    """All steps of a training.

    Attributes:
        lengths: (examples,) tokens of each example.
        training: the recipe.
    """

    lengths: np.ndarray
    training: Training

    @property
    def steps_per_epoch(self) -> int:
        """Optimiser steps that show every example once; the last one may be smaller."""
        return -(-len(self.lengths) // self.training.examples_per_step)

    @property
    def steps(self) -> int:
        """Optimiser steps of the whole training."""
        wanted = max(1, round(self.steps_per_epoch * self.training.epochs))
        return min(wanted, self.training.max_steps or wanted)

    def step(self, number: int) -> list[list[int]]:
        """The forward passes of step ``number`` (from 0), each a list of example indices."""
        epoch, place = divmod(number, self.steps_per_epoch)
        order = np.random.Generator(np.random.PCG64([self.training.seed, epoch]))
        shuffled = order.permutation(len(self.lengths))
        size = self.training.examples_per_step
        chosen = shuffled[place * size : (place + 1) * size].tolist()
        return pack(chosen, self.lengths, self.training.tokens_per_batch)


def pack(examples: list[int], lengths: np.ndarray, capacity: int) -> list[list[int]]:
    """Put examples into as few bins of ``capacity`` tokens as first-fit decreasing finds.

    An example longer than the capacity gets a bin of its own. Ties keep the order given.
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
    """All examples once, packed, in a fixed order."""
    yield from pack(list(range(len(lengths))), lengths, capacity)
