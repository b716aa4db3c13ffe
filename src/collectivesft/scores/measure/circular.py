"""Measure how far answers depend on the order of the options."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from collectivesft.scores.extract.letters import vote
from collectivesft.scores.measure.bootstrap import DIGITS
from collectivesft.scores.measure.diagnostics import letter_bias
from collectivesft.scores.measure.shares import clustered, wilson


def circular(judged: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """Compare each question's answers in several orders of its options; None without such.

    Letters are compared as published ones, so an answer that follows its option does not change.

    Args:
        judged: rows with variants, of one answer or several.

    Returns:
        items: questions asked in several orders.
        bound: questions left out, since their options refer to each other by place.
        asked: answers in all, repetitions not counted.
        accuracy: mean over orders and questions, its interval clustered by question.
        all_right: share of questions right in every order.
        voted: accuracy of the letters that most orders gave; the published order wins a tie.
        flips: share of answers in other orders that differ from the published order's.
        floor: the same of repetitions of the published order; a server's rounding causes it.
        above_floor: flips minus floor, fraction.
        bias: total variation distance between shown letters of answers and of keys, questions
            with one answer; null where none was read.
        positions: accuracy by the letter that the key is shown at, questions with one answer.
        spread: largest minus smallest of these; null without any.
    """
    if not any("variants" in row for row in judged):
        return None
    turned = [row for row in judged if _others(row)]
    if not turned:
        return {"items": 0, "bound": len(judged)}
    right = [[row["corrected_right"], *(v["right"] for v in _others(row))] for row in turned]
    votes = [vote([row["corrected"], *(v["letters"] for v in _others(row))]) for row in turned]
    voted = sum(set(own) == set(r["answer"]) for own, r in zip(votes, turned, strict=True))
    flips = [[v["letters"] != row["corrected"] for v in _others(row)] for row in turned]
    again = [v["letters"] != row["corrected"] for row in turned for v in _repeats(row)]
    flipped, floor = clustered(flips), wilson(sum(again), len(again))
    return {
        "items": len(turned),
        "bound": len(judged) - len(turned),
        "asked": sum(map(len, right)),
        "accuracy": clustered(right),
        "all_right": wilson(sum(map(all, right)), len(turned)),
        "voted": wilson(voted, len(turned)),
        "flips": flipped,
        "floor": {**floor, "items": len(again)},
        "above_floor": round(flipped["value"] - floor["value"], DIGITS),
        **_places(turned),
    }


def _others(row: dict[str, Any]) -> list[dict[str, Any]]:
    return [variant for variant in row["variants"] if not variant["repeat"]]


def _repeats(row: dict[str, Any]) -> list[dict[str, Any]]:
    return [variant for variant in row["variants"] if variant["repeat"]]


def _places(turned: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Bias towards places, of questions with one answer."""
    shown = [
        pair
        for row in turned
        if len(row["answer"]) == 1
        for pair in (
            (row["corrected"], row["answer"], row["corrected_right"]),
            *((v["shown"], v["shown_answer"], v["right"]) for v in _others(row)),
        )
    ]
    asked = Counter(key for _, key, _ in shown)
    found = Counter(key for _, key, right in shown if right)
    positions = {key: round(found[key] / asked[key], DIGITS) for key in sorted(asked)}
    return {
        "bias": letter_bias([own[:1] for own, _, _ in shown], [key for _, key, _ in shown]),
        "positions": positions,
        "spread": round(max(positions.values()) - min(positions.values()), DIGITS)
        if positions
        else None,
    }
