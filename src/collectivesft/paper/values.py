"""Collects every number that the manuscript shows from the run's result files."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from collectivesft import __version__, benchmarks, datasets
from collectivesft.common.files import read_json, read_jsonl, write_json
from collectivesft.common.made_up import sentence
from collectivesft.config.experiment import read_experiment, read_model
from collectivesft.figures.style import inputs
from collectivesft.paper import results
from collectivesft.scores.measure.bootstrap import RESAMPLES
from collectivesft.scores.report.leaderboard import BENCHMARK, CLINICAL

TITLE = "CollectiveSFT, rebuilt: does diverse medical fine-tuning lift a small model on {}?"
LEVEL = 0.95  # of all intervals that stage scores writes
FULL = "snakemake --cores all --use-apptainer"  # how the whole study is run
COUNTS = ("rows_in", "unusable", "duplicate", "contaminated", "kept")
# The steps whose losses the manuscript counts under one heading.
_UNUSABLE = ("read", "clean")
_ONE = {"dedup": "duplicate", "decontaminate": "contaminated"}
_STYLES = {
    "mcqa": "exam questions",
    "qa": "single-turn questions and answers",
    "dialogue": "dialogues",
    "ner": "labelling",
}
_FEW = 10  # steps whose loss is given, at the beginning and at the end
# Parts of contamination.json that name examples one by one.
_LISTS = ("pairs", "found", "found_in_more")
_TOKENS = ("examples", "tokens", "loss_tokens", "truncated", "without_loss")
_LANGUAGES = {"zh": "Chinese", "en": "English"}


@dataclass(frozen=True, slots=True)
class Files:
    """Result files of a run.

    Attributes:
        ledger, mixture, contamination, tokens, history: of the headline's experiment.
        recipe, model: YAML files of it and of its base.
        leaderboard: CSV of published scores.
        scores: of all models, benchmarks and protocols; bases first.
        experiments: recipes of all experiments of the run.
        trained: folders of their tokens, ``NAME=FOLDER``.
        comparisons: of the other models with the headline's.
        effects: of `scores contamination`, of experiments.
        agreements: of readings and protocols.
        planned: recipes of experiments of the study that the run does not have.
        clinical_leaderboard: CSV of published grades of CMB-Clin.
        perplexity: of `sft perplexity`; None where it was not measured.
    """

    ledger: Path
    mixture: Path
    contamination: Path
    tokens: Path
    history: Path
    recipe: Path
    model: Path
    leaderboard: Path
    scores: Sequence[Path]
    experiments: Sequence[Path] = field(default_factory=list)
    trained: Sequence[str] = field(default_factory=list)
    comparisons: Sequence[Path] = field(default_factory=list)
    effects: Sequence[Path] = field(default_factory=list)
    agreements: Sequence[Path] = field(default_factory=list)
    planned: Sequence[Path] = field(default_factory=list)
    clinical_leaderboard: Path | None = None
    perplexity: Path | None = None


def collect(
    run: str,
    demo: bool,
    headline: results.Headline,
    files: Files,
    out: Path,
    made_up: bool = False,
) -> dict[str, Any]:
    """Write the manuscript's values as JSON.

    Args:
        headline: experiment, benchmark and protocol that the abstract is about.
        made_up: all data and questions were written for this package; the abstract says so.

    Raises:
        InputError: a score of the headline is missing.
    """
    ledger, mixture = read_json(files.ledger), read_json(files.mixture)
    values = {
        "title": TITLE.format(benchmarks.get(headline[1]).SOURCE.title),
        "run": run,
        "demo": demo,
        "made_up": sentence(made_up),
        "version": __version__,
        "command": f"workflow/bin/run config/{run}.yaml" if demo else FULL,
        "level": LEVEL,
        "resamples": RESAMPLES,
        **_data(ledger, mixture, read_json(files.contamination)),
        "perplexity": read_json(files.perplexity) if files.perplexity else None,
        **_training(headline[0], files),
        **_scores(headline, files),
    }
    write_json(out, values)
    return values


def _data(ledger: dict, mixture: dict, contamination: dict) -> dict[str, Any]:
    datasets = [_dataset(name, ledger, mixture) for name in ledger["order"]]
    return {
        "datasets": datasets,
        "counts": COUNTS,
        "totals": {key: sum(entry[key] for entry in datasets) for key in COUNTS}
        | {"train": mixture["train"]},
        "styles": _shares(mixture, "style_counts", _STYLES),
        "languages": _shares(mixture, "language_counts", _LANGUAGES),
        "drops": _drops(ledger),
        "contamination": _contamination(contamination, ledger),
    }


def _dataset(name: str, ledger: dict, mixture: dict) -> dict[str, Any]:
    source, steps = datasets.get(name).SOURCE, ledger["datasets"][name]
    drawn = next((part for part in mixture["datasets"] if part["dataset"] == name), None)
    dropped = {step: sum(counts["dropped"].values()) for step, counts in steps.items()}
    return {
        "name": name,
        "left_out": ledger["left_out"].get(name),
        "title": _title(name),
        "citation": source.citation,
        "styles": list(drawn["style_counts"]) if drawn else [],
        "languages": list(drawn["language_counts"]) if drawn else [],
        "published": source.rows,
        "rows_in": steps["read"]["rows_in"],
        "unusable": sum(dropped.get(step, 0) for step in _UNUSABLE),
        **{key: dropped.get(step, 0) for step, key in _ONE.items()},
        "kept": steps.get("decontaminate", {"kept": 0})["kept"],
    }


def _title(name: str) -> str:
    """Return a dataset's title, for a narrow table without the text in parentheses."""
    return datasets.get(name).SOURCE.title.partition(" (")[0]


def _shares(mixture: dict, key: str, labels: dict[str, str]) -> list[dict[str, Any]]:
    """Styles or languages of the mixture, the most frequent first."""
    sums: dict[str, int] = {}
    for part in mixture["datasets"]:
        for name, count in part[key].items():
            sums[name] = sums.get(name, 0) + count
    total = sum(sums.values()) or 1
    return [
        {"name": name, "label": labels[name], "examples": count, "share": count / total}
        for name, count in sorted(sums.items(), key=lambda pair: (-pair[1], pair[0]))
    ]


def _drops(ledger: dict) -> list[dict[str, Any]]:
    return [
        {"step": step, "reason": reason, "rows": rows}
        for step in ledger["steps"]
        for reason, rows in ledger["totals"][step]["dropped"].items()
    ]


def _contamination(report: dict, ledger: dict) -> dict[str, Any]:
    """Return the report without its lists, and the datasets with found items, most first."""
    datasets = [
        {
            "title": _title(name),
            "found": found,
            "compared": ledger["datasets"][name]["decontaminate"]["rows_in"],
        }
        for name, found in report["examples_by_dataset"].items()
    ]
    plain = {key: value for key, value in report.items() if key not in _LISTS}
    return plain | {"datasets": sorted(datasets, key=lambda one: (-one["found"], one["title"]))}


def _training(experiment: str, files: Files) -> dict[str, Any]:
    recipe, model = read_experiment(files.recipe), read_model(files.model)
    tokens = read_json(files.tokens)["train"]
    return {
        "experiment": {"name": experiment, "title": recipe.title},
        "base": {"name": files.model.stem}
        | {key: getattr(model, key) for key in ("title", "parameters", "homepage")},
        "training": recipe.training.model_dump(),
        "tokens": {key: tokens[key] for key in _TOKENS},
        "history": history_values(files.history),
    }


def history_values(path: Path) -> dict[str, Any]:
    """Steps, the training loss over the first ``few`` and over the last, the last held-out loss.

    A step's loss counts by its tokens: the last step of an epoch may hold hardly any.
    """
    rows = [row for _, row in read_jsonl(path)]
    steps = [row for row in rows if "loss" in row]
    held_out = [row["eval_loss"] for row in rows if "eval_loss" in row]
    sizes = [new - old for old, new in pairwise([0, *(row["tokens"] for row in steps)])]
    sums = [row["loss"] * size for row, size in zip(steps, sizes, strict=True)]
    few = max(1, min(_FEW, len(steps) // 2))
    return {
        "steps": rows[-1]["step"],
        "few": few,
        "first_loss": round(sum(sums[:few]) / sum(sizes[:few]), 6),
        "last_loss": round(sum(sums[-few:]) / sum(sizes[-few:]), 6),
        "last_eval_loss": held_out[-1] if held_out else None,
    }


def effect_values(content: dict[str, Any]) -> dict[str, Any]:
    """Return the effect of contamination on one experiment, by the corrected reading."""
    head = {key: content[key] for key in ("model", "removed")}
    return head | {key: content["corrected"][key] for key in ("found", "rest", "effect")}


def _scores(headline: results.Headline, files: Files) -> dict[str, Any]:
    rows = [read_json(path) for path in files.scores]
    choice = [row for row in rows if row["kind"] == "choice"]
    asked = dict.fromkeys(row["benchmark"] for row in rows)
    sizes = inputs.read_trained(files.trained)
    experiments = results.experiment_values(
        headline, choice, files.experiments, sizes, files.comparisons
    )
    board = results.leaderboard_values(files.leaderboard)
    graded = files.clinical_leaderboard if CLINICAL in asked else None
    return {
        "headline": results.headline_values(headline, choice, files.model.stem, files.recipe),
        "benchmarks": [benchmarks.get(name).SOURCE.title for name in asked],
        "scores": [results.score_values(row) for row in choice],
        "text": [results.text_values(row) for row in rows if row["kind"] == "text"],
        "clinical": [row for row in rows if row["kind"] == "clinical"],
        "experiments": experiments,
        "effects": [effect_values(read_json(path)) for path in files.effects],
        "planned": results.planned_values(files.planned),
        "agreement": results.agreement_values([read_json(path) for path in files.agreements]),
        "leaderboard": board if headline[1] == BENCHMARK else None,
        "clinical_leaderboard": results.grades_values(graded) if graded else None,
    }
