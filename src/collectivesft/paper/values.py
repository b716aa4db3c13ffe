"""Collects every number that the manuscript shows from the run's result files."""

from pathlib import Path
from typing import Any

from collectivesft import __version__, benchmarks, datasets
from collectivesft.errors import InputError
from collectivesft.files import read_json, read_jsonl, write_json
from collectivesft.sft.recipe import read_experiment, read_model

TITLE = "CollectiveSFT, rebuilt: does diverse medical fine-tuning lift a small model on CMB?"
# The steps whose losses the manuscript counts under one heading.
_UNUSABLE = ("read", "clean")
_ONE = {"dedup": "duplicate", "decontaminate": "contaminated"}


def collect(
    run: str,
    demo: bool,
    headline: tuple[str, str, str],
    files: dict[str, Path],
    scores: list[Path],
    out: Path,
) -> dict[str, Any]:
    """Write the manuscript's values as JSON.

    Args:
        headline: experiment, benchmark and protocol that the abstract is about.
        files: paths of ledger, mixture, contamination, tokens, history, recipe, model, leaderboard.
        scores: score files of all models, benchmarks and protocols.

    Raises:
        InputError: a score of the headline is missing.
    """
    experiment, benchmark, _ = headline
    ledger, mixture = read_json(files["ledger"]), read_json(files["mixture"])
    recipe, model = read_experiment(files["recipe"]), read_model(files["model"])
    tokens = read_json(files["tokens"])["train"]
    rows = [read_json(path) for path in scores]
    sets = [_dataset(name, ledger, mixture) for name in ledger["order"]]
    values = {
        "title": TITLE,
        "run": run,
        "demo": demo,
        "version": __version__,
        "command": _command(run, demo),
        "experiment": {"name": experiment, "title": recipe.title},
        "base": {"title": model.title, "parameters": model.parameters},
        "headline": _headline(headline, rows, files["model"].stem, files["recipe"]),
        "datasets": sets,
        "totals": _totals(sets, mixture),
        "drops": _drops(ledger),
        "contamination": read_json(files["contamination"]),
        "training": recipe.training.model_dump(),
        "tokens": {key: tokens[key] for key in ("examples", "tokens", "loss_tokens", "truncated")},
        "history": _history(files["history"]),
        "scores": [_score(row) for row in rows if row["kind"] == "choice"],
        "clinical": [row for row in rows if row["kind"] == "clinical"],
        "leaderboard": _leaderboard(files["leaderboard"]) if benchmark == "cmb" else None,
    }
    write_json(out, values)
    return values


def _command(run: str, demo: bool) -> str:
    return f"make {run}" if demo else "snakemake --cores all --use-apptainer"


def _dataset(name: str, ledger: dict, mixture: dict) -> dict[str, Any]:
    source, steps = datasets.get(name).SOURCE, ledger["datasets"][name]
    drawn = next((part for part in mixture["datasets"] if part["dataset"] == name), None)
    dropped = {step: sum(counts["dropped"].values()) for step, counts in steps.items()}
    return {
        "left_out": ledger["left_out"].get(name),
        # In a narrow table, without what stands in parentheses.
        "title": source.title.partition(" (")[0],
        "citation": source.citation,
        "styles": list(drawn["style_counts"]) if drawn else [],
        "languages": list(drawn["language_counts"]) if drawn else [],
        "published": source.rows,
        "rows_in": steps["read"]["rows_in"],
        "unusable": sum(dropped.get(step, 0) for step in _UNUSABLE),
        **{key: dropped.get(step, 0) for step, key in _ONE.items()},
        "kept": steps.get("decontaminate", {"kept": 0})["kept"],
    }


def _totals(sets: list[dict], mixture: dict) -> dict[str, int]:
    keys = ("rows_in", "unusable", "duplicate", "contaminated", "kept")
    return {key: sum(entry[key] for entry in sets) for key in keys} | {"train": mixture["train"]}


def _drops(ledger: dict) -> list[dict[str, Any]]:
    return [
        {"step": step, "reason": reason, "rows": rows}
        for step in ledger["steps"]
        for reason, rows in ledger["totals"][step]["dropped"].items()
    ]


def _history(path: Path) -> dict[str, Any]:
    rows = [row for _, row in read_jsonl(path)]
    losses = [row["loss"] for row in rows if "loss" in row]
    held_out = [row["eval_loss"] for row in rows if "eval_loss" in row]
    return {
        "steps": rows[-1]["step"],
        "first_loss": losses[0],
        "last_loss": losses[-1],
        "last_eval_loss": held_out[-1] if held_out else None,
    }


def _headline(headline: tuple[str, str, str], rows: list[dict], base: str, path: Path) -> dict:
    experiment, benchmark, protocol = headline
    found = {
        row["model"]: row
        for row in rows
        if row["benchmark"] == benchmark and row.get("protocol") == protocol
    }
    for model in (experiment, base):
        if model not in found:
            problem = f"no score of {model} on {benchmark} by {protocol}"
            raise InputError(path, problem, "Score it, or choose another headline in the config")
    return {
        "items": found[experiment]["items"],
        "benchmark_title": benchmarks.get(benchmark).SOURCE.title,
        "protocol": protocol,
        "key_date": found[experiment]["key"]["date"],
        "against": _against(found[experiment]),
        "tuned": {key: found[experiment][key] for key in ("macro", "micro", "differ")},
        "base": {key: found[base][key] for key in ("macro", "micro", "differ")},
    }


def _against(row: dict) -> dict[str, Any] | None:
    """The difference from the base model in macro accuracy, and the paired test's p value."""
    if row["against"] is None:
        return None
    reading = row["against"]["corrected"]
    return {"difference": reading["difference"]["macro"], "p": reading["p"]}


def _score(row: dict) -> dict[str, Any]:
    plain = {key: row[key] for key in ("model", "protocol", "items", "macro", "micro", "differ")}
    title = benchmarks.get(row["benchmark"]).SOURCE.title
    return plain | {"benchmark": title, "official_macro": row["official"]["macro"]}


def _leaderboard(path: Path) -> dict[str, str]:
    """Source and date, which its file name ends in."""
    return {"source": "public CMB leaderboard", "date": "-".join(path.stem.split("-")[-3:])}
