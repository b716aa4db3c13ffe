"""Keys of a base model's and an experiment's YAML file; an unknown key is an error."""

import re
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import ConfigDict, Field, model_validator

from collectivesft.common.errors import InputError, validated
from collectivesft.common.files import expand_path, read_yaml
from collectivesft.config.section import Number, Section, Seed, canonical, doubled, like

# The file of facts in a base model's folder.
FACTS = "base.json"
URL = r"^https?://\S+(?!\n)$"


class Shape(Section):
    """Sizes of a model, for the estimate of memory and time."""

    layers: int = Field(ge=1, description="layers")
    hidden: int = Field(ge=1, description="width of a token")
    intermediate: int = Field(ge=1, description="width inside of the feed-forward layer")
    key_value: int = Field(ge=1, description="width of all keys of a token")
    vocabulary: int = Field(ge=1, description="tokens of the vocabulary")
    query: int | None = Field(
        None, ge=1, description="width of all queries of a token, where it is not `hidden`"
    )
    norms: int = Field(2, ge=1, description="norms of a layer, without those of the heads")
    head_norms: bool = Field(False, description="queries and keys have a norm, as in Gemma 3")


class WordTokenizer(Section):
    """A tokenizer of jieba's words and SentencePiece pieces, as PanGu-alpha and CPM-1 have."""

    vocabulary: str = Field(description="name of the SentencePiece model among the model's files")
    eos_token: str = Field(description="piece that ends a text, and an answer")
    pad_token: str = Field("<pad>", description="piece that fills a batch")


class ModelRecipe(Section):
    """A base model: `config/models/NAME.yaml`."""

    title: str = Field(
        min_length=1, pattern=r"\S", description="name in figures, tables and the model card"
    )
    parameters: int = Field(gt=0, description="weights, for the plan and the paper")
    licence: str = Field(min_length=1, description="name of the licence of the weights")
    licence_url: str | None = Field(
        None,
        pattern=URL,
        json_schema_extra=like("https://host/"),
        description="address of its text",
    )
    homepage: str | None = Field(
        None,
        pattern=URL,
        json_schema_extra=like("https://host/"),
        description="address of the model",
    )
    notes: str = Field("", description="a sentence for the model card")
    source: dict[str, Any] = Field(description="origin of its files, by `kind`: see below")
    chat_template: (
        Literal["gemma", "gemma_base", "chatml", "words", "llama3", "qwen3"]
        | Annotated[str, Field(pattern=r"\.jinja$")]
    ) = Field(
        json_schema_extra={"examples": ["mine.jinja"]},
        description="turns a conversation into one text: a template of this package, or a file "
        "`*.jinja` next to the model's own, with `{% generation %}` and `{% endgeneration %}` "
        "around the assistant's words",
    )
    end_of_turn: str | None = Field(
        None,
        min_length=1,
        description="token at the end of a turn; needed for a template in a file, and only there",
    )
    word_tokenizer: WordTokenizer | None = Field(
        None, description="tokenizer of words by jieba, then SentencePiece: see below"
    )
    special_tokens: dict[str, Annotated[int, Field(ge=0)]] = Field(
        {},
        description="text to id of tokens that the template needs and the tokenizer has as unused "
        "pieces; for tokenizers that are converted (InternLM2)",
    )
    lora_targets: list[Annotated[str, Field(min_length=1)]] | None = Field(
        None,
        min_length=1,
        description="ends of the names of the layers that LoRA adapts; null: all linear layers but "
        "the output",
    )
    shape: Shape | None = Field(None, description="sizes, for `sft plan` and `make check`")
    architecture: dict[str, Any] | None = Field(
        None, description="transformers configuration with `model_type`; for kind `random` only"
    )

    @model_validator(mode="after")
    def _end_of_words(self) -> "ModelRecipe":
        if self.chat_template == "words" and self.word_tokenizer is None:
            raise ValueError("chat_template words ends turns by word_tokenizer.eos_token; add it")
        return self

    @model_validator(mode="after")
    def _end_of_own_template(self) -> "ModelRecipe":
        own = self.chat_template.endswith(".jinja")
        if own and self.end_of_turn is None:
            raise ValueError("chat_template is a file; add end_of_turn, its token at a turn's end")
        if self.end_of_turn and not own:
            raise ValueError(f"end_of_turn is part of {self.chat_template}; remove the key")
        return self

    @model_validator(mode="after")
    def _random_weights(self) -> "ModelRecipe":
        if self.source.get("kind") == "random" and not (self.architecture or {}).get("model_type"):
            raise ValueError("architecture.model_type: missing for source.kind random; add it")
        return self

    @model_validator(mode="after")
    def _one_id_each(self) -> "ModelRecipe":
        ids = list(self.special_tokens.values())
        if twice := [name for name, one in self.special_tokens.items() if ids.count(one) > 1]:
            raise ValueError(f"special_tokens: {twice[0]} and {twice[1]} have one id; correct it")
        return self

    def own_template(self, path: Path) -> Path | None:
        """Return the file of the model's own chat template; None for one of this package.

        Args:
            path: the model's YAML file, next to which the template is.

        Raises:
            InputError: its path has a variable that is not set.
        """
        if not self.chat_template.endswith(".jinja"):
            return None
        try:
            return path.parent / expand_path(self.chat_template)
        except ValueError as error:
            raise InputError(path, f"chat_template: {error}", "Export it") from error


class Lora(Section):
    """Low-rank adaptation (Hu et al. 2022) of all linear layers but the output."""

    r: int = Field(16, ge=1, description="rank of the adapters")
    alpha: int = Field(32, ge=1, description="adapters are scaled by alpha / r")
    dropout: Number = Field(0.0, ge=0, lt=1, description="share of an adapter's inputs set to 0")


class Training(Section):
    """Training of an experiment. Defaults are those of the paper's model card."""

    # Former names, and those of transformers, TRL and LLaMA-Factory that mean the same. A batch per
    # device is none of them: it would give a different global batch on a different number of GPUs.
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
    model_config = ConfigDict(
        json_schema_extra={
            "x-instead": dict.fromkeys(
                (
                    "per_device_train_batch_size",
                    "per_gpu_train_batch_size",
                    "gradient_accumulation_steps",
                ),
                "write global_batch_size, the examples of one optimiser step on all devices",
            )
        }
    )

    method: Literal["full", "lora"] = Field("full", description="train all weights, or adapters")
    lora: Lora = Lora()
    learning_rate: Number = Field(2e-5, gt=0, le=1, description="peak learning rate of AdamW")
    lr_scheduler: Literal["cosine", "linear", "constant"] = Field(
        "cosine", description="learning rate after the warm-up"
    )
    warmup_ratio: Number = Field(0.05, ge=0, lt=1, description="share of the steps that warm up")
    weight_decay: Number = Field(0.0, ge=0, description="weight decay of AdamW")
    max_grad_norm: Number = Field(1.0, gt=0, description="gradients are clipped to this norm")
    global_batch_size: int = Field(256, ge=1, description="examples of one optimiser step")
    max_tokens_per_forward: int = Field(
        8192, ge=16, description="tokens of a forward pass, into which examples are packed"
    )
    epochs: Number = Field(3, gt=0, description="passes over the examples")
    max_steps: int | None = Field(
        None, ge=1, description="optimiser steps; the training ends there or after `epochs`"
    )
    max_length: int = Field(1024, ge=16, description="longest example, tokens")
    truncation: Literal["question_first", "end"] = Field(
        "question_first",
        description="cut a longer example as LLaMA-Factory does, question first; or cut its last "
        "tokens, so that a long question loses its answer",
    )
    precision: Literal["float32", "bfloat16", "auto"] = Field(
        "bfloat16",
        description="type of the forward and backward pass; auto: bfloat16 on GPUs and on CPUs "
        "with avx512_bf16 or amx_bf16, else float32",
    )
    master_weights: Literal["float32", "bfloat16"] = Field(
        "float32",
        description="type of the trained weights and the optimiser's state; bfloat16 (full only) "
        "takes half the memory and rounds at random",
    )
    gradient_checkpointing: bool = Field(
        False, description="compute activations twice, to keep fewer of them in memory"
    )
    distributed: Literal["auto", "ddp", "fsdp"] = Field(
        "auto",
        description="each process holds the whole model (ddp) or a part of every weight (fsdp, "
        "full only); auto: fsdp for full, ddp for lora",
    )
    seed: Seed = Field(42, description="seed of the order of examples and of new weights")
    save_steps: int = Field(500, ge=1, description="optimiser steps between checkpoints")
    eval_steps: int = Field(500, ge=1, description="optimiser steps between evaluations")

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
    def _with_adapters(self) -> "Training":
        if self.method == "full" and self.lora != Lora():
            raise ValueError("lora is for method lora, and method is full; remove one of them")
        return self

    @model_validator(mode="after")
    def _storable(self) -> "Training":
        if self.master_weights == "bfloat16" and self.method == "lora":
            raise ValueError("master_weights bfloat16 is for method full; adapters are small")
        if self.master_weights == "bfloat16" and self.precision != "bfloat16":
            raise ValueError("master_weights bfloat16 needs precision bfloat16")
        return self


class Experiment(Section):
    """One training run: `config/experiments/NAME.yaml`."""

    title: str = Field(min_length=1, pattern=r"\S", description="name in figures and tables")
    base: str = Field(description="name of a base model, a file of `config/models/`")
    description: str = Field(
        "", description="one sentence for the paper; an edit trains nothing again"
    )
    curation: str = Field("full", description="name under `curation` of the run")
    mixture: dict[str, Any] = Field({}, description="examples to train on: see below")
    training: Training = Training()
    seeds: list[Seed] | None = Field(
        None,
        min_length=2,
        description="train once for each of these seeds, the first of which is `training.seed`; "
        "scores get a mean and a spread over seeds",
    )

    draws: int | None = Field(
        None,
        ge=2,
        description="train on so many draws of datasets (`mixture.choose`); scores get a mean and "
        "a spread over draws",
    )

    @model_validator(mode="after")
    def _draws_of_datasets(self) -> "Experiment":
        if self.draws and not self.mixture.get("choose"):
            raise ValueError("draws repeats mixture.choose; add it")
        if self.draws and self.mixture.get("draw", 1) != 1:
            raise ValueError("draws counts from mixture.draw 1; remove mixture.draw")
        if self.draws and self.seeds:
            raise ValueError("draws and seeds exclude each other; write one of them")
        return self

    @model_validator(mode="after")
    def _one_training_each(self) -> "Experiment":
        if self.seeds and len(set(self.seeds)) < len(self.seeds):
            raise ValueError("seeds are different whole numbers")
        if self.seeds and self.seeds[0] != self.training.seed:
            raise ValueError(f"the first of seeds is training.seed, here {self.training.seed}")
        return self

    def with_seed(self, seed: int) -> "Experiment":
        """Return the experiment of one further seed."""
        training = self.training.model_copy(update={"seed": seed})
        return self.model_copy(update={"training": training, "seeds": None})

    def with_draw(self, draw: int) -> "Experiment":
        """Return the experiment on a further draw of datasets."""
        return self.model_copy(update={"mixture": self.mixture | {"draw": draw}, "draws": None})


Recipe = TypeVar("Recipe", ModelRecipe, Experiment)


def _read(path: Path, kind: type[Recipe]) -> Recipe:
    given = read_yaml(path)
    if problems := [f"{'.'.join(key)}: {said}" for key, said in doubled(given, kind)]:
        raised = InputError(path, "; ".join(problems), "Correct that key")
        raised.problems = problems
        raise raised
    content, _ = canonical(given, kind)
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


def training_name(recipe: Path, out: Path) -> str:
    """Return whose results ``out`` holds, for lines of progress.

    The name of the experiment, or of its training with a further seed or draw where a folder of
    ``out`` has that name (``<experiment>-seed43``, ``<experiment>-draw2``).
    """
    repeat = re.compile(re.escape(recipe.stem) + r"-(seed|draw)\d+")
    return next((part for part in reversed(out.parts) if repeat.fullmatch(part)), recipe.stem)
