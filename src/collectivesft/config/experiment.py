"""What a base model's and an experiment's YAML file may say; an unknown key is an error."""

from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar

from pydantic import Field, model_validator

from collectivesft.common.errors import validated
from collectivesft.common.files import read_yaml
from collectivesft.config.section import Number, Section, canonical

# The file in a base model's folder that says what it is.
FACTS = "base.json"


class Shape(Section):
    """Sizes of a model, for the estimate of memory and time.

    Attributes:
        layers: number of them.
        hidden, intermediate: width of a token, and inside of the feed-forward layer.
        key_value: width of all keys of a token.
        vocabulary: number of tokens.
    """

    layers: int = Field(ge=1)
    hidden: int = Field(ge=1)
    intermediate: int = Field(ge=1)
    key_value: int = Field(ge=1)
    vocabulary: int = Field(ge=1)


class ModelRecipe(Section):
    """A base model: config/models/NAME.yaml.

    Attributes:
        title, licence, licence_url, homepage, notes: for the paper and the model card.
        parameters: number of weights, for the plan and the paper.
        source: where its files come from (read by stage raw).
        chat_template: name of a file in sft/templates; how a conversation becomes one text.
        special_tokens: text to id of tokens that the template needs and the tokenizer has as
            unused pieces; for tokenizers that are converted (InternLM2).
        lora_targets: ends of the names of the layers that LoRA adapts; all linear layers but the
            output where it says nothing.
        shape: its sizes, for ``sft plan``.
        architecture: a transformers configuration with model_type; for kind ``random`` only.
    """

    title: str
    parameters: int = Field(gt=0)
    licence: str
    licence_url: str | None = None
    homepage: str | None = None
    notes: str = ""
    source: dict[str, Any]
    chat_template: Literal["gemma", "gemma_base", "chatml"]
    special_tokens: dict[str, int] = Field(default_factory=dict)
    lora_targets: list[str] | None = Field(None, min_length=1)
    shape: Shape | None = None
    architecture: dict[str, Any] | None = None


class Lora(Section):
    """Low-rank adaptation (Hu et al. 2022) of all linear layers but the output."""

    r: int = Field(16, ge=1)
    alpha: int = Field(32, ge=1)
    dropout: Number = Field(0.0, ge=0, lt=1)


class Training(Section):
    """How an experiment trains. Defaults are those of the paper's model card.

    Attributes:
        method: full (all weights) or lora.
        global_batch_size: examples of one optimiser step (global batch size).
        max_tokens_per_forward: tokens of one forward pass; a step's examples are packed into
            passes.
        epochs, max_steps: the end, whichever comes first.
        max_length: most tokens of an example.
        truncation: part of a longer example that is cut: question_first, as LLaMA-Factory does;
            or end, its last tokens, so that a long question loses its answer.
        precision: of the forward and backward pass.
        master_weights: how what is trained is kept, and the optimiser's state: float32; or
            bfloat16 (full only), in half the memory, with results rounded at random.
        distributed: how several processes share a model: ddp, each holds it whole; fsdp, each
            holds a part of every weight (full only); auto: fsdp for full, ddp for lora.
        save_steps, eval_steps: optimiser steps between checkpoints and evaluations.
    """

    # Former names, and those of transformers, TRL and LLaMA-Factory that mean the same. A batch per
    # device is none of them: it would be another global batch on another number of GPUs.
    aliases: ClassVar = {
        "examples_per_step": "global_batch_size",
        "tokens_per_batch": "max_tokens_per_forward",
        "cutoff": "max_length",
        "cutoff_len": "max_length",
        "max_seq_length": "max_length",
        "schedule": "lr_scheduler",
        "lr_scheduler_type": "lr_scheduler",
        "num_train_epochs": "epochs",
        "parallel": "distributed",
        "finetuning_type": "method",
    }

    method: Literal["full", "lora"] = "full"
    lora: Lora = Lora()
    learning_rate: Number = Field(2e-5, gt=0)
    lr_scheduler: Literal["cosine", "linear", "constant"] = "cosine"
    warmup_ratio: Number = Field(0.05, ge=0, lt=1)
    weight_decay: Number = Field(0.0, ge=0)
    max_grad_norm: Number = Field(1.0, gt=0)
    global_batch_size: int = Field(256, ge=1)
    max_tokens_per_forward: int = Field(8192, ge=16)
    epochs: Number = Field(3, gt=0)
    max_steps: int | None = Field(None, ge=1)
    max_length: int = Field(1024, ge=16)
    truncation: Literal["question_first", "end"] = "question_first"
    precision: Literal["float32", "bfloat16"] = "bfloat16"
    master_weights: Literal["float32", "bfloat16"] = "float32"
    gradient_checkpointing: bool = False
    distributed: Literal["auto", "ddp", "fsdp"] = "auto"
    seed: int = Field(42, ge=0)
    save_steps: int = Field(500, ge=1)
    eval_steps: int = Field(500, ge=1)

    @property
    def strategy(self) -> Literal["ddp", "fsdp"]:
        """``distributed`` with auto decided."""
        if self.distributed == "auto":
            return "fsdp" if self.method == "full" else "ddp"
        return self.distributed

    @model_validator(mode="after")
    def _shardable(self) -> "Training":
        if self.distributed == "fsdp" and self.method == "lora":
            raise ValueError("distributed: fsdp is for method full; adapters are small, use ddp")
        return self

    @model_validator(mode="after")
    def _storable(self) -> "Training":
        if self.master_weights == "bfloat16" and self.method == "lora":
            raise ValueError("master_weights bfloat16 is for method full; adapters are small")
        if self.master_weights == "bfloat16" and self.precision != "bfloat16":
            raise ValueError("master_weights bfloat16 needs precision bfloat16")
        return self


class Experiment(Section):
    """One training run: config/experiments/NAME.yaml.

    Attributes:
        title: shown in figures and tables.
        base: name of the base model.
        curation: name of a curation setting of the run's configuration.
        mixture: read and checked by stage curated.
    """

    title: str
    base: str
    description: str = ""
    curation: str = "full"
    mixture: dict[str, Any] = Field(default_factory=dict)
    training: Training = Training()


Recipe = TypeVar("Recipe", ModelRecipe, Experiment)


def _read(path: Path, kind: type[Recipe]) -> Recipe:
    content, _ = canonical(read_yaml(path), kind)
    with validated(path, kind):
        return kind.model_validate(content)


def read_model(path: Path) -> ModelRecipe:
    """A base model's recipe.

    Raises:
        InputError: a key or value that does not belong there.
    """
    return _read(path, ModelRecipe)


def read_experiment(path: Path) -> Experiment:
    """An experiment's recipe.

    Raises:
        InputError: a key or value that does not belong there.
    """
    return _read(path, Experiment)
