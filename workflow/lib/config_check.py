"""Check a run's configuration before anything runs: all faults at once, one line each.

Used by workflow/rules/common.smk; knows the folders config/ and src/collectivesft/ of the
clone, so that a name without a file behind it is found at once.
"""

import copy
import json
import math
import os
import re
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import tokenizer_check
from title_check import title_fault

if TYPE_CHECKING:
    from collectivesft.config.experiment import Experiment, ModelRecipe
    from collectivesft.config.mixture import Mixture


class Problem(NamedTuple):
    """One fault: the key's path in the configuration, and the problem."""

    key: tuple[str, ...]
    text: str


class ConfigurationError(Exception):
    """Faults of a configuration, one line each: file, key, value, allowed values."""

    def __init__(self, *lines: str):
        self.lines = lines
        super().__init__("\n".join(lines))

    def report(self) -> str:
        """The lines as a terminal shows them."""
        return "\n".join(f"error: {line}" for line in self.lines)


def read_yaml(path: Path) -> Any:
    """Parse a YAML file.

    Raises:
        ConfigurationError: missing, not UTF-8, not YAML, or a key twice; it names file and row.
    """
    from collectivesft.common import files
    from collectivesft.common.errors import InputError

    try:
        return files.read_yaml(Path(path))
    except FileNotFoundError:
        raise ConfigurationError(
            f"{path}: no such file. Name a configuration, such as config/demo.yaml."
        ) from None
    except IsADirectoryError:
        raise ConfigurationError(f"{path}: a folder. Name a file in it.") from None
    except InputError as error:
        raise ConfigurationError(str(error)) from None


def load(root: Path, overlay: Path, *more: Path) -> dict:
    """Read config/config.yaml with the files laid over it, checked, with all defaults.

    Raises:
        ConfigurationError: every fault of the files.
    """
    from snakemake.utils import update_config

    paths = [root / "config/config.yaml", overlay, *more]
    merged: dict = {}
    faults = []
    for path in paths:
        try:
            update_config(merged, _mapping(path))
        except ConfigurationError as error:
            faults += error.lines
    if faults:
        raise ConfigurationError(*dict.fromkeys(faults))
    return check(merged, root, paths)[0]


def _mapping(path: Path) -> dict:
    """Parse a file that must hold keys and values; an empty file holds none."""
    content = read_yaml(path)
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigurationError(
            f"{path}: a {_kind(content)} in place of keys and values. Write `key: value` lines."
        )
    return content


def _kind(value: object) -> str:
    return "list" if isinstance(value, list) else "single value"


def check(config: Mapping, root: Path, paths: Iterable[Path] = ()) -> tuple[dict, list[str]]:
    """Check a configuration and every file that it names.

    Args:
        config: the files, merged.
        root: the clone.
        paths: those files, the last one with the last word; a fault names its file.

    Returns:
        The configuration with all defaults, present names and expanded paths; and notes on names
        that were replaced.

    Raises:
        ConfigurationError: every fault.
    """
    from pydantic import ValidationError

    from collectivesft.common.validation import faults
    from collectivesft.config.run import RunConfig
    from collectivesft.config.section import canonical, doubled

    paths = list(paths)
    contents = [content for path in paths if (content := _parsed(path)) is not None]
    twice = [Problem(*one) for content in contents for one in doubled(content, RunConfig)]
    renamed, notes = canonical(_with_the_last_words(config, contents), RunConfig)
    try:
        run = RunConfig.model_validate(renamed)
        found = run.model_dump()
        # It matters if a source names a folder, even if it names none: it is downloaded then.
        found["sources"] = {
            name: source.model_dump(exclude_unset=True) for name, source in run.sources.items()
        }
    except ValidationError as error:
        problems = [*twice, *(Problem(*fault) for fault in faults(error, RunConfig))]
    else:
        problems = [*twice, *_expand_paths(found), *_check(found, root)]
        notes += _recipe_notes(found, root)
    if problems:
        places = _places(paths)
        raise ConfigurationError(*dict.fromkeys(_line(one, places) for one in problems))
    return found, notes


def _parsed(path: Path) -> dict | None:
    with suppress(ConfigurationError):
        return _mapping(path)
    return None


def _with_the_last_words(config: Mapping, contents: list[dict]) -> Mapping:
    """Leave out an alias whose present name a later file gives: the later one has the last word."""
    from collectivesft.config.run import RunConfig
    from collectivesft.config.section import aliases_in, holds

    found = copy.deepcopy(dict(config))
    for old, new in list(aliases_in(config, RunConfig)):
        ranks = [
            max((i for i, content in enumerate(contents) if holds(content, key)), default=-1)
            for key in (old, new)
        ]
        if 0 <= ranks[0] < ranks[1]:
            block = found
            for part in old[:-1]:
                block = block[part]
            block.pop(old[-1], None)
    return found


def _recipe_notes(config: dict, root: Path) -> Iterator[str]:
    """Former names in the files of the experiments."""
    from collectivesft.config.experiment import Experiment
    from collectivesft.config.section import canonical

    for name in config["experiments"]:
        where = f"config/experiments/{name}.yaml"
        if (root / where).is_file():
            with suppress(ConfigurationError):
                notes = canonical(read_yaml(root / where), Experiment)[1]
                yield from (f"{where}: {note}" for note in notes)


def _places(paths: Iterable[Path]) -> list[tuple[str, dict]]:
    """Name and content of each file, with present names, the last one first."""
    from collectivesft.config.run import RunConfig
    from collectivesft.config.section import canonical

    found = []
    for path in paths:
        with suppress(ConfigurationError):
            found.append((_short(path), canonical(_mapping(path), RunConfig)[0]))
    return found[::-1]


def _short(path: Path) -> str:
    """A path from the current folder, where it is below it."""
    absolute, here = Path(path).absolute(), Path.cwd()
    return str(absolute.relative_to(here) if absolute.is_relative_to(here) else path)


def _line(problem: Problem, places: list[tuple[str, dict]]) -> str:
    """The line of a fault; an experiment's own file is in its key already."""
    from collectivesft.config.section import holds

    if problem.key and problem.key[0].endswith((".yaml", ".jinja")):
        return f"{problem.key[0]}: {': '.join([*_dotted(problem.key[1:]), problem.text])}"
    for length in range(len(problem.key), 0, -1):
        for name, content in places:
            if holds(content, problem.key[:length]):
                return f"{name}: {'.'.join(problem.key)}: {problem.text}"
    name = places[0][0] if places else "config"
    return ": ".join([name, *_dotted(problem.key), problem.text])


def _dotted(key: tuple[str, ...]) -> list[str]:
    return [".".join(key)] if key else []


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


def _read_as(read: Callable[[Path], Any], root: Path, where: str) -> Any:
    from collectivesft.common.errors import InputError

    try:
        return read(root / where)
    except FileNotFoundError:
        raise ConfigurationError(f"{where}: no such file") from None
    except InputError as error:
        raise ConfigurationError(
            *(f"{where}: {text}" for text in getattr(error, "problems", [error.problem]))
        ) from None


def _check(config: dict, root: Path) -> list[Problem]:
    """Find faults of several keys: names, and keys that contradict each other.

    An experiment that needs a key with a fault is not a second fault.
    """
    found = list(_check_run(config, root))
    for name in config["experiments"]:
        if name in _files(root, "experiments"):
            found += _check_experiment(config, root, name, names=not found)
    if not found and config["diversity_examples"]:
        found += _check_budgets(config, root)
    return found


def _check_run(config: dict, root: Path) -> Iterator[Problem]:
    yield from _unknown(config["datasets"], _modules(root, "datasets"), "datasets")
    yield from _unknown(config["benchmarks"], _modules(root, "benchmarks"), "benchmarks")
    yield from _unknown(config["experiments"], _files(root, "experiments"), "experiments")
    yield from _unknown(config["benchmarks"], config["evaluation"], "evaluation")
    yield from _check_headline(config)
    yield from _check_kinds(config, root)
    for name, settings in config["evaluation"].items():
        yield from _unknown(
            settings["protocols"], config["protocols"], "evaluation", name, "protocols"
        )
    yield from _check_readers(config, root)
    yield from _check_sources(config, root)
    if config["device"] == "cuda" and not config["gpus"]:
        yield Problem(
            ("gpus",), "0, and device is cuda; set the GPUs of a training, or device: cpu"
        )
    for name, image in config["containers"].items():
        if image.partition("://")[1] and not re.match(r"[a-z]+://[^/\s]", image):
            text = f"{image!r} is no address; write one such as oras://host/name@sha256:..."
            yield Problem(("containers", name), text)
    if "full" not in config["curation"]:
        yield Problem(("curation",), "no `full`, which experiments take by default; add it")


def _check_headline(config: dict) -> Iterator[Problem]:
    headline, evaluation = config["headline"], config["evaluation"]
    yield from _unknown([headline["experiment"]], config["experiments"], "headline", "experiment")
    yield from _unknown([headline["benchmark"]], config["benchmarks"], "headline", "benchmark")
    settings = evaluation.get(headline["benchmark"])
    if settings is None:
        return
    yield from _unknown([headline["protocol"]], settings["protocols"], "headline", "protocol")
    if settings["kind"] != "choice":
        yield Problem(("headline", "benchmark"), "only one of kind choice has accuracies")


def _check_kinds(config: dict, root: Path) -> Iterator[Problem]:
    """A kind fits its benchmark; only letters have likelihoods; free text is written."""
    from collectivesft import benchmarks

    known = [name for name in config["benchmarks"] if name in _modules(root, "benchmarks")]
    for name in known:
        kind = config["evaluation"].get(name, {}).get("kind")
        fit = getattr(benchmarks.get(name), "KINDS", (kind,))
        if kind not in fit:
            text = f"{kind!r} does not fit the benchmark; take {' or '.join(fit)}"
            yield Problem(("evaluation", name, "kind"), text)
        elif kind:
            yield from _check_asked(config, name)
        lm_eval = hasattr(benchmarks.get(name), "lm_eval_subject")
        for protocol in config["evaluation"].get(name, {}).get("protocols", []):
            template = config["protocols"].get(protocol, {}).get("template")
            if template == "lm_eval" and not lm_eval:
                text = f"{protocol!r} asks as lm-evaluation-harness, which has no text for it"
                yield Problem(("evaluation", name, "protocols"), f"{text}; take another protocol")
    letters = [name for name, how in config["protocols"].items() if how["method"] != "generate"]
    for name, settings in config["evaluation"].items():
        wrong = [one for one in settings["protocols"] if one in letters]
        if wrong and settings["kind"] in ("text", "upload"):
            yield Problem(
                ("evaluation", name, "protocols"),
                f"{wrong[0]!r} compares letters, which free text has not; take one with method: "
                "generate",
            )
        drawn = [one for one in settings["protocols"] if _samples(config, one) > 1]
        if drawn and settings["kind"] in ("text", "upload"):
            yield Problem(
                ("evaluation", name, "protocols"),
                f"{drawn[0]!r} draws several answers, which free text does not use; take one with "
                "samples: 1",
            )


def _check_asked(config: dict, name: str) -> Iterator[Problem]:
    """A benchmark is asked, in a way that its kind can use."""
    settings = config["evaluation"][name]
    key, kind, protocols = ("evaluation", name), settings["kind"], settings["protocols"]
    if kind == "clinical" and protocols:
        text = f"{protocols}; cases are asked as `clinical` says: write []"
        yield Problem((*key, "protocols"), text)
    if kind != "clinical" and not protocols:
        text = "[]; the benchmark is never asked: name a protocol, or take it out of benchmarks"
        yield Problem((*key, "protocols"), text)
    if kind == "upload" and settings["limit"]:
        text = f"{settings['limit']}; its authors take answers to all items: write null"
        yield Problem((*key, "limit"), text)
    orders = [one for one in protocols if _how(config, one).get("orders") != "published"]
    if kind in ("text", "upload") and orders:
        text = f"{orders[0]!r} asks in several orders of options, which free text has not"
        yield Problem((*key, "protocols"), f"{text}; take one with orders: published")


def _how(config: dict, protocol: str) -> dict:
    """Return a protocol's settings; those of an unknown one are a fault of its name."""
    return config["protocols"].get(protocol, {"orders": "published"})


def _check_budgets(config: dict, root: Path) -> Iterator[Problem]:
    """Diversity is measured of mixtures with a budget."""
    recipes = [experiment(root, name) for name in config["experiments"]]
    if not any({"examples", "tokens"} & recipe.mixture.keys() for recipe in recipes):
        text = f"{config['diversity_examples']}, and no experiment has a budget to be measured"
        remedy = "set it to 0, or mixture.examples or mixture.tokens of an experiment"
        yield Problem(("diversity_examples",), f"{text}; {remedy}")


def _samples(config: dict, protocol: str) -> int:
    return config["protocols"].get(protocol, {}).get("samples", 1)


def _check_readers(config: dict, root: Path) -> Iterator[Problem]:
    """Options are those of the dataset's reader."""
    from collectivesft import datasets
    from collectivesft.common.validation import nearest

    with_options = {
        name: {option.name: option.choices for option in module.OPTIONS}
        for name in _modules(root, "datasets")
        if hasattr(module := datasets.get(name), "OPTIONS")
    } if config["reader_options"] else {}  # fmt: skip
    for name, chosen in config["reader_options"].items():
        key = ("reader_options", name)
        if name not in with_options:
            yield Problem(key, f"this dataset has no options; {nearest(name, with_options)}")
            continue
        for option, value in chosen.items():
            choices = with_options[name].get(option)
            if choices is None:
                text = f"unknown option; {nearest(option, with_options[name])}"
                yield Problem((*key, option), text)
            elif value not in choices:
                yield Problem((*key, option), f"{value!r}; allowed: {' or '.join(choices)}")


def _check_sources(config: dict, root: Path) -> Iterator[Problem]:
    known = [f"{kind}/{one}" for kind in ("datasets", "benchmarks") for one in _modules(root, kind)]
    yield from _unknown(config["sources"], known, "sources")
    for name, settings in config["sources"].items():
        if name.startswith("benchmarks/") and settings.get("on_unavailable") == "skip":
            text = "a benchmark cannot be skipped; take it out of benchmarks"
            yield Problem(("sources", name, "on_unavailable"), text)


def _check_experiment(config: dict, root: Path, name: str, names: bool) -> Iterator[Problem]:
    """Check every key of an experiment's file and of its base's.

    Args:
        names: also look its names up in the configuration.
    """
    from collectivesft.config.mixture import read_mixture
    from collectivesft.sources.model_source import read_source

    where = f"config/experiments/{name}.yaml"
    try:
        recipe, mixture = experiment(root, name), _read_as(read_mixture, root, where)
        yield from _unknown([recipe.base], _files(root, "models"), where, "base")
        if names:
            yield from _unknown([recipe.curation], config["curation"], where, "curation")
            taken = [] if mixture.datasets == "all" else mixture.datasets
            yield from _unknown(taken, config["datasets"], where, "mixture", "datasets")
            yield from _check_choices(config, where, recipe, mixture)
            caps = mixture.max_samples if isinstance(mixture.max_samples, dict) else {}
            yield from _unknown(caps, config["datasets"], where, "mixture", "max_samples")
        if recipe.base not in _files(root, "models"):
            return
        if recipe.base in config["experiments"]:
            text = f"{recipe.base!r} is the name of a base model too; rename it"
            yield Problem(("experiments",), text)
        repeats = [f"{name}-seed{seed}" for seed in (recipe.seeds or [])[1:]]
        repeats += [f"{name}-draw{draw}" for draw in range(2, 1 + (recipe.draws or 1))]
        for repeat in repeats:
            if repeat in config["experiments"]:
                kind = "seed" if "-seed" in repeat[len(name) :] else "draw"
                text = (
                    f"{repeat!r} is the name of a training of {name} with one more {kind};"
                    " rename it"
                )
                yield Problem(("experiments",), text)
        _read_as(read_source, root, f"config/models/{recipe.base}.yaml")
        yield from _check_model_paths(root, recipe.base)
        _check_template(root, recipe.base)
        yield from _check_length(config, root, where, recipe)
        yield from _check_answers(config, root, recipe.base)
        yield from _check_batch(config, where, recipe)
        yield from _check_rank(root, where, recipe)
        yield from _check_tokenizer(config, root, where, recipe)
        yield from _check_titles(root, where, recipe)
        yield from _check_weights(config, where, name, recipe)
    except ConfigurationError as error:
        for line in error.lines:
            place, _, text = line.partition(": ")
            yield Problem((place,), text)


def _check_choices(
    config: dict, where: str, recipe: "Experiment", mixture: "Mixture"
) -> Iterator[Problem]:
    """Refuse more draws than there are different choices of datasets."""
    if mixture.choose is None:
        return
    among = len(config["datasets"] if mixture.datasets == "all" else mixture.datasets)
    ways, draws = math.comb(among, mixture.choose), max(recipe.draws or 1, mixture.draw)
    if ways < draws:
        many = "choice" if ways == 1 else "different choices"
        text = f"{mixture.choose} of {among} datasets: {ways} {many} for {draws} draws"
        yield Problem((where, "mixture", "choose"), f"{text}; lower the numbers")


def _check_model_paths(root: Path, base: str) -> Iterator[Problem]:
    """Refuse a base model's folder or chat template that Snakemake would read as a pattern."""
    where = f"config/models/{base}.yaml"
    paths = {"source.path": model_folder(base, root)}
    paths["chat_template"] = _read_as(model(root, base).own_template, root, where)
    for key, path in paths.items():
        if path and (found := _braces(str(path))):
            yield Problem((where, *key.split(".")), found)


def _check_template(root: Path, base: str) -> None:
    """Read a base model's own chat template, where it names one."""
    from collectivesft.models.chat import read_own_template

    recipe = model(root, base)
    if path := recipe.own_template(root / f"config/models/{base}.yaml"):
        where = os.path.relpath(path, root) if path.is_relative_to(root) else str(path)
        _read_as(lambda own: read_own_template(own, recipe.end_of_turn or ""), root, where)


def _check_length(config: dict, root: Path, where: str, recipe: "Experiment") -> Iterator[Problem]:
    """Examples fit into the base model's positions, as far as these are known."""
    longest, base = recipe.training.max_length, recipe.base
    known = _known_positions(config, root, base)
    if longest > known:
        key = (where, "training", "max_length")
        yield Problem(key, f"{longest} tokens, {base} takes {known}; lower it")


def _known_positions(config: dict, root: Path, base: str) -> float:
    """Positions of a base model, as far as a file at hand tells them."""
    return next(filter(None, map(_positions, _settings(config, root, base))), math.inf)


def _check_answers(config: dict, root: Path, base: str) -> Iterator[Problem]:
    """The longest answer leaves room for a question; else no question would be asked."""
    known = _known_positions(config, root, base)
    asked = [(name, config["evaluation"].get(name, {})) for name in config["benchmarks"]]
    blocks = {
        ("protocols", protocol): config["protocols"].get(protocol, {"max_new_tokens": 0})
        for _, settings in asked
        for protocol in settings.get("protocols", [])
    }
    if any(settings.get("kind") == "clinical" for _, settings in asked):
        blocks[("clinical",)] = config["clinical"]
    for key, block in blocks.items():
        if block["max_new_tokens"] >= known:
            text = f"{block['max_new_tokens']} tokens, {base} takes {known} with the question"
            yield Problem((*key, "max_new_tokens"), f"{text}; lower it")


def _check_batch(config: dict, where: str, recipe: "Experiment") -> Iterator[Problem]:
    """Each process of a training has an example of a step."""
    processes = config["nodes"] * (config["gpus"] if config["device"] == "cuda" else 1)
    size = recipe.training.global_batch_size
    if size < processes:
        text = f"{size} examples for {processes} processes (gpus x nodes); raise it, or lower them"
        yield Problem((where, "training", "global_batch_size"), text)


def _check_rank(root: Path, where: str, recipe: "Experiment") -> Iterator[Problem]:
    """An adapter is narrower than the layers that it adapts."""
    shape, rank = model(root, recipe.base).shape, recipe.training.lora.r
    if recipe.training.method == "lora" and shape and rank > shape.hidden:
        text = f"{rank}, and {recipe.base} is {shape.hidden} wide; lower it"
        yield Problem((where, "training", "lora", "r"), text)


def _check_titles(root: Path, where: str, recipe: "Experiment") -> Iterator[Problem]:
    """The fonts have every sign of the titles, so that no paper stops after its trainings."""
    base = f"config/models/{recipe.base}.yaml"
    for file, title in ((where, recipe.title), (base, model(root, recipe.base).title)):
        if fault := title_fault(title):
            yield Problem((file, "title"), fault)


def _check_tokenizer(
    config: dict, root: Path, where: str, recipe: "Experiment"
) -> Iterator[Problem]:
    """The tokenizer serves the template and the protocols, as far as it is at hand."""
    from collectivesft.models.chat import read_own_template, training_template

    base = model(root, recipe.base)
    folders = [Path(model_folder(recipe.base, root) or os.devnull)]
    folders.append(Path(config["cache"], "models", recipe.base))
    encode = tokenizer_check.encoder(base, folders, root / ".snakemake")
    if encode is None:
        return
    if own := base.own_template(root / f"config/models/{recipe.base}.yaml"):
        template = read_own_template(own, base.end_of_turn or "")
    else:
        template = training_template(base.chat_template)
    longest = recipe.training.max_length
    if fault := tokenizer_check.template_fault(template, encode, longest):
        yield Problem((where, "training", "max_length"), fault)
    asked: dict[bool, list[tuple[str, str]]] = {}
    for benchmark in config["benchmarks"]:
        for name in config["evaluation"].get(benchmark, {}).get("protocols", []):
            how = config["protocols"].get(name, {})
            if how.get("method") == "likelihood":
                asked.setdefault(how["template"] == "lm_eval", []).append((benchmark, name))
    for lm_eval, pairs in asked.items():
        if fault := tokenizer_check.letters_fault(encode, lm_eval):
            benchmark = min(pairs)[0]
            names = " and ".join(repr(name) for other, name in sorted(pairs) if other == benchmark)
            text = f"{names} compare letters, and of {recipe.base} {fault}; take method: generate"
            yield Problem(("evaluation", benchmark, "protocols"), text)


def _check_weights(config: dict, where: str, name: str, recipe: "Experiment") -> Iterator[Problem]:
    """An adapter is published only where one is trained."""
    weights = config["hub"]["weights"]
    if name != config["headline"]["experiment"] or weights == "merged":
        return
    if recipe.training.method == "full":
        yield Problem(
            ("hub", "weights"),
            f"{weights!r} asks for an adapter, and {where} has training.method: full; take "
            "merged, or train with lora",
        )


def _settings(config: dict, root: Path, base: str) -> Iterator[dict]:
    """Yield a base model's settings at hand: of its file, of its folder, of the cache."""
    path = root / f"config/models/{base}.yaml"
    yield model(root, base).architecture or {}
    given = Path(model_folder(base, root) or os.devnull, "config.json")
    made = Path(config["cache"], "models", base, "config.json")
    for place in (given, made):
        # A folder that is older than the file may hold a different model.
        if place.is_file() and (place == given or place.stat().st_mtime > path.stat().st_mtime):
            with suppress(ValueError):  # a damaged file is for the stages to tell
                yield json.loads(place.read_bytes())


def _positions(settings: dict) -> int | None:
    """Positions of a model by its transformers configuration; None where it has no limit there."""
    parts = (settings, settings.get("text_config") or {})
    found = (part.get(key) for part in parts for key in ("max_position_embeddings", "n_positions"))
    return next(filter(None, found), None)


def refuse(problems: Iterable[Problem], paths: Iterable[Path] = ()) -> None:
    """Raise what was found on this machine, each with its file.

    Args:
        paths: the files of the configuration, as ``check`` takes them.

    Raises:
        ConfigurationError: there are problems.
    """
    if problems := list(problems):
        places = _places(paths)
        raise ConfigurationError(*dict.fromkeys(_line(one, places) for one in problems))


def converter_problems(config: dict) -> Iterator[Problem]:
    """The converter is there where a GGUF copy is asked for, before anything runs."""
    hub = config["hub"]
    if hub["gguf"] and not Path(hub["gguf_converter"]).is_file():
        text = f"{hub['gguf_converter']}: no such file; run envs/converter, or set hub.gguf to null"
        yield Problem(("hub", "gguf_converter"), text)


def cache_problems(config: dict) -> Iterator[Problem]:
    """Make the cache: a folder that is not there yet could not be bound into an image."""
    try:
        Path(config["cache"]).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        text = (
            f"{config['cache']}: cannot be made a folder ({error.strerror}); name a different one"
        )
        yield Problem(("cache",), text)


def key_problems(config: dict, environ: Mapping[str, str]) -> Iterator[Problem]:
    """The variables of servers' keys are set, before anything runs; no key is shown."""
    for place, server in _servers(config).items():
        name = server.get("key_env")
        if name and not environ.get(name):
            yield Problem((*place, "key_env"), f"{name} is not set; export it with the key")


def keys(config: dict) -> list[str]:
    """Names of the environment variables that hold keys of servers that this run asks."""
    return sorted({one["key_env"] for one in _servers(config).values() if one.get("key_env")})


def _servers(config: dict) -> dict[tuple[str, ...], dict]:
    """Return the servers that a run asks, by their keys in the configuration."""
    found = {
        ("clinical", one): config["clinical"].get(one) or {} for one in ("judge", "second_judge")
    }
    return (
        {("engine",): config["engine"]} | found if config["engine"]["kind"] == "openai" else found
    )


def check_schema(value: Any, root: Path, schema: str, where: str) -> None:
    """Check a value against a file of workflow/schemas; the first problem is an error."""
    import jsonschema

    from collectivesft.common.validation import allowed, shown

    rules = read_yaml(root / f"workflow/schemas/{schema}.schema.yaml")
    validator = jsonschema.Draft202012Validator(rules)
    errors = sorted(validator.iter_errors(value), key=lambda e: (len(e.path), str(e.path)))
    if not errors:
        return
    error = errors[0]
    key = ".".join(str(part) for part in error.absolute_path) or where
    if error.validator == "additionalProperties":
        unknown = sorted(set(error.instance) - set(error.schema.get("properties", {})))[0]
        raise ConfigurationError(f"{key}.{unknown}: unknown key")
    if error.validator == "required":
        raise ConfigurationError(f"{key}: size and sha256 are needed")
    raise ConfigurationError(f"{key}: {shown(error.instance)}; allowed: {allowed(error.schema)}")


def _unknown(names: Iterable[str], known: Iterable[str], *key: str) -> Iterator[Problem]:
    from collectivesft.common.validation import nearest

    known = list(known)
    for name in names:
        if name not in known:
            yield Problem(key, f"unknown name {name!r}; {nearest(name, known)}")


def _modules(root: Path, package: str) -> list[str]:
    folder = root / "src/collectivesft" / package
    return sorted(path.stem for kind in ("py", "yaml") for path in folder.glob(f"[a-z]*.{kind}"))


def _files(root: Path, folder: str) -> list[str]:
    return sorted(path.stem for path in (root / "config" / folder).glob("*.yaml"))


def _expand_paths(config: dict) -> Iterator[Problem]:
    """Expand ``~`` and variables in every configured path, once; nothing expands them again."""
    from collectivesft.common.files import expand_path

    places = [(config, ("cache",)), (config["hub"], ("hub", "gguf_converter"))]
    places += [(config["raw"], ("raw", key)) for key in ("folder", "checksums")]
    for name, source in config["sources"].items():
        places += [(source, ("sources", name, key)) for key in ("folder", "checksums")]
    places += [(config["containers"], ("containers", name)) for name in config["containers"]]
    for block, key in places:
        given = block.get(key[-1])
        if given is None:
            continue
        try:
            block[key[-1]] = expand_path(given)
        except ValueError as error:
            yield Problem(key, str(error))
            continue
        if found := _path_fault(block[key[-1]]):
            yield Problem(key, found)


def _path_fault(path: str) -> str | None:
    """Return the fault of a path that Snakemake cannot take; None where it is none."""
    if not path.strip():
        return f"{path!r} is blank; name a folder or file"
    if len(path.splitlines()) > 1 or path != path.rstrip("\r\n"):
        return f"{path!r} has a line end, which Snakemake takes for a mistake; rename it"
    return _braces(path)


def _braces(path: str) -> str | None:
    """Return the fault of a path that Snakemake would read as a pattern; None where it is none."""
    if not set("{}") & set(path):
        return None
    return f"{path!r} has a brace, which Snakemake reads as a wildcard; rename it, or name a link"


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
    from collectivesft.sources.model_source import FolderModel, read_source

    source = _read_as(read_source, root, f"config/models/{base}.yaml")
    return str(source.path) if isinstance(source, FolderModel) else None
