"""Values of tasks in free text, their means, and intervals."""

from collections.abc import Sequence
from typing import Any

from collectivesft.scores.measure.bootstrap import DIGITS, RESAMPLES, SEED, Group, estimate
from collectivesft.scores.measure.text_metrics import Metric

# (category, task) to its metric, the metric's name, and the counts of each answer.
Tasks = dict[Group, tuple[Metric, str, list[list[float]]]]


def summarise(tasks: Tasks, labels: dict[str, str]) -> dict[str, Any]:
    """Macro, categories (in the order of ``labels``, unknown ones last) and tasks, as fractions.

    Intervals are 95 % bootstrap percentiles: answers are drawn with replacement within each task,
    1,000 times, from numpy's PCG64 with a fixed seed, and values are formed of the summed counts.
    """
    values, drawn = _resampled(tasks)
    order = [name for name in labels if any(task[0] == name for task in tasks)]
    order += sorted({task[0] for task in tasks} - set(order))
    ordered = [task for name in order for task in tasks if task[0] == name]
    means = {name: _mean(name, values, drawn) for name in order}
    counts = {task: len(rows) for task, (_, _, rows) in tasks.items()}
    return {
        "macro": estimate(*_macro(means)),
        "categories": [
            {"category": name, "label": labels.get(name, name)}
            | {"items": sum(n for task, n in counts.items() if task[0] == name)}
            | estimate(*means[name])
            for name in order
        ],
        "subcategories": [
            {"category": task[0], "subcategory": task[1], "metric": tasks[task][1]}
            | {"items": counts[task], "main": tasks[task][0].main}
            | estimate(values[task], drawn[task])
            | {"values": _all_values(tasks[task][0], tasks[task][2])}
            for task in ordered
        ],
    }


def differences(first: Tasks, second: Tasks) -> dict[str, Any]:
    """Second minus first, macro and each category: value, low, high (95 % paired bootstrap).

    Both are drawn with the same random numbers, so each resample judges both on the same answers.
    """
    found = [_resampled(tasks) for tasks in (first, second)]
    names = sorted({task[0] for task in second})
    one, two = ({name: _mean(name, *each) for name in names} for each in found)
    changes = {name: (two[name][0] - one[name][0], two[name][1] - one[name][1]) for name in names}
    return {
        "macro": estimate(*_macro(changes)),
        "categories": {name: estimate(*change) for name, change in changes.items()},
    }


def _resampled(tasks: Tasks) -> tuple[dict[Group, float], dict[Group, Any]]:
    """Main value of each task, and of each of its resamples."""
    import numpy as np

    random = np.random.Generator(np.random.PCG64(SEED))
    values, drawn = {}, {}
    for task in sorted(tasks):
        metric, _, rows = tasks[task]
        counts = np.array(rows, dtype=float)
        size = len(counts)
        values[task] = metric.values(counts.sum(axis=0).tolist())[metric.main]
        picks = (
            np.bincount(random.integers(size, size=size), minlength=size) for _ in range(RESAMPLES)
        )
        sums = ((pick @ counts).tolist() for pick in picks)
        drawn[task] = np.array([metric.values(one)[metric.main] for one in sums])
    return values, drawn


def _mean(name: str, values: dict[Group, float], drawn: dict[Group, Any]) -> tuple[float, Any]:
    own = [task for task in values if task[0] == name]
    return sum(values[t] for t in own) / len(own), sum(drawn[t] for t in own) / len(own)


def _macro(means: dict[str, tuple[float, Any]]) -> tuple[float, Any]:
    return tuple(sum(part) / len(means) for part in zip(*means.values(), strict=True))


def _all_values(metric: Metric, rows: Sequence[Sequence[float]]) -> dict[str, float]:
    sums = [sum(column) for column in zip(*rows, strict=True)]
    return {key: round(value, DIGITS) for key, value in metric.values(sums).items()}
