"""Keys of a protocol, the way in which models are asked; ``scores predict`` has its fields."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from collectivesft.config.section import Number, Section, Seed
from collectivesft.schema.protocol_rules import protocol_fault


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
    shots_seed: Seed | None = Field(
        None, description="seed to draw them for each question; null: the first ones"
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
    draw_seed: Seed = Field(42, description="seed of drawn answers; each one has a seed made of it")
    max_new_tokens: int = Field(512, ge=1, description="longest answer, tokens")
    batch_size: int = Field(16, ge=1, description="questions in one batch")

    @model_validator(mode="after")
    def _consistent(self) -> "Protocol":
        how = (self.method, self.template, self.temperature, self.samples, self.orders)
        if fault := protocol_fault(*how):
            raise ValueError(fault)
        if self.method == "likelihood" and self.style == "cot":
            raise ValueError("method likelihood writes no reasoning; set style to answer_only")
        if self.shots_seed is not None and not self.shots:
            raise ValueError("shots_seed draws solved questions, and shots is 0; set shots")
        return self
