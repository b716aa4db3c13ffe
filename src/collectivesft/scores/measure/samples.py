"""Judge several drawn answers to each question: mean, pass@k, majority vote."""

import math
from collections.abc import Sequence
from typing import Any

from collectivesft.schema.item import Item
from collectivesft.scores.extract.grade import extract_both
from collectivesft.scores.extract.letters import vote
from collectivesft.scores.measure.shares import DIGITS, clustered, wilson


def grade_samples(prediction: dict[str, Any], item: Item) -> dict[str, Any]:
    """Return a prediction's drawn answers with their letters; nothing where none was drawn.

    Returns:
        samples: raw, letters (the corrected reading), right and error of each.
        share_right: share of right ones, fraction.
    """
    if "samples" not in prediction:
        return {}
    graded = []
    for sample in prediction["samples"]:
        _, letters = extract_both({**prediction, **sample}, item)
        right = set(letters) == set(item.answer)
        graded.append(
            {"raw": sample["raw"], "letters": letters, "right": right, "error": sample["error"]}
        )
    share = sum(one["right"] for one in graded) / len(graded)
    return {"samples": graded, "share_right": round(share, DIGITS)}


def pass_at(samples: int, right: int, k: int) -> float:
    """Return the chance that one of ``k`` answers is right, estimated without bias from more.

    1 - C(n - c, k) / C(n, k) for c right ones among n. Source: M. Chen et al., 2021, arXiv
    2107.03374, equation 1.

    Args:
        samples: n, answers to one question.
        right: c.
        k: at most n.

    Raises:
        ValueError: ``k`` is more than ``samples``, or below 1.
    """
    if not 1 <= k <= samples:
        raise ValueError(f"pass@{k} of {samples} answers")
    return 1 - math.comb(samples - right, k) / math.comb(samples, k)


def repeated(
    predictions: Sequence[dict[str, Any]], judged: Sequence[dict[str, Any]]
) -> dict[str, Any] | None:
    """Summarise drawn answers; None where none were drawn.

    Each value has a 95 % interval over questions: the answers to one question are one group.

    Args:
        predictions: rows of `scores predict`.
        judged: the same, judged.

    Returns:
        samples, temperature, draw_seed: as asked.
        items, asked: questions, and answers in all.
        mean: share of right answers.
        pass_at: by k (1, 2, 4 ... and ``samples``): the mean of ``pass_at``.
        guess_at: by the same k: pass@k of letters that are chosen with equal chance.
        voted: accuracy of the letters that most answers gave, the first drawn of equals.
        all_right: share of questions with right answers only.
    """
    if not any("samples" in row for row in judged):
        return None
    first, count = predictions[0], len(judged[0]["samples"])
    right = [[sample["right"] for sample in row["samples"]] for row in judged]
    votes = [vote([sample["letters"] for sample in row["samples"]]) for row in judged]
    voted = sum(set(own) == set(row["answer"]) for own, row in zip(votes, judged, strict=True))
    chances = [_guess(row) for row in predictions]
    ks = sorted({2**n for n in range(count.bit_length()) if 2**n <= count} | {count})
    found = {k: [[pass_at(count, sum(own), k)] for own in right] for k in ks}
    guessed = {k: sum(1 - (1 - chance) ** k for chance in chances) / len(chances) for k in ks}
    return {
        "samples": count,
        "temperature": first["temperature"],
        "draw_seed": first["draw_seed"],
        "items": len(judged),
        "asked": count * len(judged),
        "mean": clustered(right),
        "pass_at": {str(k): clustered(values) for k, values in found.items()},
        "guess_at": {str(k): round(value, DIGITS) for k, value in guessed.items()},
        "voted": wilson(voted, len(judged)),
        "all_right": wilson(sum(map(all, right)), len(judged)),
    }


def _guess(row: dict[str, Any]) -> float:
    """Return the chance of a guess: one of the letters, or one of their sets but the empty one."""
    letters = len(row["options"])
    return 1 / (2**letters - 1 if row["multiple"] else letters)
