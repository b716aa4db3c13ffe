"""Two files of judged answers side by side: two models, or two protocols of one."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from collectivesft.common.files import read_jsonl, write_json
from collectivesft.scores.measure.pairs import READINGS, against, same_questions
from collectivesft.scores.measure.seed_spread import difference_over_seeds, summarise_seeds


def compare(
    first: Path,
    second: Path,
    out: Path | None = None,
    first_seeds: Sequence[Path] = (),
    second_seeds: Sequence[Path] = (),
) -> dict[str, Any]:
    """Compare answers to the same questions by both readings; write JSON to ``out`` if given.

    Args:
        first_seeds, second_seeds: answers of the same experiments, trained with further seeds.

    Returns:
        models (first and second), items, and for each reading: first and second (accuracy over
        all items), difference (second minus first: macro and micro with 95 % paired bootstrap
        intervals), both_right,
        only_first, only_second, both_wrong (counts), p (exact McNemar test, two-sided), same
        (fraction of items with the same letters) and kappa (Cohen's, of the letters). With further
        seeds also over_seeds: the difference of the means over seeds, with 95 % intervals over
        questions and seeds, and trainings: the macro accuracy of each side (mean over seeds, its
        interval over questions, each seed's value, the spread over seeds).

    Raises:
        InputError: files that do not hold the same questions with the same key.
    """
    result = against(first, [row for _, row in read_jsonl(second)], second)
    if first_seeds or second_seeds:
        sides = ([first, *first_seeds], [second, *second_seeds])
        groups, right = same_questions([path for side in sides for path in side])
        for name in READINGS:
            runs = right[name][: len(sides[0])], right[name][len(sides[0]) :]
            result[name]["over_seeds"] = difference_over_seeds(groups, *runs)
            result[name]["trainings"] = [summarise_seeds(groups, side)["macro"] for side in runs]
    if out:
        write_json(out, result)
    return result


def text(result: dict[str, Any], first: str, second: str) -> str:
    """The comparison as aligned lines for people; ``first`` and ``second`` name the files."""
    models = result["models"]
    lines = [f"A: {models['first']} ({first})", f"B: {models['second']} ({second})"]
    lines += [f"{result['items']} questions", ""]
    lines.append(f"{'':28}{'corrected':>24}{'official':>24}")
    shown = _ROWS | (_SEED_ROWS if "over_seeds" in result[READINGS[0]] else {})
    for label, cell in shown.items():
        cells = "".join(f"{cell(result[name]):>24}" for name in READINGS)
        lines.append(f"{label:28}{cells}")
    return "\n".join(lines) + "\n"


def _change(values: dict[str, float]) -> str:
    value, low, high = (100 * values[key] for key in ("value", "low", "high"))
    return f"{value:+.1f} ({low:+.1f} to {high:+.1f})"


_ROWS = {
    "A, micro %": lambda r: f"{100 * r['first']:.1f}",
    "B, micro %": lambda r: f"{100 * r['second']:.1f}",
    "B - A, micro % (95 %)": lambda r: _change(r["difference"]["micro"]),
    "B - A, macro % (95 %)": lambda r: _change(r["difference"]["macro"]),
    "both right": lambda r: str(r["both_right"]),
    "only A right": lambda r: str(r["only_first"]),
    "only B right": lambda r: str(r["only_second"]),
    "both wrong": lambda r: str(r["both_wrong"]),
    "p (exact McNemar)": lambda r: f"{r['p']:.3g}",
    "same letters %": lambda r: f"{100 * r['same']:.1f}",
    "kappa of letters": lambda r: "-" if r["kappa"] is None else f"{r['kappa']:.3f}",
}
_SEED_ROWS = {
    "B - A over seeds, micro %": lambda r: _change(r["over_seeds"]["micro"]),
    "B - A over seeds, macro %": lambda r: _change(r["over_seeds"]["macro"]),
}
