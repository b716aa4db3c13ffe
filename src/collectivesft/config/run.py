"""The configuration of a run: the file of the paper, and the files that are laid over it.

The JSON schema, docs/configuration.md and config/README.md are generated from these classes
(`make docs`). To add a knob, add its field here and use it.
"""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from collectivesft.config.section import Number, Section
from collectivesft.schema.protocol_rules import protocol_fault

Names = Annotated[list[str], Field(min_length=1)]
Positive = Annotated[int, Field(ge=1)]
OnUnavailable = Literal["error", "skip"]
Split = Literal["val", "test", "unscored"]
ADDRESS = r"^https?://[^@ ]+$"  # without user or password
VARIABLE = r"^[A-Za-z_][A-Za-z0-9_]*$"
# A name that git takes, without folders and without @, which separates it from the repository.
TAG = r"^(?!.*(\.\.|\.lock$|\.$))[A-Za-z0-9][A-Za-z0-9._+-]*$"

_UNAVAILABLE = {"aliases": {"missing": "on_unavailable"}, "values": {"leave_out": "skip"}}


def _like(example: str) -> dict[str, Any]:
    """Show an example where a pattern decides."""
    return {"examples": [example]}


def _hidden(example: str) -> dict[str, Any]:
    """The same for a key into which somebody may write a password: no message repeats it."""
    return {"examples": [example], "writeOnly": True}


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
        return self


class Evaluation(Section):
    """Use of one benchmark."""

    kind: Literal["choice", "clinical", "text", "upload"] = Field(
        description="`choice`: letters; `clinical`: cases of several turns; `text`: free text "
        "with references; `upload`: free text that the benchmark's authors score"
    )
    protocols: list[str] = Field([], description="names under `protocols`")
    limit: Positive | None = Field(None, description="number of items asked; null: all")


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


class Curation(Section):
    """One way to curate; an experiment names the one that it trains on."""

    near_duplicates: bool = Field(True, description="remove near duplicates, not only exact ones")
    threshold: Number = Field(
        0.8, gt=0, le=1, description="Jaccard similarity from which two texts are near duplicates"
    )
    decontaminate: bool = Field(True, description="remove examples that show benchmark questions")
    allow_splits: list[Split] = Field(
        [],
        description="splits of the benchmarks that may occur in training data, such as `val` "
        "where solved validation questions are trained on",
    )


class Headline(Section):
    """The result that the abstract, the model card and the accuracy figure report."""

    experiment: str = Field(description="one of `experiments`")
    benchmark: str = Field(description="one of `benchmarks`, of kind `choice`")
    protocol: str = Field(description="one of the protocols of that benchmark")


class Protocol(Section):
    """A way to ask a model: the options of `collectivesft scores predict`."""

    aliases: ClassVar = {
        "num_fewshot": "shots",
        "per_device_eval_batch_size": "batch_size",
        "max_tokens": "max_new_tokens",
        "max_gen_toks": "max_new_tokens",
    }
    old_values: ClassVar = {"stop": {"settled": "early"}}

    method: Literal["generate", "likelihood"] = Field(
        "generate", description="write an answer, or compare the probabilities of the letters"
    )
    style: Literal["answer_only", "cot"] = Field(
        "answer_only", description="ask for letters only, or for reasoning first"
    )
    shots: int = Field(
        0, ge=0, description="solved validation questions of the same sub-category before it"
    )
    shots_seed: int | None = Field(
        None, ge=0, description="seed to draw them for each question; null: the first ones"
    )
    template: Literal["chat", "plain", "cmb", "lm_eval"] = Field(
        "chat",
        description="the tokenizer's chat template, plain text, CMB's own words, or "
        "lm-evaluation-harness's text of CMMLU",
    )
    preset: Literal["official", "corrected"] = Field(
        "corrected", description="prompt as the benchmark's code makes it, or without its faults"
    )
    stop: Literal["early", "end"] = Field(
        "early",
        description="stop once no further token can change the extracted letters, or at the end",
    )
    orders: Literal["published", "rotations"] | Annotated[int, Field(ge=2)] = Field(
        "published",
        description="orders of the options in which each question is asked: as published, all "
        "rotations, or so many drawn at random, the published one among them",
    )
    temperature: Number = Field(
        0, ge=0, description="0: greedy answers; above: logits are divided by it and tokens drawn"
    )
    samples: int = Field(
        1, ge=1, description="answers drawn to each question; above 1 needs a temperature"
    )
    draw_seed: int = Field(
        42, ge=0, description="seed of drawn answers; each one has a seed made of it"
    )
    max_new_tokens: int = Field(512, ge=1, description="longest answer, tokens")
    batch_size: int = Field(16, ge=1, description="questions in one batch")

    @model_validator(mode="after")
    def _consistent(self) -> "Protocol":
        how = (self.method, self.template, self.temperature, self.samples, self.orders)
        if fault := protocol_fault(*how):
            raise ValueError(fault)
        return self


class Server(Section):
    """Address of an OpenAI-compatible server; none of it changes an answer."""

    key_env: str | None = Field(
        None, pattern=VARIABLE, json_schema_extra=_hidden("OPENAI_API_KEY"),
        description="name of the environment variable with the server's key",
    )  # fmt: skip
    concurrency: int = Field(32, ge=1, description="requests in flight")
    timeout: Number = Field(600, ge=1, description="longest silence of the server, seconds")


class Engine(Server):
    """The program that runs the models which answer."""

    aliases: ClassVar = {"send": "prompt_format"}

    kind: Literal["transformers", "openai"] = Field(
        "transformers",
        description="`transformers` loads the model in the job; `openai` asks a server with an "
        "OpenAI-compatible interface, such as vLLM or SGLang",
    )
    url: str | None = Field(
        None, pattern=ADDRESS, json_schema_extra=_hidden("http://127.0.0.1:8000/v1"),
        description="address of a running server",
    )  # fmt: skip
    serve: str | None = Field(
        None,
        min_length=1,
        description="command that each job starts as its server, such as "
        "`vllm serve {model} --served-model-name {name} --port {port}`",
    )
    prompt_format: Literal["text", "tokens", "text_without_bos"] = Field(
        "text",
        description="send prompts as text, as tokens to servers that add special tokens, or as "
        "text without the BOS that a chat template writes to servers that add one",
    )
    extensions: bool = Field(
        True, description="send request fields beyond OpenAI's, which vLLM and SGLang know"
    )

    @model_validator(mode="after")
    def _one_server(self) -> "Engine":
        given = [key for key in ("url", "serve") if getattr(self, key)]
        if self.kind == "openai" and len(given) != 1:
            raise ValueError("kind openai needs one of url and serve")
        if self.kind == "transformers" and given:
            raise ValueError(f"{given[0]} is for kind openai; only that kind asks a server")
        return self


class Judge(Server):
    """A chat model that grades the answers to clinical cases."""

    url: str = Field(
        pattern=ADDRESS, json_schema_extra=_hidden("https://host/v1"), description="its address"
    )
    model: str = Field(min_length=1, description="its name on that server")
    concurrency: int = Field(8, ge=1, description="requests in flight")
    timeout: Number = Field(120, ge=1, description="longest silence of the server, seconds")
    input_price: Number = Field(0, ge=0, description="price of a million tokens sent")
    output_price: Number = Field(0, ge=0, description="price of a million tokens received")
    max_tokens: Positive | None = Field(None, description="longest grade, tokens; null: 256")
    body: dict[str, Any] | None = Field(
        None, description="fields added to each request, or replaced in it"
    )


class Clinical(Section):
    """Answers to clinical cases and their grades."""

    max_new_tokens: int = Field(512, ge=1, description="longest answer of a turn, tokens")
    judge: Judge | None = Field(None, description="grades the answers; null: they are not graded")
    second_judge: Judge | None = Field(
        None, description="grades them too, so that the agreement of two judges is known"
    )

    @model_validator(mode="after")
    def _first_judge_first(self) -> "Clinical":
        if self.second_judge and not self.judge:
            raise ValueError("second_judge needs judge; name the first one there")
        if self.second_judge and self.judge and self.second_judge.model == self.judge.model:
            raise ValueError("second_judge is the judge's own model; name a different one")
        return self


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


class Hub(Section):
    """The release on the Hugging Face Hub."""

    repo_id: str = Field(
        "collectivesft/CollectiveSFT-7B", pattern=r"^[A-Za-z0-9._-]+/[A-Za-z0-9._-]+$",
        json_schema_extra=_like("owner/name"), description="repository of the model",
    )  # fmt: skip
    tag: str = Field(
        "v0.1.0", pattern=TAG, json_schema_extra=_like("v1.0.0"), description="tag of the release"
    )
    private: bool = Field(True, description="create a private repository")
    weights: Literal["merged", "adapter", "both"] = Field(
        "merged", description="push the whole model, only the LoRA adapter, or both"
    )
    gguf: Literal["f16", "bf16", "q8_0", "q4_0"] | None = Field(
        None, description="type of a copy for llama.cpp and Ollama; null: no copy"
    )
    package_url: str | None = Field(
        None, pattern=r"^https?://[^@ ]+$",
        description="address of this package's repository, named in the model card",
    )  # fmt: skip
    space: bool = Field(
        False, description="also write `space/`: a Gradio app of one file that asks the model"
    )
    emissions: Emissions | None = Field(
        None,
        description="measured energy and the grid's intensity, for the card; null: not measured",
    )
    gguf_converter: str = Field(
        ".tools/llama.cpp/convert_hf_to_gguf.py", min_length=1,
        description="llama.cpp's convert_hf_to_gguf.py; `envs/converter` gets it",
    )  # fmt: skip

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


class RunConfig(Section):
    """A whole run."""

    aliases: ClassVar = {"readers": "reader_options", "tensorboard": "report_to"}
    old_values: ClassVar = {"report_to": {True: ["tensorboard"], False: []}}

    run: str = Field(
        "paper", pattern="^[a-z0-9][a-z0-9_-]*$", json_schema_extra=_like("my-run"),
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
        2, ge=1, description="CPU threads of a model's job; on a CPU they decide the last bits"
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
    curation: dict[str, Curation] = Field(
        {"full": Curation()}, description="by name: a way to curate"
    )
    experiments: Names = Field(description="trainings to run, files of config/experiments/")
    headline: Headline
    protocols: dict[str, Protocol] = Field(description="by name: how a model is asked")
    completion_ngram: Positive | None = Field(
        None,
        description="tokens at the end of each item of the headline's benchmark that base models "
        "are asked to complete word for word, such as 5; null: they are not asked",
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
