"""The ``mixture`` block of an experiment's YAML file."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from collectivesft.common.errors import InputError, validated
from collectivesft.common.files import read_yaml
from collectivesft.config.section import Float, Seed
from collectivesft.schema.example import STYLES, Style

Cap = Annotated[int, Field(ge=1)]
Weight = Annotated[Float, Field(gt=0, allow_inf_nan=False)]


class Mixture(BaseModel):
    """Examples that an experiment trains on, and the words of exam questions.

    The keys act in the order given here, each on the rest of those before it. All of them only
    leave examples out: none is ever repeated. The examples of a dataset with the smallest draws
    stay, so that a smaller mixture is a part of a larger one.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    datasets: Annotated[list[str], Field(min_length=1)] | Literal["all"] = Field(
        "all", description="datasets of the run that are taken"
    )
    styles: Annotated[list[Style], Field(min_length=1)] | Literal["all"] = Field(
        "all", description="styles of examples that are taken"
    )
    choose: Cap | None = Field(
        None,
        description="so many of the datasets, drawn at random; an experiment's `draws` repeats it. "
        "A dataset is passed over that has fewer than `examples` / `choose` examples",
    )
    draw: int = Field(
        1,
        ge=1,
        description="number of the draw of `choose`, each of other datasets; `draws` of an "
        "experiment sets it",
    )
    fraction: Float = Field(1.0, gt=0, le=1, description="share of the examples")
    max_samples: Cap | dict[str, Cap] | None = Field(
        None,
        description="most examples of a dataset: one number for all (`max_samples` of the "
        "published yaml), or a number for each dataset named; the rest have no limit",
    )
    temperature: Float = Field(
        1.0,
        ge=1,
        allow_inf_nan=False,
        description="T of sampling by dataset: one of n examples gets a share of n^(1/T) of the "
        "mixture, the largest for which the examples suffice; 1 changes nothing, and the larger T, "
        "the more even the datasets. A new dataset changes the draws of the rest",
    )
    style_shares: dict[Style, Weight] | Literal["even"] | None = Field(
        None,
        description="`even`, or a weight for each style: the largest mixture with these shares. "
        "Styles without a weight are not taken. Within a style all datasets give the same share",
    )
    examples: Cap | None = Field(
        None,
        description="the budget: exactly so many examples, validation with them, whatever the "
        "number of datasets; fewer are an error",
    )
    tokens: Cap | None = Field(
        None,
        description="the budget in training tokens of the base's own tokenizer, as training cuts "
        "examples: the examples with the smallest draws up to the first that would go over it, "
        "validation not counted; fewer tokens are an error",
    )
    examples_by: Literal["datasets", "rows"] = Field(
        "datasets",
        description="how `examples` or `tokens` are taken. datasets: as many of each, and all of "
        "a smaller one; rows: random rows of all of them together",
    )
    prompt: Literal["paper", "cmb"] = Field(
        "paper",
        description="ask exam questions as the paper's code does, by dataset, or in the words of "
        "CMB's evaluation",
    )
    validation: Float = Field(
        0.1, ge=0, lt=1, description="share held out for the evaluation loss (`val_size`)"
    )
    seed: Seed = Field(42, description="seed of the draw")

    @model_validator(mode="after")
    def _once(self) -> Self:
        for key in ("datasets", "styles"):
            names = getattr(self, key)
            if twice := [name for name in names if names.count(name) > 1] if names != "all" else []:
                raise ValueError(f"{key}: {twice[0]} is named twice; name it once")
        return self

    @model_validator(mode="after")
    def _enough_to_choose_from(self) -> Self:
        if self.choose and self.datasets != "all" and self.choose > len(self.datasets):
            raise ValueError(f"choose takes {self.choose} of {len(self.datasets)} datasets")
        if self.draw > 1 and self.choose is None:
            raise ValueError(f"draw {self.draw} is a draw of choose; add choose, or remove draw")
        if self.choose and self.examples and self.examples < self.choose:
            raise ValueError(
                f"examples {self.examples} of choose {self.choose} datasets: none has a whole one; "
                "raise examples, or lower choose"
            )
        budgets = [key for key in ("examples", "tokens") if getattr(self, key) is not None]
        if self.examples_by == "rows" and not budgets:
            raise ValueError("examples_by: rows needs examples or tokens")
        if len(budgets) == 2:
            raise ValueError("examples and tokens exclude each other; write one of them")
        if self.style_shares is not None and budgets:
            raise ValueError(f"style_shares and {budgets[0]} exclude each other; write one of them")
        return self

    @model_validator(mode="after")
    def _shares_of_taken_styles(self) -> Self:
        if isinstance(self.style_shares, dict):
            if not self.style_shares:
                raise ValueError("style_shares names no style")
            if left_out := sorted(set(self.style_shares) - set(self.taken_styles())):
                raise ValueError(f"style_shares names {left_out[0]}, which styles leaves out")
        return self

    def taken_styles(self) -> tuple[str, ...]:
        """Names in ``styles``, all where it says so."""
        return STYLES if self.styles == "all" else tuple(self.styles)

    def caps(self, name: str) -> int | None:
        """Most examples of one dataset; None for no limit."""
        if isinstance(self.max_samples, dict):
            return self.max_samples.get(name)
        return self.max_samples


def read_mixture(path: Path, draw: int | None = None) -> Mixture:
    """The mixture of an experiment, or of one of its further draws of datasets.

    Raises:
        InputError: a key or value that does not belong there.
    """
    content = read_yaml(path) or {}
    if not isinstance(content, dict):
        raise InputError(path, "not a table of keys and values", "Write `mixture: {...}`")
    with validated(path, Mixture, "mixture"):
        given = content.get("mixture") or {}
        return Mixture.model_validate(given if draw is None else given | {"draw": draw})
