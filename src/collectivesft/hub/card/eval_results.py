"""Results in the Hub's own form: ``.eval_results/*.yaml``, one file a benchmark.

The Hub reads them for the model's page, and for the leaderboard of a dataset whose owner has
registered it as a benchmark (huggingface.co/docs/hub/eval-results).
"""

from collections.abc import Callable
from typing import Any

from collectivesft.sources.spec import Hub, Source

FOLDER = ".eval_results"
# Of our own files; results that somebody else added keep their names.
OWNED = f"{FOLDER}/collectivesft-"


def files(manifest: dict[str, Any], source: Callable[[str], Source]) -> dict[str, str]:
    """Return name to YAML text for each benchmark that lies on the Hub.

    A demonstration's results, on few or made-up questions, are no results on a benchmark: none.

    Args:
        manifest: of the release; its ``scores`` are shares between 0 and 1.
        source: returns where a benchmark's files come from, by the benchmark's name.
    """
    import yaml
    from huggingface_hub import eval_result_entries_to_yaml

    if manifest["demo"] or manifest.get("made_up"):
        return {}
    found: dict[str, list[Any]] = {}
    for row in manifest["scores"]:
        own = (row["model"], row["kind"]) == (manifest["experiment"]["name"], "choice")
        if own and (place := _place(source(row["benchmark"]))):
            found.setdefault(row["benchmark"], []).append(_entry(row, *place))
    return {
        f"{OWNED}{name}.yaml": yaml.safe_dump(
            eval_result_entries_to_yaml(entries), allow_unicode=True, sort_keys=False
        )
        for name, entries in sorted(found.items())
    }


def _place(source: Source) -> tuple[str, str] | None:
    """Return the source's dataset on the Hub and its commit; None where it is not from there."""
    places = (place for file in source.files for place in file.locations)
    return next(((p.repo, p.revision) for p in places if isinstance(p, Hub)), None)


def _entry(row: dict[str, Any], repo: str, revision: str) -> Any:
    """Return one result. ``float`` makes plain numbers: YAML writes numpy values as objects."""
    from huggingface_hub import EvalResultEntry

    macro = row["macro"]
    bounds = ""
    if "low" in macro:
        bounds = f", 95 % interval {100 * macro['low']:.2f} to {100 * macro['high']:.2f}"
    return EvalResultEntry(
        dataset_id=repo,
        task_id=row["benchmark"],
        value=round(100 * float(macro["value"]), 2),
        dataset_revision=revision,
        notes=f"accuracy in %, macro over categories; protocol {row['protocol']}, "
        f"{row['items']} items{bounds}",
    )
