"""Checks a run's configuration before anything runs: one problem, one line, with its key.

Used by workflow/rules/common.smk; knows the folders config/ and src/collectivesft/ of the
clone, so that a name without a file behind it is found at once.
"""

import difflib
import os
from pathlib import Path

import jsonschema
import yaml


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


def _short(path: Path) -> str:
    return "/".join(Path(path).parts[-3:])


def check(config: dict, root: Path) -> None:
    """Check ``config`` and every file that it names.

    Raises:
        ConfigurationError: the first problem found.
    """
    _check_schema(config, root, "config", "config")
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
    for name, settings in config["evaluation"].items():
        _check_names(settings["protocols"], config["protocols"], f"evaluation.{name}.protocols")
    bases = {_check_experiment(config, root, name) for name in config["experiments"]}
    if both := sorted(bases & set(config["experiments"])):
        raise ConfigurationError(
            f"experiments: {both[0]!r} is the name of a base model too; rename it"
        )
    known = [f"datasets/{name}" for name in _modules(root, "datasets")]
    known += [f"benchmarks/{name}" for name in _modules(root, "benchmarks")]
    _check_names(config["sources"], known, "sources")
    for key in ["raw", *config["sources"]]:
        settings = config["raw"] if key == "raw" else config["sources"][key]
        _expand(settings.get("folder"), "raw.folder" if key == "raw" else f"sources.{key}.folder")


def _check_experiment(config: dict, root: Path, name: str) -> str:
    """Check an experiment's file as far as the workflow reads it; the name of its base model."""
    where = f"config/experiments/{name}.yaml"
    recipe = read_yaml(root / where)
    if not isinstance(recipe, dict) or "base" not in recipe:
        raise ConfigurationError(f"{where}: key base (the base model's name) is missing")
    _check_names([recipe["base"]], _files(root, "models"), f"{where}: base")
    _check_names([recipe.get("curation", "full")], config["curation"], f"{where}: curation")
    datasets = recipe.get("mixture", {}).get("datasets", "all")
    if datasets != "all":
        _check_names(datasets, config["datasets"], f"{where}: mixture.datasets")
    return recipe["base"]


def _check_schema(value: dict, root: Path, schema: str, where: str) -> None:
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


def _expand(folder: str | None, key: str) -> str | None:
    if folder is None:
        return None
    expanded = os.path.expandvars(folder)
    if "$" in expanded:
        variable = expanded[expanded.index("$") :].split("/")[0]
        raise ConfigurationError(f"{key}: set the environment variable {variable} to a folder")
    return expanded


def folders(config: dict) -> list[str]:
    """The folders of local raw files that the configuration names, variables expanded."""
    settings = [config["raw"], *config["sources"].values()]
    return [os.path.expandvars(one["folder"]) for one in settings if one.get("folder")]


def place(config: dict, kind: str, name: str) -> dict:
    """Where the raw files of a source lie.

    Returns:
        ``{"folder": path or None (upstream), "checksums": path or None, "files": [names]}``.
    """
    own = config["sources"].get(f"{kind}/{name}")
    if own:
        return {
            "folder": _expand(own.get("folder"), f"sources.{kind}/{name}.folder"),
            "checksums": own.get("checksums"),
            "files": own.get("files", []),
        }
    folder = _expand(config["raw"]["folder"], "raw.folder")
    return {
        "folder": f"{folder}/{kind}/{name}" if folder else None,
        "checksums": config["raw"]["checksums"],
        "files": [],
    }
