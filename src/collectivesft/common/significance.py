"""Correct p values for many tests, and compute the gain that a test can find."""

import math
from collections.abc import Mapping
from statistics import NormalDist

# The share of questions that only one of a base model and a tuned one has right, in our runs.
DISCORDANT = 0.2
_Z = NormalDist().inv_cdf(0.975)


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Return p values adjusted for all of these tests, in the given order of names.

    Source: S. Holm, Scandinavian Journal of Statistics 6 (1979), 65-70.
    """
    adjusted, largest = {}, 0.0
    for rank, name in enumerate(sorted(p_values, key=lambda name: (p_values[name], name))):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[name]))
        adjusted[name] = largest
    return {name: adjusted[name] for name in p_values}


def smallest_gain(items: int, discordant: float = 0.2, power: float = 0.8) -> float:
    """Return the smallest gain in accuracy that a paired test finds with this power at 5 %.

    Normal approximation of McNemar's test (Miettinen 1968): a gain d among a share of discordant
    items q has the standard deviation sqrt(q - d^2) an item under the alternative, sqrt(q) under
    the hypothesis of no gain.

    Args:
        items: questions that both models answer.
        discordant: the share that only one of the two has right.
        power: the probability to find the gain.

    Returns:
        The gain as a fraction; ``discordant`` where no gain can be found with so few items, since
        none is larger.

    Raises:
        ValueError: no items, or a share outside of 0 to 1.
    """
    if items < 1 or not 0 < discordant <= 1 or not 0 < power < 1:
        raise ValueError(f"{items} items, {discordant} discordant, power {power}")
    z_power = NormalDist().inv_cdf(power)
    low, high = 0.0, discordant
    for _ in range(60):  # bisection: the needed number of items falls as the gain grows
        gain = (low + high) / 2
        spread = _Z * math.sqrt(discordant) + z_power * math.sqrt(discordant - gain**2)
        low, high = (gain, high) if (spread / gain) ** 2 > items else (low, gain)
    return round(high, 6)


def power_words(questions: int) -> str:
    """Return the gain that so many questions can show, in words for a plan.

    Both numbers are of one training of each model: a spread over seeds adds to them.
    """
    gain = 100 * smallest_gain(questions, DISCORDANT)
    return (
        f"{questions:,} questions: a paired test finds a gain of {gain:.1f} points with 80 % "
        f"power, if one of two models is right on {100 * DISCORDANT:.0f} %"
    )
