"""Describe how models are asked and graded: sections of a run's configuration."""

import json
import shlex
from string import Formatter
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from collectivesft.config.section import Number, OptionOf, Positive, Section, hidden

ADDRESS = r"^https?://[^@\s]+(?!\n)$"  # without user or password


def _port(address: str) -> str:
    """Refuse an address whose port is none; no message repeats it."""
    try:
        port = urlsplit(address).port
    except ValueError:
        port = 0
    if port == 0:
        raise ValueError("its port is no number from 1 to 65535; correct it")
    return address


Address = Annotated[str, Field(pattern=ADDRESS), AfterValidator(_port)]
VARIABLE = r"^[A-Za-z_][A-Za-z0-9_]*(?!\n)$"


class Evaluation(Section):
    """Use of one benchmark."""

    kind: Literal["choice", "clinical", "text", "upload"] = Field(
        description="`choice`: letters; `clinical`: cases of several turns; `text`: free text "
        "with references; `upload`: free text that the benchmark's authors score"
    )
    protocols: list[str] = Field([], description="names under `protocols`")
    limit: Annotated[
        Positive | None, OptionOf("scores predict", "scores answer-cases", "scores completion")
    ] = Field(None, description="number of items asked; null: all")

    @model_validator(mode="after")
    def _once(self) -> "Evaluation":
        if twice := [name for name in self.protocols if self.protocols.count(name) > 1]:
            raise ValueError(f"protocols: {twice[0]} is named twice; name it once")
        return self


class Server(Section):
    """Address of an OpenAI-compatible server; none of it changes an answer."""

    key_env: str | None = Field(
        None, pattern=VARIABLE, json_schema_extra=hidden("OPENAI_API_KEY"),
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
    url: Address | None = Field(
        None,
        json_schema_extra=hidden("http://127.0.0.1:8000/v1"),
        description="address of a running server",
    )
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
        if self.kind == "transformers" and self.prompt_format != "text":
            raise ValueError("prompt_format is for kind openai; only that kind sends prompts")
        if self.serve and (fault := _command_fault(self.serve)):
            raise ValueError(f"serve: {fault}")
        return self


def _command_fault(command: str) -> str | None:
    """Return the fault of a command that starts a server; None where it is none."""
    try:
        parts = [list(Formatter().parse(part)) for part in shlex.split(command)]
    except ValueError as error:
        return f"{command!r} is no command ({error}); correct it"
    names = {name for part in parts for _, name, _, _ in part if name is not None}
    if unknown := sorted(names - {"model", "name", "port"}):
        return f"{{{unknown[0]}}} is unknown; it may hold {{model}}, {{name}} and {{port}}"
    if "port" not in names:
        return "it has no {port}, so the server would wait at a different port; add it"
    return None


class Judge(Server):
    """A chat model that grades the answers to clinical cases."""

    url: Address = Field(json_schema_extra=hidden("https://host/v1"), description="its address")
    model: str = Field(min_length=1, pattern=r"\S", description="its name on that server")
    concurrency: int = Field(8, ge=1, description="requests in flight")
    timeout: Number = Field(120, ge=1, description="longest silence of the server, seconds")
    input_price: Number = Field(0, ge=0, description="price of a million tokens sent")
    output_price: Number = Field(0, ge=0, description="price of a million tokens received")
    max_tokens: Positive | None = Field(
        None, description="longest reply, tokens; null: 256 for grades, 1,024 for criteria"
    )
    body: dict[str, Any] | None = Field(
        None, description="fields added to each request, or replaced in it"
    )

    @model_validator(mode="after")
    def _body_is_json(self) -> "Judge":
        if own := sorted({"messages", "stream"} & (self.body or {}).keys()):
            raise ValueError(f"body: {own[0]} is ours to write; remove it")
        try:
            json.dumps(self.body, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise ValueError(f"body: JSON has no such value ({error}); quote it") from None
        return self


class CaseAnswers(Section):
    """Options of `scores answer-cases`: its rule passes on each field."""

    max_new_tokens: int = Field(512, ge=1, description="longest answer of a turn, tokens")


class Clinical(CaseAnswers):
    """Answers to clinical cases and their grades."""

    judge: Judge | None = Field(None, description="grades the answers; null: they are not graded")
    second_judge: Judge | None = Field(
        None, description="grades them too, so that the agreement of two judges is known"
    )
    criteria: bool = Field(
        False,
        description="yes/no criteria beside the grades: the judge lists them from each reference "
        "once, then each judge marks every answer by them",
    )

    @model_validator(mode="after")
    def _first_judge_first(self) -> "Clinical":
        if self.second_judge and not self.judge:
            raise ValueError("second_judge needs judge; name the first one there")
        if self.criteria and not self.judge:
            raise ValueError("criteria needs judge; name the model that lists and checks them")
        if self.second_judge and self.judge and self.second_judge.model == self.judge.model:
            raise ValueError("second_judge is the judge's own model; name a different one")
        return self
