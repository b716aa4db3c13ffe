"""The configuration of a run: the file of the paper, and the files that are laid over it.

The JSON schema, docs/configuration.md and config/README.md are generated from these classes
(`make docs`). To add a knob, add its field here and use it.
"""

from pathlib import PurePosixPath
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from collectivesft.config.answering import CaseAnswers, Clinical, Engine, Evaluation, Judge
from collectivesft.config.protocol import Protocol
from collectivesft.config.publishing import Emissions, GgufCopy, Hub, ModelCard, Upload
from collectivesft.config.section import Date, FileName, Name, Number, Positive, Section, like

# Every section by its name, for options of commands (``config.cli_options``).
__all__ = [
    "CaseAnswers", "Clean", "Clinical", "Curation", "Decontaminate", "Dedup", "Emissions",
    "Engine", "Evaluation", "GgufCopy", "Headline", "Hub", "Judge", "ModelCard", "Protocol", "Raw",
    "RunConfig", "Source", "Upload",
]  # fmt: skip

Names = Annotated[list[str], Field(min_length=1)]
OnUnavailable = Literal["error", "skip"]
Split = Literal["val", "test", "unscored"]

_UNAVAILABLE = {"aliases": {"missing": "on_unavailable"}, "values": {"leave_out": "skip"}}


class Raw(Section):
    """Origin of the raw files."""

    aliases: ClassVar = _UNAVAILABLE["aliases"]
    old_values: ClassVar = {"on_unavailable": _UNAVAILABLE["values"]}

    folder: str | None = Field(
        None,
        description="folder with the raw files of all sources, as "
        "`<folder>/<datasets or benchmarks>/<name>/<file>`; null: download them",
    )
    checksums: str | None = Field(None, description="SHA256SUMS file of that folder")
    on_unavailable: OnUnavailable = Field(
        "skip",
        description="a dataset that cannot be downloaded: `error` stops the run; `skip` leaves it "
        "out if access to it is restricted and was refused (a network that is down stays an "
        "error). Ledger, data card, figures and paper name the skipped datasets",
    )

    @model_validator(mode="after")
    def _with_folder(self) -> "Raw":
        if self.checksums is not None and self.folder is None:
            raise ValueError("checksums without folder; name the folder that holds the files")
        return self


class Source(Section):
    """Origin of one source, where it differs from `raw`."""

    aliases: ClassVar = _UNAVAILABLE["aliases"]
    old_values: ClassVar = {"on_unavailable": _UNAVAILABLE["values"]}

    folder: str | None = Field(None, description="folder with its files; null: download them")
    checksums: str | None = Field(None, description="SHA256SUMS file of that folder")
    files: list[str] = Field([], description="names of its files there; empty: all of them")
    on_unavailable: OnUnavailable | None = Field(
        None,
        description="`skip` leaves this dataset out for any reason; null: as `raw` says",
    )

    @model_validator(mode="after")
    def _with_folder(self) -> "Source":
        for key in ("checksums", "files"):
            if getattr(self, key) and "folder" not in self.model_fields_set:
                raise ValueError(f"{key} without folder; name the folder that holds them")
        if not self.model_fields_set:
            raise ValueError("an empty entry; remove it, or name its folder")
        if twice := [name for name in self.files if self.files.count(name) > 1]:
            raise ValueError(f"files: {twice[0]} is named twice; name it once")
        for name in self.files:
            if not PurePosixPath(name).parts or {"/", ".."} & {*PurePosixPath(name).parts}:
                raise ValueError(f"files: {name!r} is no path inside the folder; write one")
        return self


class Clean(Section):
    """Bounds of the cleaning step."""

    min_characters: int = Field(
        2,
        ge=1,
        description="shortest answer kept, characters; exam questions may have a shorter one",
    )
    max_characters: int = Field(6000, ge=1, description="longest conversation kept, characters")

    @model_validator(mode="after")
    def _ordered(self) -> "Clean":
        if self.min_characters > self.max_characters:
            raise ValueError(
                f"min_characters {self.min_characters} is above max_characters "
                f"{self.max_characters}; exchange them"
            )
        return self


class Dedup(Section):
    """Options of `curated dedup`: its rule passes on each field, and the step takes it by name."""

    near_duplicates: bool = Field(True, description="remove near duplicates, not only exact ones")
    threshold: Number = Field(
        0.8, gt=0, le=1, description="Jaccard similarity from which two texts are near duplicates"
    )


class Decontaminate(Section):
    """Options of `curated decontaminate`, as ``Dedup`` has those of its step."""

    decontaminate: bool = Field(True, description="remove examples that show benchmark questions")
    allow_splits: list[Split] = Field(
        [],
        description="splits of the benchmarks that may occur in training data, such as `val` "
        "where solved validation questions are trained on",
    )


# The last base is the first in tables and on command lines.
class Curation(Decontaminate, Dedup):
    """One way to curate; an experiment names the one that it trains on."""


class Headline(Section):
    """The result that the abstract, the model card and the accuracy figure report."""

    experiment: str = Field(description="one of `experiments`")
    benchmark: str = Field(description="one of `benchmarks`, of kind `choice`")
    protocol: str = Field(description="one of the protocols of that benchmark")


class RunConfig(Section):
    """A whole run."""

    aliases: ClassVar = {"readers": "reader_options", "tensorboard": "report_to"}
    old_values: ClassVar = {"report_to": {True: ["tensorboard"], False: []}}

    run: str = Field(
        "paper", pattern=r"^[a-z0-9][a-z0-9_-]{0,99}(?!\n)$", json_schema_extra=like("my-run"),
        description="name of the run: results are in `results/<run>/`, logs in `logs/<run>/`",
    )  # fmt: skip
    demo: bool = Field(False, description="mark paper and model card as a demonstration")
    made_up: bool = Field(
        False, description="all data was written for this package: every artefact says so"
    )
    cache: str = Field(
        ".cache", min_length=1,
        description="folder of downloaded and converted base models, shared by all runs",
    )  # fmt: skip
    device: Literal["cpu", "cuda"] = Field(
        "cuda", description="environment and resources of trainings and of models that answer"
    )
    threads: int = Field(
        2,
        ge=1,
        le=4096,
        description="CPU threads of a model's job; on a CPU they decide the last bits",
    )
    gpus: int = Field(8, ge=0, description="GPUs of a training on each of its nodes")
    nodes: int = Field(1, ge=1, description="nodes of a training; several need Slurm")
    report_to: list[Literal["tensorboard", "trackio", "wandb"]] = Field(
        [],
        description="trackers that show the curves of each training; each needs its package. "
        "Their files are in `logs/<run>/3_sft/<experiment>`. They repeat no training",
    )
    raw: Raw = Raw()
    sources: dict[str, Source] = Field(
        {}, description="by `datasets/<name>` or `benchmarks/<name>`: one source's own origin"
    )
    datasets: Names = Field(description="datasets to train on, files of `datasets/`")
    reader_options: dict[str, dict[str, str]] = Field(
        {},
        description="by dataset: how its files are read where authors, code and model card differ "
        "(docs/data.md has the table)",
    )
    benchmarks: Names = Field(description="benchmarks to run, files of `benchmarks/`")
    evaluation: dict[str, Evaluation] = Field(description="by benchmark: how it is used")
    clean: Clean = Clean()
    perplexity_examples: Positive | None = Field(
        None,
        description="examples sampled from each dataset of the headline's mixture to measure its "
        "perplexity under the base model; null: it is not measured",
    )
    diversity_examples: Literal[0] | Annotated[int, Field(ge=2)] = Field(
        0,
        description="examples sampled from each mixture with a budget to measure its diversity by "
        "the base model's hidden states; 0: it is not measured",
    )
    curation: dict[Name, Curation] = Field(
        {"full": Curation()}, description="by name: a way to curate"
    )
    experiments: Annotated[list[FileName], Field(min_length=1)] = Field(
        description="trainings to run, files of config/experiments/"
    )
    headline: Headline
    protocols: dict[Name, Protocol] = Field(description="by name: how a model is asked")
    completion_ngram: Positive | None = Field(
        None,
        description="tokens at the end of each item of the headline's benchmark that base models "
        "are asked to complete word for word, such as 5; null: they are not asked",
    )
    fresh_since: Date | None = Field(
        None,
        json_schema_extra=like("2024-07"),
        description="first date of questions that no training data can hold, such as the base's "
        "release: scores on older ones are set against these; null: they are not",
    )
    engine: Engine = Engine()
    clinical: Clinical = Clinical()
    hub: Hub = Hub()
    containers: dict[Literal["data", "model-cpu", "model-cuda", "paper"], str] = Field(
        {},
        description="by environment: path of its Apptainer image, or address by digest "
        "(`oras://host/name@sha256:...`); without it `containers/<environment>.sif`",
    )

    @model_validator(mode="after")
    def _names(self) -> "RunConfig":
        for key in ("datasets", "benchmarks", "experiments"):
            names = getattr(self, key)
            if twice := sorted({name for name in names if names.count(name) > 1}):
                raise ValueError(f"{key}: {twice[0]} is named twice; name it once")
        if "cases" in self.protocols:
            raise ValueError("protocols.cases: name it otherwise; clinical cases have files so")
        return self
