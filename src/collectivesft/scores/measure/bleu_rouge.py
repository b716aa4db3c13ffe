"""Compare an answer with its reference: BLEU-4 and ROUGE-L over characters."""

from collections.abc import Sequence

from collectivesft.scores.measure.lcs import longest_common


def characters(text: str) -> str:
    """The text without whitespace: Chinese has no spaces between words, so characters are units."""
    return "".join(text.split())


def bleu(answers: Sequence[str], references: Sequence[str]) -> float:
    """Corpus-level character BLEU-4 of sacrebleu, a fraction, one reference an answer.

    Precisions of two and more characters are smoothed by adding one to matches and totals (Lin and
    Och 2004); brevity penalty as in Papineni et al. 2002. 0 where no character matches.
    """
    from sacrebleu.metrics import BLEU

    metric = BLEU(tokenize="none", smooth_method="add-k", smooth_value=1, force=True)
    said, wanted = ([" ".join(characters(text)) for text in side] for side in (answers, references))
    return metric.corpus_score(said, [wanted]).score / 100


def rouge_l(answer: str, reference: str) -> float:
    """F1 of the longest common subsequence of characters, a fraction (Lin 2004, beta 1)."""
    answer, reference = characters(answer), characters(reference)
    if not answer or not reference:
        return 0.0
    return 2 * longest_common(answer, reference) / (len(answer) + len(reference))
