"""Count facts about a model's answers besides right and wrong."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from collectivesft.scores.measure.bootstrap import DIGITS

# The errors of predictions; an answer that never came has its reason after the word.
TOO_LONG = "prompt_too_long"
UNANSWERED = "unanswered"


def count(rows: Sequence[dict[str, Any]], judged: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Counts of items, of first letters of answers and of the key, and the bias between them.

    Those of ``ends``, and settled: ended early, since nothing more could change the reading.
    unparsed: no letter in the corrected reading, official_unparsed: in CMB's own; refused: no
    letter, since the model declined. letters_differ: the readings have not the same letters.

    Args:
        rows: predictions.
        judged: the same, judged.
    """
    return {
        **ends(rows),
        "settled": sum(row["settled"] for row in rows),
        "unparsed": sum(not row["corrected"] for row in judged),
        "official_unparsed": sum(not row["official"] for row in judged),
        "letters_differ": sum(row["corrected"] != row["official"] for row in judged),
        "refused": sum(row["refused"] for row in judged),
        "letters": _first_letters(row["corrected"] for row in judged),
        "gold_letters": _first_letters(row["answer"] for row in judged),
        "letter_bias": letter_bias(
            [row["corrected"] for row, asked in zip(judged, rows, strict=True) if single(asked)],
            [row["answer"] for row, asked in zip(judged, rows, strict=True) if single(asked)],
        ),
    }


def ends(rows: Sequence[dict[str, Any]]) -> dict[str, int]:
    """Count the ways in which answers of either kind ended.

    stopped: within the limit. endless: neither so nor settled. empty: nothing written although
    asked. too_long: not asked, since not even the bare question fits. unanswered: the server gave
    no answer (refused the request, filtered it or broke it off), which counts as wrong.
    fewer_shots: asked with fewer solved examples than the protocol's, so that the question fits.
    """
    asked = [row for row in rows if row["error"] is None]
    return {
        "stopped": sum(row["stopped"] for row in rows),
        "endless": sum(not (row["stopped"] or row.get("settled")) for row in asked),
        "empty": sum(row["method"] == "generate" and not row["raw"].strip() for row in asked),
        "too_long": sum(row["error"] == TOO_LONG for row in rows),
        "unanswered": sum((row["error"] or "").startswith(UNANSWERED) for row in rows),
        "fewer_shots": sum(row["shots_dropped"] > 0 for row in rows),
    }


def single(row: dict[str, Any]) -> bool:
    """Return True if a prediction's question has one answer."""
    return not row["multiple"]


def _first_letters(answers: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(answer[0] for answer in answers if answer).items()))


def letter_bias(chosen: Sequence[str], gold: Sequence[str]) -> float | None:
    """Return the total variation distance of the letters that a model chooses from the key's.

    0 where each letter is chosen as often as it is right, near 1 where one letter is chosen
    always and rarely right. Of questions with one answer that was read; None without any.
    """
    pairs = [(own, key) for own, key in zip(chosen, gold, strict=True) if own]
    if not pairs:
        return None
    own, key = (Counter(letters) for letters in zip(*pairs, strict=True))
    apart = sum(abs(own[letter] - key[letter]) for letter in own | key)
    return round(apart / 2 / len(pairs), DIGITS)
