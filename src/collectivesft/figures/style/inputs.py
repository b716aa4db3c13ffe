"""Reads the result files that figures are drawn from; a wrong file is named, with its maker."""

import contextlib
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

from collectivesft import benchmarks
from collectivesft.common.errors import InputError, UserError
from collectivesft.common.files import read_json, read_jsonl
from collectivesft.config.experiment import Experiment, read_experiment


@contextlib.contextmanager
def made_by(path: Path, command: str) -> Iterator[None]:
    """Turn a missing key into an InputError that names the command that makes the file."""
    try:
        yield
    except KeyError as error:
        problem = f"no key {error.args[0]!r}"
        raise InputError(path, problem, f"Make it with `collectivesft {command}`") from error


def title(benchmark: str) -> str:
    """A benchmark's name for people, as the paper has it."""
    return benchmarks.get(benchmark).SOURCE.title


def read_object(path: Path) -> dict[str, Any]:
    """A JSON file that holds one object.

    Raises:
        InputError: not JSON, or something else than an object.
    """
    content = read_json(path)
    if not isinstance(content, dict):
        raise InputError(path, "not a JSON object", "Give the file that the help names")
    return content


def read_histories(options: Iterable[str]) -> dict[str, list[dict[str, Any]]]:
    """Name to records, from options ``NAME=PATH``, or ``PATH`` in a folder of the name.

    Raises:
        UserError: a name twice.
        InputError: a history without a training loss, or a record without step or tokens.
    """
    histories: dict[str, list[dict[str, Any]]] = {}
    for name, path in _named("--history", options):
        histories[name] = _records(path)
    return histories


def read_trained(options: Iterable[str]) -> dict[str, int]:
    """Name to the number of examples that were trained on, from folders of tokens.

    Fewer than a mixture has: examples without a target within ``max_length`` tokens are left out.

    Args:
        options: as of ``read_histories``.

    Raises:
        UserError: a name twice, or a folder without tokens.json of ``sft tokenize``.
    """
    found = {}
    for name, folder in _named("--tokens", options):
        path = folder / "tokens.json"
        with made_by(path, "sft tokenize"):
            found[name] = read_object(path)["train"]["examples"]
    return found


def _named(flag: str, options: Iterable[str]) -> Iterator[tuple[str, Path]]:
    """Name and path of each option; where no name is given, it is the path's folder's."""
    seen = set()
    for option in options:
        name, separator, path = option.partition("=")
        if not separator:
            name, path = Path(option).resolve().parent.name, option
        if name in seen:
            raise UserError(f"{flag} {name}: given twice. Give each experiment once.")
        seen.add(name)
        yield name, Path(path)


def _records(path: Path) -> list[dict[str, Any]]:
    records = []
    for number, record in read_jsonl(path):
        if not isinstance(record, dict) or not {"step", "tokens"} <= set(record):
            raise InputError(path, "no step or no tokens", _TRAIN, row=number)
        records.append(record)
    if not any(record.get("loss") is not None for record in records):
        raise InputError(path, "no training loss in it", _TRAIN)
    return records


_TRAIN = "Make it with `collectivesft sft train`"


def read_scores(paths: Iterable[Path]) -> list[dict[str, Any]]:
    """Scores of choice benchmarks, one file a model.

    Raises:
        InputError: scores of something else, or not of the first file's benchmark and protocol.
    """
    scores: list[dict[str, Any]] = []
    for path in paths:
        content = read_object(path)
        if content.get("kind") != "choice":
            raise InputError(path, "not scores of a choice benchmark", "Leave the file out")
        with made_by(path, "scores score"):
            what = [content[key] for key in ("benchmark", "protocol")]
            _check_categories(content)
        if scores and what != [scores[0][key] for key in ("benchmark", "protocol")]:
            problem = f"{' by '.join(what)}, unlike the first file"
            raise InputError(path, problem, "Give files of one benchmark and protocol")
        if content["model"] in {other["model"] for other in scores}:
            raise InputError(path, f"a second file of {content['model']}", "Give each model once")
        scores.append(content)
    return scores


def _check_categories(content: dict[str, Any]) -> None:
    for part in [content["macro"], *content["categories"]]:
        for key in ("value", "low", "high"):
            part[key]
    for key in ("model", "items"):
        content[key]


ROLES = ("base", "headline", "experiment")


def roles(
    scores: list[dict[str, Any]], bases: Collection[str] = (), headline: str | None = None
) -> dict[str, str]:
    """Return the role of each model in a figure: base, headline or experiment.

    Args:
        scores: of base models, then of experiments.
        bases: names of the base models; the first score's model if empty.
        headline: the experiment in front; the first one if None.
    """
    names = [score["model"] for score in scores]
    bases = bases or names[:1]
    headline = headline or next((name for name in names if name not in bases), None)
    return {
        name: "base" if name in bases else "headline" if name == headline else "experiment"
        for name in names
    }


def check_models(
    scores: list[dict[str, Any]], bases: Collection[str], headline: str | None
) -> None:
    """Raise a UserError for a name that no score file has."""
    known = {score["model"] for score in scores}
    for name in (*bases, *([headline] if headline else ())):
        if name not in known:
            raise UserError(
                f"{name}: no score file of this model. Known: {', '.join(sorted(known))}."
            )


def read_comparisons(paths: Iterable[Path]) -> dict[str, dict[str, Any]]:
    """Comparisons with one experiment, by the name of the other model.

    Raises:
        InputError: not a comparison, or with a different experiment than the first file.
    """
    found: dict[str, dict[str, Any]] = {}
    first = None
    for path in paths:
        content = read_object(path)
        with made_by(path, "scores compare"):
            models, _ = content["models"], content["corrected"]["difference"]["macro"]
        first = first or models["first"]
        if models["first"] != first:
            problem = f"a comparison with {models['first']}, not with {first}"
            raise InputError(path, problem, "Give comparisons with one experiment")
        found[models["second"]] = content
    return found


def over_trainings(model: str, comparisons: dict[str, dict[str, Any]]) -> dict[str, Any] | None:
    """Return the macro accuracy of a model's several trainings, by the corrected reading.

    Args:
        comparisons: with the headline, by the other model; the headline's own is in each.

    Returns:
        value (mean), low and high (over questions), seeds (of each), spread; None for a model that
        was trained once.
    """
    for other, content in comparisons.items():
        for name, macro in zip(
            (content["models"]["first"], other),
            content["corrected"].get("trainings", []),
            strict=False,
        ):
            if name == model and len(macro["seeds"]) > 1:
                return macro
    return None


def read_recipes(paths: Iterable[Path]) -> dict[str, Experiment]:
    """Recipes of experiments by name.

    Raises:
        InputError: not the recipe of an experiment.
    """
    return {path.stem: read_experiment(path) for path in paths}
