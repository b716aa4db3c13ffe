"""The figure of diversity: accuracy against the variety of a mixture, at one number of examples."""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from collectivesft.common.errors import InputError, UserError
from collectivesft.config.experiment import Experiment
from collectivesft.figures.style import inputs, label_placement, style
from collectivesft.figures.style.labels import short

# Resamples of mixtures for the interval of the rank correlation.
RESAMPLES, SEED = 2000, 42
FEWEST = 4
_REPEAT = re.compile(r"-(draw|seed)\d+$")


class Measure(NamedTuple):
    """One measure of diversity: its panel.

    Attributes:
        column: of the table.
        compared: column with the number of examples behind it.
        label: of the axis; ``{}`` is that number.
    """

    column: str
    compared: str
    label: str


BIGRAMS = Measure("vendi", "compared", "Vendi score of bigrams\n(effective number of {} texts)")
HIDDEN = (
    Measure(
        "hidden_vendi",
        "hidden_compared",
        "Vendi score of hidden states\n(effective number of {} texts)",
    ),
    Measure("novelsum", "hidden_compared", "NovelSum of hidden states\n({} texts)"),
)


def draw_files(
    mixtures: Iterable[str],
    scores: Iterable[Path],
    recipes: Iterable[Path],
    out: Path,
    diversities: Iterable[str] = (),
) -> None:
    """Draw the figure from mixtures (``NAME=mixture.json``), scores and recipes of their models.

    Args:
        recipes: of experiments; a further draw or seed has its experiment's.
        diversities: ``NAME=diversity.json`` of `sft diversity`, of every mixture or of none.

    Raises:
        UserError: a mixture without scores, recipe or one of several diversities, or no mixture
            with a budget.
        InputError: a file of a different kind.
    """
    contents = {content["model"]: content for content in inputs.read_scores(scores)}
    recipe_of = inputs.read_recipes(recipes)
    found: dict[str, Any] = {}
    about: dict[str, Experiment] = {}
    for option in mixtures:
        name, _, path = option.partition("=")
        found[name] = inputs.read_object(Path(path))
        if "budget" not in found[name]:
            remedy = "Set mixture.examples or mixture.tokens in its recipe"
            raise InputError(Path(path), "a mixture without a budget", remedy)
        if name not in contents:
            raise UserError(f"{name}: no scores of this mixture's model. Name its scores.json.")
        experiment = name if name in recipe_of else _REPEAT.sub("", name)
        if experiment not in recipe_of:
            raise UserError(f"{name}: no recipe. Name {experiment}.yaml with --recipe.")
        about[name] = recipe_of[experiment]
    if not found:
        raise UserError(
            "no mixture with a budget. Set mixture.examples or mixture.tokens in recipes."
        )
    draw(table(found, contents, about, _diversities(diversities, found)), out)


def _diversities(options: Iterable[str], mixtures: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Read the hidden states' diversity of every mixture, or of none."""
    found = {}
    for option in options:
        name, _, path = option.partition("=")
        found[name] = inputs.read_object(Path(path))
        if not {"vendi", "novelsum", "mixture"} <= found[name].keys():
            raise InputError(Path(path), "no diversity", "Name a file of `sft diversity`")
    if found and (absent := sorted(set(mixtures) - set(found))):
        raise UserError(f"{absent[0]}: no diversity. Name its diversity.json, or none of any.")
    return found


def table(
    mixtures: Mapping[str, dict[str, Any]],
    scores: Mapping[str, dict[str, Any]],
    recipes: Mapping[str, Experiment],
    diversities: Mapping[str, dict[str, Any]] | None = None,
) -> list[dict[str, Any]]:
    """Tidy rows, most varied by their words first.

    Columns: benchmark, protocol, model, base, curation, examples or tokens (the
    budget, empty for the other), datasets, by (datasets or rows), vendi, compared (examples behind
    it), hidden_vendi, novelsum, hidden_compared (only with diversities), accuracy, low, high.

    Args:
        mixtures: ``mixture.json`` by model; each with a budget.
        scores: of models, on one benchmark.
        recipes: of models.
        diversities: ``diversity.json`` by model.
    """
    rows = []
    for name, mixture in mixtures.items():
        score, budget = scores[name], mixture["budget"]
        row = {"benchmark": score["benchmark"], "protocol": score["protocol"], "model": name}
        row |= {"base": recipes[name].base, "curation": recipes[name].curation}
        row |= {"examples": budget["examples"], "tokens": budget.get("tokens")}
        row |= {"datasets": len(mixture["datasets"])}
        row |= {"by": budget["by"], "vendi": mixture["vendi"]["score"]}
        row |= {"compared": mixture["vendi"]["texts"]}
        if diversities:
            hidden = diversities[name]
            row |= {"hidden_vendi": hidden["vendi"], "novelsum": hidden["novelsum"]["score"]}
            row |= {"hidden_compared": hidden["mixture"]["compared"]}
        values = (("accuracy", "value"), ("low", "low"), ("high", "high"))
        rows.append(row | {new: round(100 * score["macro"][key], 4) for new, key in values})
    return sorted(rows, key=lambda row: (-row["vendi"], row["model"]))


def rank_correlation(
    rows: Sequence[dict[str, Any]], measure: Measure = BIGRAMS
) -> dict[str, float] | None:
    """Return Spearman's correlation of diversity and accuracy, with a 95 % interval over mixtures.

    Random rows and curations other than the usual one are left out: they differ in more than
    variety. None for fewer than four other mixtures, for several bases, budgets or numbers of
    examples behind the measure, or where all values are one.
    """
    rows = [row for row in rows if _correlated(row)]
    keys = ("base", "examples", "tokens", measure.compared)
    alike = {tuple(row[key] for key in keys) for row in rows}
    if len(rows) < FEWEST or len(alike) > 1:
        return None
    pairs = np.array([[row[measure.column], row["accuracy"]] for row in rows])
    random = np.random.Generator(np.random.PCG64(SEED))
    value = _spearman(pairs)
    draws = random.integers(0, len(pairs), (RESAMPLES, len(pairs)))
    found = [one for one in (_spearman(pairs[draw]) for draw in draws) if one is not None]
    if value is None or not found:
        return None
    low, high = np.quantile(found, [0.025, 0.975])
    return {"value": round(value, 3), "low": round(float(low), 3), "high": round(float(high), 3)}


def _correlated(row: dict[str, Any]) -> bool:
    usual = Experiment.model_fields["curation"].default
    return row["by"] == "datasets" and row["curation"] == usual


def _spearman(pairs: np.ndarray) -> float | None:
    ranks = [_ranks(column) for column in pairs.T]
    if any(np.ptp(rank) == 0 for rank in ranks):
        return None
    return float(np.corrcoef(*ranks)[0, 1])


def _ranks(values: np.ndarray) -> np.ndarray:
    """Return the rank of each value; equal values share their mean rank."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return (ends - (counts - 1) / 2)[places]


def draw(rows: list[dict[str, Any]], out: Path) -> None:
    """Draw the figure, a panel for each measure, and save it with its table.

    Args:
        rows: what ``table`` returned.
        out: path of the figure, with any suffix.
    """
    measures = [BIGRAMS, *(one for one in HIDDEN if one.column in rows[0])]
    figure, panels = style.new(height=3.6, ncols=len(measures), sharey=True, squeeze=False)
    shared = _shared([_REPEAT.sub("", row["model"]) for row in rows])
    texts = {
        one: _panel(axes, rows, one, len(shared))
        for one, axes in zip(measures, panels[0], strict=True)
    }
    panels[0][0].set_ylabel("macro accuracy (%)")
    style.at_least(panels[0][0], "y", 10)
    style.source_line(figure, _words(rows, measures, shared))
    for one, names in texts.items():
        whiskers = [[(row[one.column], row[end]) for end in ("low", "high")] for row in rows]
        label_placement.place(figure, names, whiskers)
    style.save(figure, out, rows)


def _panel(axes: Any, rows: Sequence[dict[str, Any]], measure: Measure, shared: int) -> list[Any]:
    """Draw accuracy against one measure; returns the models' names, to be placed."""
    texts = []
    for row in rows:
        x, correlated = row[measure.column], _correlated(row)
        colour = style.TUNED_COLOUR if correlated else style.OTHER_COLOUR
        marker = "s" if row["by"] == "rows" else "o" if correlated else "D"
        axes.plot((x, x), (row["low"], row["high"]), color=colour, linewidth=1.0)
        axes.plot(x, row["accuracy"], marker, color=colour, zorder=3)
        texts.append(
            axes.annotate(
                short(_REPEAT.sub("", row["model"])[shared:], 30), (x, row["accuracy"]), (6, 0),
                textcoords="offset points", va="center", fontsize=7,
            )
        )  # fmt: skip
    axes.margins(x=0.15)
    compared = ", ".join(map(str, sorted({row[measure.compared] for row in rows})))
    axes.set_xlabel(measure.label.format(compared), fontsize=8)
    found = rank_correlation(rows, measure)
    words = "no correlation"
    if found:
        value, low, high = (style.signed(found[key], 2) for key in ("value", "low", "high"))
        words = f"Spearman {value} ({low} to {high})"
    axes.set_title(words, fontsize=8)
    return texts


def _shared(names: Sequence[str]) -> str:
    """Return the words that all of several names begin with, each with its hyphen."""
    parts = [name.split("-")[:-1] for name in names]
    same = takewhile(lambda words: len(set(words)) == 1, zip(*parts, strict=False))
    return "".join(f"{words[0]}-" for words in same) if len(names) > 1 else ""


def _words(
    rows: Sequence[dict[str, Any]], measures: Sequence[Measure] = (BIGRAMS,), shared: str = ""
) -> str:
    budgets = [
        f"{key} {', '.join(map(str, sorted({row[key] for row in rows if row[key] is not None})))}"
        for key in ("examples", "tokens")
        if any(row[key] is not None for row in rows)
    ]
    words = f"Benchmark {inputs.title(rows[0]['benchmark'])}, protocol {rows[0]['protocol']}."
    words += f" Budget of every mixture: {'; '.join(budgets)}."
    words += f" Names without “{shared}”." if shared else ""
    if any(_REPEAT.search(row["model"]) for row in rows):
        words += " Points of one name: draws of their datasets."
    words += " Square: random rows." if any(row["by"] == "rows" for row in rows) else ""
    if any(row["by"] == "datasets" and not _correlated(row) for row in rows):
        words += " Diamond: another curation."
    if any(rank_correlation(rows, one) for one in measures):
        words += f" Spearman over {sum(map(_correlated, rows))} mixtures of one curation,"
        words += " with a 95 % interval over mixtures."
    else:
        words += " No correlation: too few mixtures of one base, curation and budget."
    words += " Whiskers: 95 % intervals over questions. Source: scores.json, mixture.json"
    return words + (", diversity.json" if len(measures) > 1 else "")
