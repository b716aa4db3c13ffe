"""The plan of a training: every example once an epoch, passes that fit, the same every time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectivesft.config.experiment import Training
from collectivesft.sft.batches.packing import NEIGHBOURS, Plan, evaluation_batches, order, pack

LENGTHS = st.lists(st.integers(2, 60), min_size=1, max_size=80).map(np.array)


def plan(lengths, **training) -> Plan:
    return Plan(np.asarray(lengths), Training(**{"global_batch_size": 4, **training}))


def epoch(made: Plan, number: int) -> list[int]:
    first = number * made.steps_per_epoch
    steps = [made.step(step) for step in range(first, first + made.steps_per_epoch)]
    return [example for step in steps for batch in step for example in batch]


@settings(max_examples=60, deadline=None)
@given(LENGTHS, st.integers(1, 20), st.integers(16, 64), st.integers(0, 3))
def test_every_example_once_an_epoch_and_no_pass_over_capacity(lengths, size, capacity, seed):
    made = plan(lengths, global_batch_size=size, max_tokens_per_forward=capacity, seed=seed)
    for number in range(2):
        assert sorted(epoch(made, number)) == list(range(len(lengths)))
    for number in range(made.steps_per_epoch):
        batches = made.step(number)
        assert all(batches)
        assert sum(map(len, batches)) <= size
        for batch in batches:
            assert len(batch) == 1 or lengths[batch].sum() <= capacity


@settings(max_examples=30, deadline=None)
@given(LENGTHS, st.integers(0, 5))
def test_plan_follows_from_lengths_and_recipe_alone(lengths, seed):
    """A step's content does not depend on which steps were asked for before."""
    one, two = (plan(lengths, seed=seed, epochs=3) for _ in range(2))
    forward = [one.step(number) for number in range(one.steps)]
    assert [two.step(number) for number in reversed(range(two.steps))] == forward[::-1]


def test_epochs_and_seeds_differ_in_order():
    made, other = plan([5] * 50), plan([5] * 50, seed=7)
    assert epoch(made, 0) != epoch(made, 1)
    assert epoch(made, 0) != epoch(other, 0)


@pytest.mark.parametrize(
    "examples, training, steps",
    [
        (10, {"epochs": 1}, 3),
        (10, {"epochs": 3}, 9),
        (10, {"epochs": 0.5}, 2),
        (10, {"epochs": 0.01}, 1),
        (1, {"epochs": 2}, 2),
        (10, {"epochs": 3, "max_steps": 4}, 4),
        (10, {"epochs": 1, "max_steps": 100}, 3),
    ],
)
def test_number_of_steps(examples, training, steps):
    assert plan([5] * examples, **training).steps == steps


def test_last_step_of_an_epoch_takes_what_is_left():
    made = plan([5] * 10)
    assert [sum(map(len, made.step(number))) for number in range(6)] == [4, 4, 2, 4, 4, 2]


def test_long_example_gets_a_pass_of_its_own():
    assert pack([0, 1, 2], np.array([10, 100, 10]), 32) == [[1], [0, 2]]


def test_packing_fills_passes():
    """First fit decreasing: 6+4, 5+5 and 3+3+3 fit three passes of ten."""
    batches = pack(list(range(7)), np.array([3, 5, 6, 3, 4, 5, 3]), 10)
    assert batches == [[2, 4], [1, 5], [0, 3, 6]]


@given(LENGTHS, st.integers(16, 64))
def test_evaluation_reads_every_example_once(lengths, capacity):
    batches = list(evaluation_batches(lengths, capacity))
    assert sorted(example for batch in batches for example in batch) == list(range(len(lengths)))
    assert all(len(batch) == 1 or lengths[batch].sum() <= capacity for batch in batches)


def test_a_large_validation_part_is_packed_among_neighbours():
    """So that the time grows with its size and not with the square: the paper's has 475,000."""
    lengths = np.random.Generator(np.random.PCG64(0)).integers(20, 1024, 20_000)
    batches = list(evaluation_batches(lengths, 8192))
    assert max(max(batch) - min(batch) for batch in batches) < NEIGHBOURS
    assert lengths.sum() / (len(batches) * 8192) > 0.95


def test_an_epoch_is_shuffled_once():
    made, shuffles = plan([5] * 40, seed=123), order.cache_info().misses
    for number in range(2 * made.steps_per_epoch):
        made.step(number)
    assert order.cache_info().misses == shuffles + 2
