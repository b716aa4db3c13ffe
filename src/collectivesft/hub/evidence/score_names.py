"""Name files of scores and answers within a release."""

from pathlib import Path

from collectivesft.common.files import read_json, read_jsonl


def score_name(path: Path) -> str:
    """Name of a score file in a release: several models have files of one name."""
    return f"{read_json(path)['model']}.{path.name}"


def answers_name(path: Path) -> str:
    """The same for a file of answers, whose rows name their model."""
    _, row = next(read_jsonl(path), (0, {"model": "nobody"}))
    return f"{row['model']}.{path.name}"
