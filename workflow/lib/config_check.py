"""Checks a run's configuration before anything runs: one problem, one line, with its key.

Used by workflow/rules/common.smk; knows the folders config/ and src/collectivesft/ of the
clone, so that a name without a file behind it is found at once.
"""

import difflib
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import yaml

if TYPE_CHECKING:  # a caller may need a folder's name alone, without the package on its path
    from collectivesft.config.experiment import Experiment, ModelRecipe


class ConfigurationError(Exception):
    """What is wrong with the configuration: the key, the value, what would be right."""


def read_yaml(path: Path) -> dict:
    """Parse a YAML file; a missing or broken one is a ConfigurationError that names it."""
    try:
        return yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigurationError(f"{_short(path)}: no such file") from None
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{_short(path)}: not valid YAML: {error}") from None


def experiment(root: Path, name: str) -> "Experiment":
    """An experiment's recipe as the stages read it, with its defaults.

    Raises:
        ConfigurationError: names its file and the key that does not belong there.
    """
    from collectivesft.config.experiment import read_experiment

    return _read_as(read_experiment, root, f"config/experiments/{name}.yaml")


def model(root: Path, name: str) -> "ModelRecipe":
    """A base model's recipe; see ``experiment``."""
    from collectivesft.config.experiment import read_model

    return _read_as(read_model, root, f"config/models/{name}.yaml")


def _short(path: Path) -> str:
    return "/".join(Path(path).parts[-3:])


def check(config: dict, root: Path) -> None:
    """Check ``config`` and every file that it names.

    Raises:
        ConfigurationError: the first problem found.
    """
    check_schema(config, root, "config", "config")
    _check_names(config["datasets"], _modules(root, "datasets"), "datasets")
    _check_names(config["benchmarks"], _modules(root, "benchmarks"), "benchmarks")
    experiments = _files(root, "experiments")
    _check_names(config["experiments"], experiments, "experiments")
    headline = config["headline"]
    _check_names([headline["experiment"]], config["experiments"], "headline.experiment")
    _check_names([headline["benchmark"]], config["benchmarks"], "headline.benchmark")
    _check_names(config["benchmarks"], config["evaluation"], "evaluation")
    protocols = config["evaluation"][headline["benchmark"]]["protocols"]
    _check_names([headline["protocol"]], protocols, "headline.protocol")
    _check_kinds(config)
    for name, settings in config["evaluation"].items():
        _check_names(settings["protocols"], config["protocols"], f"evaluation.{name}.protocols")
    _check_engine(config)
    _check_gguf(config)
    bases = {_check_experiment(config, root, name) for name in config["experiments"]}
    _check_weights(config, root)
    if both := sorted(bases & set(config["experiments"])):
        raise ConfigurationError(
            f"experiments: {both[0]!r} is the name of a base model too; rename it"
        )
    known = [f"datasets/{name}" for name in _modules(root, "datasets")]
    known += [f"benchmarks/{name}" for name in _modules(root, "benchmarks")]
    _check_names(config["sources"], known, "sources")
    for key in ["raw", *config["sources"]]:
        settings = config["raw"] if key == "raw" else config["sources"][key]
        expand(settings.get("folder"), "raw.folder" if key == "raw" else f"sources.{key}.folder")
        if key.startswith("benchmarks/") and settings.get("missing", "error") != "error":
            raise ConfigurationError(f"sources.{key}.missing: a benchmark cannot be left out")


def _check_engine(config: dict) -> None:
    """A server is named, or started, where one is asked; keys are where they are said to be."""
    engine, judge = config["engine"], config["clinical"]["judge"]
    given = [key for key in ("url", "serve") if engine[key]]
    if engine["kind"] == "openai" and len(given) != 1:
        raise ConfigurationError("engine: kind openai needs one of url and serve")
    if engine["kind"] == "transformers" and given:
        raise ConfigurationError(f"engine.{given[0]}: only kind openai asks a server")
    if judge and not judge["url"]:
        raise ConfigurationError("clinical.judge.url: an address is needed")


def _check_gguf(config: dict) -> None:
    """An adapter alone is no model that could be converted."""
    if config["hub"]["gguf"] and config["hub"]["weights"] == "adapter":
        raise ConfigurationError(
            "hub.gguf: hub.weights: adapter has no whole model to copy; set hub.gguf to null, or "
            "hub.weights to merged or both"
        )


def check_converter(config: dict) -> None:
    """The converter is there where a GGUF copy is asked for, before anything runs.

    Raises:
        ConfigurationError: names its path and how to get it.
    """
    hub = config["hub"]
    if hub["gguf"] and not Path(hub["gguf_converter"]).is_file():
        raise ConfigurationError(
            f"hub.gguf_converter: {hub['gguf_converter']}: no such file; run envs/converter, or "
            "set hub.gguf to null"
        )


def keys(config: dict) -> list[str]:
    """Names of the environment variables that hold keys of servers that this run asks."""
    judge = config["clinical"]["judge"] or {}
    asked = [config["engine"]] if config["engine"]["kind"] == "openai" else []
    return sorted({one["key_env"] for one in [*asked, judge] if one.get("key_env")})


def _check_experiment(config: dict, root: Path, name: str) -> str:
    """Check every key of an experiment's file and of its base's; the base model's name."""
    from collectivesft.config.mixture import read_mixture

    where = f"config/experiments/{name}.yaml"
    recipe, mixture = experiment(root, name), _read_as(read_mixture, root, where)
    _check_names([recipe.base], _files(root, "models"), f"{where}: base")
    _check_cutoff(config, root, where, recipe)
    _check_names([recipe.curation], config["curation"], f"{where}: curation")
    if mixture.datasets != "all":
        _check_names(mixture.datasets, config["datasets"], f"{where}: mixture.datasets")
    if isinstance(mixture.max_samples, dict):
        _check_names(mixture.max_samples, config["datasets"], f"{where}: mixture.max_samples")
    return recipe.base


def _read_as(read: Callable[[Path], Any], root: Path, where: str) -> Any:
    from collectivesft.common.errors import InputError

    try:
        return read(root / where)
    except InputError as error:
        raise ConfigurationError(f"{where}: {error.problem}") from None


def _check_cutoff(config: dict, root: Path, where: str, recipe: "Experiment") -> None:
    """The base model's file; and examples fit into its positions, as far as these are known."""
    cutoff, base = recipe.training.cutoff, recipe.base
    known = next(filter(None, map(_positions, _settings(config, root, base))), cutoff)
    if cutoff > known:
        raise ConfigurationError(
            f"{where}: training.cutoff: {cutoff} tokens, {base} takes {known}; lower it"
        )


def _settings(config: dict, root: Path, base: str) -> Iterator[dict]:
    """What is at hand of a base model's settings: in its file, in its folder, made from them."""
    path = root / f"config/models/{base}.yaml"
    yield model(root, base).architecture or {}
    given = Path(model_folder(base, root) or os.devnull, "config.json")
    made = Path(config["cache"], "models", base, "config.json")
    for place in (given, made):
        # What was made before the file was changed may be another model.
        if place.is_file() and (place == given or place.stat().st_mtime > path.stat().st_mtime):
            with suppress(ValueError):  # a damaged file is for the stages to tell
                yield json.loads(place.read_bytes())


def _positions(settings: dict) -> int | None:
    """Positions of a model by its transformers configuration; None where it has no limit there."""
    parts = (settings, settings.get("text_config") or {})
    found = (part.get(key) for part in parts for key in ("max_position_embeddings", "n_positions"))
    return next(filter(None, found), None)


def _check_weights(config: dict, root: Path) -> None:
    """An adapter is published only where one is trained: told now, not after the training."""
    name, weights = config["headline"]["experiment"], config["hub"]["weights"]
    if weights != "merged" and experiment(root, name).training.method == "full":
        raise ConfigurationError(
            f"hub.weights: {weights!r} asks for an adapter, and config/experiments/{name}.yaml has "
            "training.method: full; take merged, or train with lora"
        )


def check_schema(value: dict, root: Path, schema: str, where: str) -> None:
    """Check a value against a file of workflow/schemas; the first problem is an error."""
    rules = read_yaml(root / f"workflow/schemas/{schema}.schema.yaml")
    validator = jsonschema.Draft202012Validator(rules)
    errors = sorted(validator.iter_errors(value), key=lambda e: (len(e.path), e.message))
    if not errors:
        return
    error = errors[0]
    key = ".".join(str(part) for part in error.absolute_path) or where
    if error.validator == "additionalProperties":
        known = error.schema.get("properties", {})
        unknown = sorted(set(error.instance) - set(known))[0]
        key = unknown if key == where else f"{key}.{unknown}"
        raise ConfigurationError(f"unknown key {key}{_hint(unknown, known)}")
    raise ConfigurationError(f"{key}: {error.message}")


def _check_kinds(config: dict) -> None:
    """A kind fits its benchmark; letters alone have accuracies and likelihoods; text is written."""
    from collectivesft import benchmarks

    for name in config["benchmarks"]:
        kind = config["evaluation"][name]["kind"]
        fit = getattr(benchmarks.get(name), "KINDS", (kind,))
        if kind not in fit:
            raise ConfigurationError(
                f"evaluation.{name}.kind: {kind!r} does not fit the benchmark; take "
                f"{' or '.join(fit)}"
            )
    if config["evaluation"][config["headline"]["benchmark"]]["kind"] != "choice":
        raise ConfigurationError("headline.benchmark: only one of kind choice has accuracies")
    letters = [name for name, how in config["protocols"].items() if how["method"] != "generate"]
    for name, settings in config["evaluation"].items():
        wrong = [one for one in settings["protocols"] if one in letters]
        if wrong and settings["kind"] in ("text", "upload"):
            raise ConfigurationError(
                f"evaluation.{name}.protocols: {wrong[0]!r} compares letters, which free text has "
                "not; take one with method: generate"
            )


def _check_names(names: list[str], known, key: str) -> None:
    for name in names:
        if name not in known:
            raise ConfigurationError(f"{key}: unknown name {name!r}{_hint(name, known)}")


def _hint(name: str, known) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known are {', '.join(sorted(known))}"


def _modules(root: Path, package: str) -> list[str]:
    files = (root / "src/collectivesft" / package).glob("[a-z]*.py")
    return sorted(path.stem for path in files if path.stem != "item")


def _files(root: Path, folder: str) -> list[str]:
    return sorted(path.stem for path in (root / "config" / folder).glob("*.yaml"))


def expand(folder: str | None, key: str) -> str | None:
    """A folder with its variables' values; one that is not set is an error that names ``key``."""
    if folder is None:
        return None
    expanded = os.path.expandvars(folder)
    if "$" in expanded:
        variable = expanded[expanded.index("$") :].split("/")[0]
        raise ConfigurationError(f"{key}: set the environment variable {variable} to a folder")
    return expanded


def commit(root: Path) -> str:
    """The clone's commit, ``+changes`` where files differ from it; a bundle's own; else empty."""
    if not (root / ".git").exists():  # git would ask the folders above, which are not ours
        note = root / "COMMIT"
        return note.read_text(encoding="utf-8").strip() if note.is_file() else ""
    git = ["git", "-C", str(root)]
    try:
        head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True)
        dirty = subprocess.run([*git, "diff", "--quiet", "HEAD"], capture_output=True)
    except FileNotFoundError:
        return ""
    if head.returncode:
        return ""
    return head.stdout.strip() + ("+changes" if dirty.returncode else "")


def model_folder(base: str, root: Path) -> str | None:
    """The folder that a base model is copied from; None where it comes from elsewhere."""
    source = model(root, base).source
    return str(source["path"]) if source.get("kind") == "folder" and "path" in source else None
