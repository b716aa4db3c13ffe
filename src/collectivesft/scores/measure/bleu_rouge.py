"""Compare an answer with its reference: BLEU-4 and ROUGE-L over characters."""

import math
from collections import Counter
from collections.abc import Sequence

from collectivesft.scores.measure.lcs import longest_common

ORDER = 4


def characters(text: str) -> str:
    """The text without whitespace: Chinese has no spaces between words, so characters are units."""
    return "".join(text.split())


def bleu(answers: Sequence[str], references: Sequence[str]) -> float:
    """Corpus-level character BLEU-4, a fraction, one reference an answer.

    Matches and totals are summed over the corpus before the precisions are formed. Precisions
    of two and more characters are smoothed by adding one to matches and totals (Lin and Och
    2004); brevity penalty as in Papineni et al. 2002. 0 where no character matches.
    """
    matched, total = [0] * ORDER, [0] * ORDER
    pairs = [(characters(a), characters(r)) for a, r in zip(answers, references, strict=True)]
    for answer, reference in pairs:
        for index in range(ORDER):
            found, known = _grams(answer, index + 1), _grams(reference, index + 1)
            matched[index] += (found & known).total()
            total[index] += found.total()
    if not matched[0]:
        return 0.0
    logs = [math.log(matched[0] / total[0])]
    logs += [math.log((m + 1) / (t + 1)) for m, t in zip(matched[1:], total[1:], strict=True)]
    length, wanted = (sum(len(pair[side]) for pair in pairs) for side in (0, 1))
    penalty = 1.0 if length > wanted else math.exp(1 - wanted / length)
    return penalty * math.exp(sum(logs) / ORDER)


def _grams(text: str, size: int) -> Counter[str]:
    return Counter(text[start : start + size] for start in range(len(text) - size + 1))


def rouge_l(answer: str, reference: str) -> float:
    """F1 of the longest common subsequence of characters, a fraction (Lin 2004, beta 1)."""
    answer, reference = characters(answer), characters(reference)
    if not answer or not reference:
        return 0.0
    return 2 * longest_common(answer, reference) / (len(answer) + len(reference))
