"""The manuscript's tables as CSV for programs and LaTeX for other manuscripts."""

from pathlib import Path
from typing import Any

from collectivesft.common.files import write_text
from collectivesft.common.table_files import tabular, write_csv
from collectivesft.scores.cases.rubric import ASPECTS
from collectivesft.scores.report.leaderboard import AVERAGE

Rows = list[dict[str, Any]]
# Title of each table.
NAMES = {
    "datasets": "training datasets",
    "drops": "dropped rows",
    "scores": "scores",
    "categories": "accuracy by category",
    "text": "scores of free text",
    "clinical": "overlap with clinical references",
    "grades": "grades of clinical cases",
    "criteria": "criteria that answers to clinical cases meet",
    "published-grades": "published grades of clinical cases",
    "ablations": "experiments",
    "agreement": "agreement of answers",
}


def write_tables(values: dict[str, Any], folder: Path) -> None:
    """Write each table as ``NAME.csv`` and ``NAME.tex``.

    Args:
        values: what ``paper values`` wrote.
        folder: an existing folder.
    """
    kind = " (a demonstration)" if values["demo"] else ""
    head = f"% Table {{}} of the CollectiveSFT run {values['run']}{kind}; needs booktabs.\n"
    for name, rows in tables(values).items():
        write_csv(folder / f"{name}.csv", rows)
        text = head.format(name) + latex(rows)
        write_text(folder / f"{name}.tex", text if text.isascii() else _UNICODE + text)


def tables(values: dict[str, Any]) -> dict[str, Rows]:
    """Rows of each table by its name; accuracies in percent, two digits."""
    return {
        "datasets": [_dataset(row, values.get("perplexity")) for row in values["datasets"]],
        "drops": values["drops"],
        "scores": [_score(row) for row in values["scores"]],
        "categories": [_category(row) for row in values["headline"]["categories"]],
        "text": [_text(row) for row in values["text"]],
        "clinical": [_clinical(row) for row in values["clinical"]],
        "grades": [_graded(row) for row in values["clinical"] if row.get("judged")],
        "criteria": [_criteria(row) for row in values["clinical"] if row.get("criteria")],
        "published-grades": [_published(row) for row in _board(values)],
        "ablations": [_experiment(row) for row in values["experiments"]]
        + [_planned(row) for row in values["planned"]],
        "agreement": [_agreement(row) for row in values["agreement"]],
    }


def _dataset(row: dict[str, Any], perplexity: dict[str, Any] | None) -> dict[str, Any]:
    measured: dict[str, Any] = {}
    if perplexity:
        value = perplexity["datasets"].get(row["name"], {}).get("perplexity")
        measured["perplexity"] = "" if value is None else f"{value:.2f}"
    return {
        "dataset": row["title"],
        "used": "no" if row["left_out"] else "yes",
        "styles": " ".join(row["styles"]),
        "languages": " ".join(row["languages"]),
        "published": "" if row["published"] is None else row["published"],
        **{key: row[key] for key in ("rows_in", "unusable", "duplicate", "contaminated", "kept")},
        **measured,
    }


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.2f}"


def _interval(name: str, part: dict[str, float] | None) -> dict[str, str]:
    keys = {name: "value", f"{name}_low": "low", f"{name}_high": "high"}
    return {new: _percent(part[key]) if part else "" for new, key in keys.items()}


def _score(row: dict[str, Any]) -> dict[str, Any]:
    head = {key: row[key] for key in ("model", "benchmark", "protocol", "items")}
    averages = _interval("macro", row["macro"]) | _interval("micro", row["micro"])
    others = {"official_macro": row["official_macro"], "submitted_micro": row["submitted"]}
    rest = {key: _percent(value) for key, value in others.items()}
    return head | averages | rest | {"differ": row["differ"], "unparsed": row["unparsed"]}


def _category(row: dict[str, Any]) -> dict[str, Any]:
    head = {key: row[key] for key in ("category", "label", "items")}
    values = _interval("base", row["base"]) | _interval("tuned", row["tuned"])
    return head | values | {"change": _percent(row["change"])}


def _text(row: dict[str, Any]) -> dict[str, Any]:
    head = {key: row[key] for key in ("model", "benchmark", "protocol", "items")}
    return head | _interval("macro", row["macro"])


def _clinical(row: dict[str, Any]) -> dict[str, Any]:
    rates = {key: _percent(row[key]) for key in ("bleu", "rouge")}
    return {"model": row["model"], "answers": row["answers"]} | rates


def _board(values: dict[str, Any]) -> Rows:
    board = values["clinical_leaderboard"]
    return board["rows"] if board else []


def _published(row: dict[str, Any]) -> dict[str, Any]:
    return {"model": row["model"]} | {key: f"{row[key]:.2f}" for key in (*ASPECTS, AVERAGE)}


def _graded(row: dict[str, Any]) -> dict[str, Any]:
    by = row["judged"]
    means = {key: "" if by[key] is None else f"{by[key]:.2f}" for key in (*ASPECTS, AVERAGE)}
    return {"model": row["model"], "judge": by["judge"], **means, "graded": by["graded"]}


def _criteria(row: dict[str, Any]) -> dict[str, Any]:
    by, both = row["criteria"], row.get("criteria_agreement") or {}
    head = {"model": row["model"], "judge": by["judge"], "listed_by": by["listed_by"]}
    counts = {key: by[key] for key in ("criteria", "met", "answers", "unchecked")}
    kappa = both.get("kappa")
    return (
        head
        | _interval("share", by["share"])
        | counts
        | {"kappa": "" if kappa is None else f"{kappa:.3f}"}
    )


def _experiment(row: dict[str, Any]) -> dict[str, Any]:
    head = {key: row[key] for key in ("model", "title")} | {"run": "yes", "role": row["role"]}
    head |= {"examples": "" if row["examples"] is None else row["examples"]}
    values = _interval("macro", row["macro"]) | _interval("difference", row["difference"])
    spread = {"trainings": row["trainings"]}
    spread |= {"spread": "" if row["spread"] is None else f"{100 * row['spread']:.2f}"}
    return (
        head
        | values
        | spread
        | {key: "" if row[key] is None else f"{row[key]:.3g}" for key in ("p", "p_holm")}
    )


def _planned(row: dict[str, Any]) -> dict[str, Any]:
    head = {"model": row["name"], "title": row["title"], "run": "no", "role": "experiment"}
    return (
        head
        | {"examples": ""}
        | _interval("macro", None)
        | _interval("difference", None)
        | {"trainings": "", "spread": ""}
        | {"p": "", "p_holm": ""}
    )


def _agreement(row: dict[str, Any]) -> dict[str, Any]:
    head = {key: row[key] for key in ("model", "first", "second", "items")}
    rates = {key: _percent(row[key]) for key in ("same", "first_right", "second_right")}
    return head | rates | {"kappa": "" if row["kappa"] is None else f"{row['kappa']:.3f}"}


_UNICODE = "% For XeLaTeX or LuaLaTeX with a font that has all its signs, Chinese ones too.\n"


def latex(rows: Rows) -> str:
    """Rows as a LaTeX tabular, their keys as its head."""
    return tabular(list(rows[0]), [list(row.values()) for row in rows]) if rows else "% no rows\n"
