"""The ``mixture`` block of an experiment's YAML file."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from collectivesft.errors import InputError
from collectivesft.example import Style
from collectivesft.files import read_yaml


class Mixture(BaseModel):
    """Which examples an experiment trains on.

    Attributes:
        datasets: names, or all.
        styles: styles taken, or all.
        fraction: share of the examples; a smaller fraction is a part of a larger one.
        max_samples: most examples of one dataset (``max_samples`` of the published yaml).
        validation: share held out for the evaluation loss (``val_size`` of the published yaml).
        seed: of the draw.
    """

    model_config = ConfigDict(extra="forbid")

    datasets: list[str] | Literal["all"] = "all"
    styles: list[Style] | Literal["all"] = "all"
    fraction: float = Field(1.0, gt=0, le=1)
    max_samples: int | None = Field(None, ge=1)
    validation: float = Field(0.1, ge=0, lt=1)
    seed: int = 42


def read_mixture(path: Path) -> Mixture:
    """The mixture of an experiment.

    Raises:
        InputError: a key or value that does not belong there.
    """
    content = read_yaml(path) or {}
    if not isinstance(content, dict):
        raise InputError(path, "not a table of keys and values", "Write `mixture: {...}`")
    try:
        return Mixture.model_validate(content.get("mixture") or {})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in ("mixture", *first["loc"]))
        raise InputError(path, f"{where}: {first['msg']}", "Correct that key") from error
