"""Score clinical cases: overlap with the references, a judge's grades, criteria that are met."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from collectivesft.common.errors import InputError
from collectivesft.common.files import read_jsonl, write_json
from collectivesft.scores.cases.case_answers import read_answers
from collectivesft.scores.cases.rubric import ASPECTS
from collectivesft.scores.engines.chat_judge import EMPTY
from collectivesft.scores.measure.bleu_rouge import bleu, rouge_l
from collectivesft.scores.measure.bootstrap import DIGITS
from collectivesft.scores.measure.diagnostics import TOO_LONG, UNANSWERED
from collectivesft.scores.measure.paired import kappa, weighted_kappa
from collectivesft.scores.measure.shares import clustered, wilson

# An answer with at least this average is good.
GOOD = 4
_AGAIN = "Delete the grades and run `collectivesft scores judge` again"
_AGAIN_CHECK = "Delete the checks and run `collectivesft scores check` again"
_GRADES, _CHECKS = ("grades", "grades"), ("checks", "met")


def score_cases(
    answers: Path,
    model: str,
    out: Path,
    grades: Path | None = None,
    second_grades: Path | None = None,
    checks: Path | None = None,
    second_checks: Path | None = None,
) -> dict[str, Any]:
    """Write how far answers overlap with the references, over characters without whitespace.

    ``bleu`` is corpus-level BLEU-4, ``rouge`` the mean F1 of ROUGE-L, both fractions with six
    digits. ``empty`` counts answers without a character although asked, ``endless`` those that did
    not end within the limit, ``too_long`` questions that were not asked, since case and earlier
    answers leave no room (their answer is empty text), ``unanswered`` those that the server gave no
    answer to. Overlap is no judgement of quality.
    ``judged`` holds a judge's grades, null without them: the judge's name, the mean of each aspect
    over the answers whose grades could be read (null where none could) and ``average``, the mean
    of the four; ``graded`` and ``unparsed`` count answers, ``cost`` is in the currency of the
    prices. ``uncounted`` replies are not in it: the server did not count their tokens. ``good``
    is the share of cases whose every answer has an average of at least 4, with Wilson's interval.
    ``second`` is the same by a second judge, ``agreement`` of the two, both null without it: for
    each aspect Cohen's kappa and the kappa with quadratic weights, over answers that both graded.
    ``criteria`` holds a judge's yes or no to criteria drawn from the references, null without them
    (see ``checked``); ``second_criteria`` is the same by a second judge, ``criteria_agreement`` of
    the two.

    Args:
        grades: JSON Lines that `scores judge` wrote of the same answers.
        second_grades: the same by a second judge.
        checks: JSON Lines that `scores check` wrote of the same answers.
        second_checks: the same by a second judge, by the same criteria.

    Raises:
        InputError: no answers, answers of a different model, one there twice, one without what it
            took to end; grades or checks of different ones; two judges' checks by different
            criteria.
    """
    rows = read_answers(answers, model, {"stopped", "error"})
    found, wanted = [r["answer"] for r in rows], [r["reference"] for r in rows]
    rouges = [rouge_l(a, r) for a, r in zip(found, wanted, strict=True)]
    scores = {
        "model": model,
        "benchmark": rows[0]["benchmark"],
        "kind": "clinical",
        "cases": len({row["id"] for row in rows}),
        "answers": len(rows),
        "bleu": round(bleu(found, wanted), 6),
        "rouge": round(sum(rouges) / len(rouges), 6),
        "empty": sum(row["error"] is None and not row["answer"].strip() for row in rows),
        "endless": sum(row["error"] is None and not row["stopped"] for row in rows),
        "too_long": sum(row["error"] == TOO_LONG for row in rows),
        "unanswered": sum((row["error"] or "").startswith(UNANSWERED) for row in rows),
        **_both(_judged, judges_agree, ("judged", "second", "agreement"), rows, _GRADES,
                (grades, second_grades)),
        **_both(checked, checks_agree, ("criteria", "second_criteria", "criteria_agreement"), rows,
                _CHECKS, (checks, second_checks)),
    }  # fmt: skip
    write_json(out, scores)
    return scores


def _both(
    summary: Callable[[Sequence[dict]], dict[str, Any]],
    agreement: Callable[[Sequence[dict], Sequence[dict]], dict[str, Any]],
    names: tuple[str, str, str],
    answers: Sequence[dict],
    kind: tuple[str, str],
    paths: tuple[Path | None, Path | None],
) -> dict[str, Any]:
    """Return the judgements of one judge, of a second one, and their agreement; null without.

    Args:
        names: keys of the three.
        kind: the judgements' name and the key that each of their rows has.
    """
    found: dict[str, Any] = dict.fromkeys(names)
    first, second = (path and _read(path, answers, *kind) for path in paths)
    if first:
        found[names[0]] = summary(first)
    if first and second:
        if kind == _CHECKS and _criteria(first) != _criteria(second):
            raise InputError(str(paths[1]), "checks by criteria of a different file", _AGAIN_CHECK)
        found |= {names[1]: summary(second), names[2]: agreement(first, second)}
    return found


def _criteria(rows: Sequence[dict]) -> list[list[str] | None]:
    return [row["criteria"] for row in rows]


def _read(path: Path, answers: Sequence[dict], name: str, key: str) -> list[dict[str, Any]]:
    rows = [row for _, row in read_jsonl(path)]
    again = _AGAIN if name == "grades" else _AGAIN_CHECK
    if not all(isinstance(row, dict) and key in row for row in rows):
        raise InputError(path, f"no {name} of answers to cases", again)
    if [(r["id"], r["turn"], r["model"]) for r in rows] != [
        (r["id"], r["turn"], r["model"]) for r in answers
    ]:
        raise InputError(path, f"{name} of other answers", again)
    return rows


def _judged(rows: Sequence[dict]) -> dict[str, Any]:
    known = [row["grades"] for row in rows if row["grades"]]
    means = {
        aspect: round(sum(one[aspect] for one in known) / len(known), DIGITS) if known else None
        for aspect in ASPECTS
    }
    values = [sum(one.values()) / len(ASPECTS) for one in known]
    return {
        "judge": rows[0]["judge"],
        **means,
        "average": round(sum(values) / len(values), DIGITS) if values else None,
        "good": _good(rows),
        "graded": len(known),
        "unparsed": len(rows) - len(known),
        "cost": round(sum(row["cost"] for row in rows), 6),
        "uncounted": sum(None in (row["input_tokens"], row["output_tokens"]) for row in rows),
    }


def _good(rows: Sequence[dict]) -> dict[str, Any] | None:
    """Share of the cases, of those whose answers all have grades, that are good throughout."""
    cases: dict[str, list[float | None]] = {}
    for row in rows:
        mean = sum(row["grades"].values()) / len(ASPECTS) if row["grades"] else None
        cases.setdefault(row["id"], []).append(mean)
    whole = [values for values in cases.values() if None not in values]
    if not whole:
        return None
    good = sum(all(value >= GOOD for value in values) for values in whole)
    return {"cases": len(whole)} | wilson(good, len(whole))


def judges_agree(first: Sequence[dict], second: Sequence[dict]) -> dict[str, Any]:
    """Return the agreement of two judges on the same answers, by aspect; null where undefined.

    Empty answers are left out: no judge saw them.
    """
    both = [
        (one["grades"], two["grades"])
        for one, two in zip(first, second, strict=True)
        if one["grades"] and two["grades"] and one["error"] != EMPTY
    ]
    found: dict[str, Any] = {"answers": len(both)}
    for aspect in ASPECTS:
        one, two = ([side[aspect] for side in sides] for sides in zip(*both, strict=True)) if (
            both
        ) else ([], [])  # fmt: skip
        found[aspect] = {
            "same": round(sum(a == b for a, b in zip(one, two, strict=True)) / len(both), DIGITS)
            if both
            else None,
            "kappa": kappa(one, two) if both else None,
            "weighted_kappa": weighted_kappa(one, two) if both else None,
        }
    return found


def checked(rows: Sequence[dict]) -> dict[str, Any]:
    """Return the share of criteria that answers meet, by one judge.

    ``share`` is the mean over answers of the share of their criteria that they meet, with a 95 %
    interval over whole cases (null where none was checked): the turns of a case build on each
    other. ``answers`` and ``unchecked`` count answers with and without verdicts, ``criteria`` and
    ``met`` the criteria of the former.

    Args:
        rows: rows of `scores check`.
    """
    cases: dict[str, list[float]] = {}
    known = [row for row in rows if row["met"]]
    for row in known:
        cases.setdefault(row["id"], []).append(sum(row["met"]) / len(row["met"]))
    return {
        "judge": rows[0]["judge"],
        "listed_by": ", ".join(sorted({row["listed_by"] for row in known})),
        "share": clustered(list(cases.values())) if cases else None,
        "cases": len(cases),
        "answers": len(known),
        "unchecked": len(rows) - len(known),
        "criteria": sum(len(row["met"]) for row in known),
        "met": sum(sum(row["met"]) for row in known),
        "cost": round(sum(row["cost"] for row in rows), 6),
        "uncounted": sum(None in (row["input_tokens"], row["output_tokens"]) for row in rows),
    }


def checks_agree(first: Sequence[dict], second: Sequence[dict]) -> dict[str, Any]:
    """Return the agreement of two judges on single criteria: share of the same verdict, Cohen's
    kappa, null where undefined. Empty answers are left out: no judge saw them."""
    both = [
        pair
        for one, two in zip(first, second, strict=True)
        if one["met"] and two["met"] and one["error"] != EMPTY
        for pair in zip(one["met"], two["met"], strict=True)
    ]
    same = sum(one == two for one, two in both)
    return {
        "criteria": len(both),
        "same": round(same / len(both), DIGITS) if both else None,
        "kappa": kappa(*zip(*both, strict=True)) if both else None,
    }
