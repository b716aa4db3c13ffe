"""Describe the publication on the Hugging Face Hub: sections of a run's configuration."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from collectivesft.config.section import Negative, Number, Section, like

# A name that git takes, without folders and without @, which separates it from the repository.
TAG = r"^(?!.*(\.\.|\.lock$|\.$))[A-Za-z0-9][A-Za-z0-9._+-]*(?!\n)$"


# As the Hub takes it: no part begins or ends with - or ., none has -- or ..; a name has 96
# characters at most. Five of them are for `-data`, the repository of the dataset.
REPOSITORY = (
    r"^(?!.*(--|\.\.|\.git$))(?=[^/]+/.{1,91}$)[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_])?/"
    r"[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_])?(?!\n)$"
)


class Emissions(Section):
    """Measured energy of the training and the grid's intensity: the card's ``co2_eq_emissions``."""

    energy_kwh: Number = Field(
        gt=0, description="measured energy of the training, kWh; measurements.json has the GPUs'"
    )
    g_per_kwh: Number = Field(
        gt=0, description="intensity of the electricity at that place and time, g CO2e a kWh"
    )
    measured_by: str = Field(
        min_length=1, description="what measured the energy, and of which parts of the machine"
    )
    intensity_from: str = Field(min_length=1, description="source of the intensity")
    location: str | None = Field(None, description="country or region of the machine")
    hardware: str | None = Field(None, description="devices of the training")


class Repository(Section):
    """Place of the release on the Hub."""

    repo_id: str = Field(
        "collectivesft/CollectiveSFT-7B", pattern=REPOSITORY,
        json_schema_extra=like("owner/name"), description="repository of the model",
    )  # fmt: skip
    tag: str = Field(
        "v0.1.0", pattern=TAG, json_schema_extra=like("v1.0.0"), description="tag of the release"
    )


class Upload(Section):
    """Options of `hub push` and `hub push-data` beyond the repository and its tag."""

    private: Annotated[bool, Negative("public")] = Field(
        True, description="create a private repository"
    )


class ModelCard(Section):
    """Options of `hub release`: its rule passes on each field."""

    weights: Literal["merged", "adapter", "both"] = Field(
        "merged", description="push the whole model, only the LoRA adapter, or both"
    )
    package_url: str | None = Field(
        None, pattern=r"^https?://[^@\s]+(?!\n)$", json_schema_extra=like("https://host/name"),
        description="address of this package's repository, named in the model card",
    )  # fmt: skip


class GgufCopy(Section):
    """Options of `hub gguf`: its rule passes on each field."""

    gguf: Literal["f16", "bf16", "q8_0", "q4_0"] | None = Field(
        None, description="type of a copy for llama.cpp and Ollama; null: no copy"
    )
    gguf_converter: str = Field(
        ".tools/llama.cpp/convert_hf_to_gguf.py", min_length=1,
        description="llama.cpp's convert_hf_to_gguf.py; `envs/converter` gets it",
    )  # fmt: skip


# The last base is the first in tables.
class Hub(GgufCopy, ModelCard, Upload, Repository):
    """The release on the Hugging Face Hub."""

    space: bool = Field(
        False, description="also write `space/`: a Gradio app of one file that asks the model"
    )
    emissions: Emissions | None = Field(
        None,
        description="measured energy and the grid's intensity, for the card; null: not measured",
    )

    @model_validator(mode="after")
    def _whole_model(self) -> "Hub":
        if self.space and self.weights == "adapter":
            raise ValueError(
                "weights: adapter has no whole model for a Space; set space to false, or weights "
                "to merged or both"
            )
        if self.gguf and self.weights == "adapter":
            raise ValueError(
                "weights: adapter has no whole model to copy as GGUF; set gguf to null, or weights "
                "to merged or both"
            )
        return self
