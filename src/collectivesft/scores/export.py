"""Export a benchmark's scores and answers in the form of Every Eval Ever 0.3.0.

Schema: the package every_eval_ever on PyPI, ``schemas/eval.schema.json`` for the aggregate file and
``schemas/instance_level_eval.schema.json`` for its instances, one JSON line an item.
"""

import hashlib
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from collectivesft import __version__, benchmarks
from collectivesft.common.errors import UserError
from collectivesft.common.files import read_json, read_jsonl, sha256, write_json, write_text
from collectivesft.common.made_up import sentence
from collectivesft.sources.spec import Hub

SCHEMA = "0.3.0"
_ORGANISATION = "The CollectiveSFT release contributors"
# Result id to title, description, and where the score file has the value.
_METRICS = {
    "corrected.micro": (
        "accuracy, micro", "Share of items with the right letters, corrected reading", "micro",
    ),
    "corrected.macro": (
        "accuracy, macro", "Mean over categories of that share, corrected reading", "macro",
    ),
    "official.micro": (
        "accuracy, micro, official",
        "Share of items that are right by the benchmark's own reading",
        "official",
    ),
}  # fmt: skip


def export_eee(
    scores: Path,
    answers: Path,
    model_id: str,
    out: Path,
    *,
    made_up: bool = False,
    time: int | None = None,
) -> Path:
    """Write the aggregate file and its instances below ``out``, as their datastore names them.

    Args:
        scores: score file of a choice benchmark.
        answers: judged answers that ``scores score`` wrote with it.
        model_id: ``owner/name`` of the model.
        out: folder; the files are ``data/BENCHMARK/OWNER/NAME/UUID.json`` and
            ``UUID_samples.jsonl``, with a UUID that follows from the input's bytes.
        made_up: the questions were written for this package; the files say so.
        time: seconds since 1970 of the record; by default those of the score file.

    Returns:
        Path of the aggregate file.

    Raises:
        UserError: a model id without owner, or files of different models or items.
    """
    owner, slash, name = model_id.partition("/")
    if not slash or not owner or not name or "/" in name:
        raise UserError(f"--model-id {model_id}: has no owner. Write it as owner/name.")
    content = read_json(scores)
    if content.get("kind") != "choice":
        raise UserError(
            f"{scores}: no scores of a choice benchmark. Name a file of `scores score`."
        )
    rows = [row for _, row in read_jsonl(answers)]
    _check(scores, content, answers, rows)
    when = str(int(scores.stat().st_mtime) if time is None else time)
    run = f"{content['benchmark']}/{owner}_{name}/{when}"
    digest = hashlib.sha256(f"{run} {sha256(scores)} {sha256(answers)}".encode()).digest()
    identifier = uuid.UUID(bytes=digest[:16], version=4)
    folder = Path("data", content["benchmark"], owner, name)
    instances = folder / f"{identifier}_samples.jsonl"
    lines = [
        json.dumps(one, ensure_ascii=False) for one in _instances(run, model_id, content, rows)
    ]
    write_text(out / instances, "".join(f"{line}\n" for line in lines))
    aggregate = _aggregate(run, model_id, when, content, made_up)
    aggregate["detailed_evaluation_results"] = {
        "format": "jsonl",
        "file_path": instances.as_posix(),
        "hash_algorithm": "sha256",
        "checksum": sha256(out / instances),
        "total_rows": len(lines),
    }
    path = out / folder / f"{identifier}.json"
    write_json(path, aggregate)
    return path


def _check(scores: Path, content: dict[str, Any], answers: Path, rows: list[Any]) -> None:
    """Refuse answers that are not those of the score file."""
    models = {row.get("model") for row in rows}
    if models != {content["model"]}:
        named = ", ".join(sorted(map(str, models))) or "nobody"
        remedy = f"{scores} is of {content['model']}. Name the answers of the same model"
        raise UserError(f"{answers}: holds answers of {named}, {remedy}.")
    if len(rows) != content["items"]:
        remedy = f"{scores} counts {content['items']:,} items. Name the answers of the same run"
        raise UserError(f"{answers}: holds {len(rows):,} answers, {remedy}.")


def _aggregate(
    run: str, model_id: str, when: str, content: dict[str, Any], made_up: bool
) -> dict[str, Any]:
    details = {"protocol": content["protocol"], "method": content["method"]}
    details |= {"note": sentence(made_up)} if made_up else {}
    return {
        "schema_version": SCHEMA,
        "evaluation_id": run,
        "retrieved_timestamp": when,
        "source_metadata": {
            "source_name": "CollectiveSFT release package",
            "source_type": "evaluation_run",
            "source_organization_name": _ORGANISATION,
            "evaluator_relationship": "first_party",
            "additional_details": details,
        },
        "eval_library": {"name": "collectivesft", "version": __version__},
        "model_info": {
            "name": model_id.partition("/")[2],
            "id": model_id,
            "developer": model_id.partition("/")[0],
            "additional_details": {
                "deployment_type": "self_deployed",
                "model_availability": "open_weights",
            },
        },
        "evaluation_results": [
            _result(key, title, text, content, content[where], made_up)
            for key, (title, text, where) in _METRICS.items()
        ],
    }


def _result_id(content: dict[str, Any], key: str) -> str:
    return f"{content['benchmark']}.{content['protocol']}.{key}"


def _result(
    key: str, title: str, text: str, content: dict[str, Any], value: dict[str, Any], made_up: bool
) -> dict[str, Any]:
    """Return one result; an official value has no interval."""
    score = value["micro"] if key == "official.micro" else value["value"]
    details: dict[str, Any] = {"score": float(score)}
    if "low" in value:
        details["uncertainty"] = {
            "confidence_interval": {
                "lower": float(value["low"]),
                "upper": float(value["high"]),
                "confidence_level": 0.95,
                "method": "bootstrap over items",
            },
            "num_samples": content["items"],
        }
    return {
        "evaluation_result_id": _result_id(content, key),
        "evaluation_name": content["benchmark"],
        "source_data": _source(content["benchmark"], made_up),
        "metric_config": {
            "evaluation_description": text,
            "metric_id": "accuracy" if key == "corrected.micro" else f"collectivesft.{key}",
            "metric_name": title,
            "metric_kind": "accuracy",
            "metric_unit": "proportion",
            "lower_is_better": False,
            "score_type": "continuous",
            "min_score": 0.0,
            "max_score": 1.0,
        },
        "score_details": details,
    }


def _source(name: str, made_up: bool) -> dict[str, Any]:
    """Return where the questions are from, by the benchmark's own entry."""
    if made_up:
        return {"dataset_name": f"{name}, made up", "source_type": "other"}
    source = benchmarks.get(name).SOURCE
    places = (place for file in source.files for place in file.locations)
    hub = next((place for place in places if isinstance(place, Hub)), None)
    if hub is not None:
        about = {"hf_repo": hub.repo, "additional_details": {"revision": hub.revision}}
        return {"dataset_name": source.title, "source_type": "hf_dataset"} | about
    return {"dataset_name": source.title, "source_type": "url", "url": [source.homepage]}


def _instances(
    run: str, model_id: str, content: dict[str, Any], rows: list[dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Yield one instance an item, each of the corrected micro accuracy."""
    method = "likelihood" if content["method"] == "likelihood" else "regex"
    for row in rows:
        prompt, raw = row["prompt"] or "", row["raw"] or ""
        instance = {
            "schema_version": SCHEMA,
            "evaluation_id": run,
            "model_id": model_id,
            "evaluation_name": content["benchmark"],
            "evaluation_result_id": _result_id(content, "corrected.micro"),
            "sample_id": row["id"],
            "sample_hash": hashlib.sha256(f"{prompt}{row['answer']}".encode()).hexdigest(),
            "interaction_type": "single_turn",
            "input": {"raw": prompt, "reference": [row["answer"]]},
            "output": {"raw": [raw]},
            "answer_attribution": [
                {
                    "turn_idx": 0,
                    "source": "output.raw",
                    "extracted_value": row["corrected"],
                    "extraction_method": method,
                    "is_terminal": True,
                }
            ],
            "evaluation": {
                "score": float(row["corrected_right"]),
                "is_correct": bool(row["corrected_right"]),
            },
            "metadata": {key: row[key] for key in ("category", "subcategory") if row.get(key)},
        }
        yield instance | ({"error": row["error"]} if row.get("error") else {})
