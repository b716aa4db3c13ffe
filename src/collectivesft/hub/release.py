"""Write the files that go to the Hub with the model: card, manifest, scores, an adapter."""

import csv
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from collectivesft import __version__, benchmarks, datasets
from collectivesft.common.errors import UserError
from collectivesft.common.files import (
    atomic_path,
    place,
    read_json,
    read_jsonl,
    sha256,
    write_json,
    write_text,
)
from collectivesft.config.experiment import read_experiment, read_model
from collectivesft.hub.card import eval_results
from collectivesft.hub.card.licence_notice import notice
from collectivesft.hub.card.model_card import hub_name, render
from collectivesft.hub.evidence.code_digest import code_digest
from collectivesft.hub.evidence.score_names import answers_name, score_name
from collectivesft.sources.spec import Hub

NOTICE = "NOTICE"


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """Result files of one run that a release is made of; each is a path."""

    model: Path
    recipe: Path
    base_recipe: Path
    ledger: Path
    mixture: Path
    data_card: Path
    contamination: Path
    history: Path
    tokens: Path
    table: Path
    lock: Path
    scores: tuple[Path, ...]
    raw: tuple[Path, ...]
    answer: Path | None = None  # to the fixed question
    trained: Path | None = None  # what training wrote: the adapter, where it was LoRA
    base: Path | None = None  # folder of the base model
    other: tuple[Path, ...] = ()  # further results whose digests the manifest holds
    locks: tuple[Path, ...] = ()
    answers: tuple[Path, ...] = ()  # judged answers, question by question
    gguf: Path | None = None  # report on the GGUF copy, in the same folder


def release(
    inputs: Inputs,
    *,
    run: str,
    repo: str,
    demo: bool,
    made_up: bool = False,
    experiment: str,
    card: Path,
    manifest: Path,
    files: Path | None = None,
    tag: str = "",
    weights: str = "merged",
    settings: dict[str, Any] | None = None,
    package_url: str | None = None,
) -> None:
    """Write the model card, the manifest, and the files that go with them.

    Args:
        repo: ``owner/name`` that the model will have on the Hub; ``tag`` its version there.
        made_up: all data and questions were written for this package; the card says so.
        card: README.md to write.
        manifest: JSON to write: every file of the model and every raw file with its sha256, and
            the counts, scores and settings behind the model.
        files: folder to write: scores, the notice that the base model's terms ask for, and the
            adapter and the GGUF copy where they are wanted.
        weights: merged, adapter or both.
        settings: the run's configuration, without what belongs to one machine.
        package_url: where readers of the card get this package; None where it is not published.

    Raises:
        UserError: an adapter is wanted and there is none, or the GGUF copy is not what its report
            describes.
    """
    content = manifest_content(run, repo, demo, experiment, inputs)
    content |= {"tag": tag, "weights": weights, "config": settings or {}, "made_up": made_up}
    content["package"] |= {"url": package_url} if package_url else {}
    if weights == "adapter":
        listed = content["model"]["files"]
        content["model"]["files"] = {n: f for n, f in listed.items() if not _is_weights(n)}
    listed = {}
    if files is not None:
        with atomic_path(files) as partial:
            partial.mkdir()
            _beside(partial, inputs, weights, content["base"])
            results = eval_results.files(content, lambda name: benchmarks.get(name).SOURCE)
            for name, text in results.items():
                write_text(partial / name, text)
            copy = content["gguf"]["file"] if "gguf" in content else None
            text = notice(content["base"], experiment, weights, repo, copy)
            write_text(partial / NOTICE, text)
            listed = {name: _facts(partial / name) for name in _names(partial)}
    data_card = inputs.data_card.read_text(encoding="utf-8")
    with open(inputs.table, encoding="utf-8", newline="") as handle:
        table = list(csv.DictReader(handle))
    trained_on = [] if made_up else _hub_datasets(content["mixture"])
    write_text(card, render(content, data_card, table, NOTICE if files else None, trained_on))
    write_json(manifest, content | {"files": listed | {"README.md": _facts(card)}})


def _hub_datasets(mixture: dict[str, Any]) -> list[str]:
    """Return the repositories on the Hub of a mixture's datasets, by each dataset's own entry."""
    sources = [datasets.get(part["dataset"]).SOURCE for part in mixture["datasets"]]
    places = (place for one in sources for file in one.files for place in file.locations)
    return sorted({p.repo for p in places if isinstance(p, Hub) and p.kind == "dataset"})


def _beside(folder: Path, inputs: Inputs, weights: str, base: dict[str, Any]) -> None:
    (folder / "scores").mkdir()
    for path in (inputs.table, *inputs.scores):
        name = path.name if path == inputs.table else score_name(path)
        shutil.copyfile(path, folder / "scores" / name)
    if weights != "merged":
        _copy_adapter(inputs.trained, folder / "adapter", base)
    if inputs.gguf is not None:
        _place_gguf(inputs.gguf, folder)


def _place_gguf(report: Path, folder: Path) -> None:
    """The GGUF copy, which is large, gets a second name."""
    content = read_json(report)
    source = report.parent / content["file"]
    if sha256(source) != content["sha256"]:
        raise UserError(f"{source}: is not what {report} describes. Run `hub gguf` again.")
    place(source, folder / source.name)


def _copy_adapter(trained: Path | None, out: Path, base: dict[str, Any]) -> None:
    """The adapter, which names its base by its page on the Hub and not by a folder of here."""
    if trained is None or not (trained / "adapter_config.json").is_file():
        remedy = "Set hub.weights to merged, or train with method lora"
        raise UserError(f"{trained}: no adapter there, hub.weights asks for one. {remedy}.")
    out.mkdir()
    shutil.copyfile(trained / "adapter_model.safetensors", out / "adapter_model.safetensors")
    settings = json.loads((trained / "adapter_config.json").read_text(encoding="utf-8"))
    settings["base_model_name_or_path"] = hub_name(base) or base["name"]
    settings["revision"] = base["source"].get("revision")
    write_json(out / "adapter_config.json", settings)


def _is_weights(name: str) -> bool:
    return name.endswith((".safetensors", ".safetensors.index.json"))


def _names(folder: Path) -> list[str]:
    """Names of a folder's files, sorted; hidden ones are the workflow's own notes."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return sorted(p.relative_to(folder).as_posix() for p in found if not p.name.startswith("."))


def manifest_content(
    run: str, repo: str, demo: bool, experiment: str, inputs: Inputs
) -> dict[str, Any]:
    """The manifest; nothing in it depends on the machine or the time, but `precision: auto`."""
    recipe = read_experiment(inputs.recipe)
    sources = [read_json(path) for path in inputs.raw]
    history = [row for _, row in read_jsonl(inputs.history)]
    return {
        "package": {
            "name": "collectivesft",
            "version": __version__,
            "code_sha256": code_digest(),
        },
        "run": run,
        "demo": demo,
        "repo": repo,
        "experiment": {"name": experiment} | recipe.model_dump(exclude={"base"}),
        "base": _base(inputs.base_recipe) | _files("files", inputs.base),
        "model": _files("files", inputs.model),
        "raw": {raw["source"]: raw["files"] for raw in sources},
        "left_out": {raw["source"]: raw["left_out"] for raw in sources if "left_out" in raw},
        "mixture": read_json(inputs.mixture),
        "ledger": read_json(inputs.ledger)["totals"],
        "contamination": {
            k: v for k, v in read_json(inputs.contamination).items() if k not in _LISTS
        },
        "training": {"steps": history[-1]["step"], "last": history[-1]}
        | {"tokens": read_json(inputs.tokens)["train"]}
        | _decided(recipe.training.precision, history, inputs.history),
        "scores": [read_json(path) for path in inputs.scores],
        "lock": {"file": inputs.lock.name, "sha256": sha256(inputs.lock)},
        "locks": {path.name: sha256(path) for path in inputs.locks},
        "results": _results(inputs),
        "answer": read_json(inputs.answer) if inputs.answer else None,
    } | ({"gguf": read_json(inputs.gguf)} if inputs.gguf else {})


def _decided(precision: str, history: list[dict[str, Any]], path: Path) -> dict[str, str]:
    """The precision that the training decided, where its recipe leaves that to the machine."""
    if precision != "auto":
        return {}
    if "precision" not in history[0]:
        problem = "does not say which precision `auto` was"
        raise UserError(f"{path}: {problem}. Train again, or state it in the recipe.")
    return {"precision": history[0]["precision"]}


def _files(key: str, folder: Path | None) -> dict[str, Any]:
    if folder is None:
        return {}
    return {key: {name: _facts(folder / name) for name in _names(folder)}}


# Parts of contamination.json that name examples one by one.
_LISTS = ("pairs", "found", "found_in_more")
_SINGLE = ("recipe", "base_recipe", "ledger", "mixture", "data_card", "contamination", "history",
           "tokens", "table")  # fmt: skip


def _results(inputs: Inputs) -> dict[str, str]:
    """Return part to sha256 of the files that the release was made of."""
    paths = {name: getattr(inputs, name) for name in _SINGLE}
    paths |= {f"scores/{score_name(path)}": path for path in inputs.scores}
    paths |= {f"answers/{answers_name(path)}": path for path in inputs.answers}
    paths |= {f"raw/{read_json(path)['source']}": path for path in inputs.raw}
    paths |= {path.name: path for path in inputs.other}
    return {name: sha256(path) for name, path in paths.items()}


def _base(recipe: Path) -> dict[str, Any]:
    content = read_model(recipe).model_dump()
    content["source"].pop("path", None)  # a folder of this machine
    return {"name": recipe.stem} | content


def _facts(path: Path) -> dict[str, Any]:
    return {"size": path.stat().st_size, "sha256": sha256(path)}
