"""Truncation of examples that are longer than `max_length`.

``question_first`` keeps answers where it can, as ``infer_seqlen`` of LLaMA-Factory 0.8 and later
does turn by turn: the question is cut while the answer takes less than half of the tokens that are
left, the answer while the question does, else both in proportion. Each is cut at its end, so a cut
question also loses the marks that close it. ``end`` cuts the last tokens of the whole example.
"""

import numpy as np


def truncate(mask: np.ndarray, max_length: int, truncation: str) -> np.ndarray:
    """Return which tokens of an example are kept, (tokens,) bool; at most ``max_length`` are.

    Args:
        mask: (tokens,) 1 on answers, 0 on all else.
        truncation: ``end`` or ``question_first``.
    """
    keep = np.zeros(len(mask), dtype=bool)
    if truncation == "end":
        keep[:max_length] = True
        return keep
    left = max_length
    for start, answer, end in _turns(mask):
        question, kept = _shares(answer - start, end - answer, left)
        keep[start : start + question] = True
        keep[answer : answer + kept] = True
        left -= question + kept
        if left <= 0:
            break
    return keep


def _turns(mask: np.ndarray) -> list[tuple[int, int, int]]:
    """Return where each turn's question and answer start, and where the answer ends."""
    edges = np.diff(np.concatenate([[0], mask.astype(np.int8), [0]]))
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    before = [0, *ends.tolist()]
    turns = list(zip(before, starts.tolist(), ends.tolist(), strict=False))
    if before[-1] < len(mask):  # tokens after the last answer
        turns.append((before[-1], len(mask), len(mask)))
    return turns


def _shares(question: int, answer: int, max_length: int) -> tuple[int, int]:
    """Return how many tokens of a question and of its answer are kept."""
    if answer * 2 < max_length:
        most = max_length
    elif question * 2 < max_length:
        most = max_length - question
    else:
        most = int(max_length * (answer / (question + answer)))
    kept = min(most, answer)
    return min(max(max_length - kept, 0), question), kept
