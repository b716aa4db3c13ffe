"""From a benchmark's items to the prompts that a model is asked, as text and as tokens."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from collectivesft.common.errors import UserError
from collectivesft.schema.item import Item
from collectivesft.scores.engines import language_model as models
from collectivesft.scores.engines.language_model import LanguageModel
from collectivesft.scores.prompt.prompts import Prompt, few_shot, lead_of, render, turns


@dataclass(frozen=True, slots=True)
class Protocol:
    """How a model is asked; the command line explains each."""

    method: Literal["generate", "likelihood"] = "generate"
    style: Literal["answer_only", "cot"] = "answer_only"
    shots: int = 0
    shots_seed: int | None = None
    template: Literal["chat", "plain", "cmb"] = "chat"
    preset: Literal["official", "corrected"] = "corrected"
    stop: Literal["early", "end"] = "early"
    max_new_tokens: int = 512
    batch_size: int = 16
    limit: int | None = None
    sample_seed: int = 42
    threads: int = 1


@dataclass(frozen=True, slots=True)
class Question:
    """An item with its prompt; ``ids`` are the prompt's tokens, ``shots`` the examples in it and
    ``dropped`` those left out so that it fits."""

    item: Item
    prompt: Prompt
    ids: list[int]
    shots: int
    dropped: int


def prepare(
    model: LanguageModel, asked: Sequence[Item], all_items: Sequence[Item], options: Protocol
) -> list[Question]:
    """The questions to ask, with examples from the val items among ``all_items``."""
    pool = [item for item in all_items if item.split == "val"]
    return [
        _question(model, item, few_shot(item, pool, options.shots, options.shots_seed), options)
        for item in asked
    ]


def _question(
    model: LanguageModel, item: Item, examples: Sequence[Item], options: Protocol
) -> Question:
    """The item with as many examples as fit: the least related, which stand last, go first."""
    lead = lead_of(options.method, options.style, options.template, item.kind)
    for shots in range(len(examples), -1, -1):
        conversation = turns(item, examples[:shots], options.style, options.preset)
        prompt = render(model.tokenizer, conversation, options.template, lead)
        ids = models.encode(model, prompt.text, options.template)
        if models.fits(model, len(ids), room(options)):
            break
    return Question(item, prompt, ids, shots, len(examples) - shots)


def room(options: Protocol) -> int:
    """Tokens that an answer may take."""
    return options.max_new_tokens if options.method == "generate" else 0


def letter_tokens(
    model: LanguageModel, asked: Sequence[Question], options: Protocol
) -> dict[str, int]:
    """The token of each letter as it follows a prompt.

    Raises:
        UserError: the tokenizer makes no token of its own of a letter at that place.
    """
    first = asked[0]
    letters = sorted({letter for q in asked for letter in q.item.options})
    tokens: dict[str, int] = {}
    for letter in letters:
        ids = models.encode(model, first.prompt.text + letter, options.template)
        if ids[:-1] != first.ids or ids[-1] in tokens.values():
            raise UserError(
                f"{model.tokenizer.name_or_path}: the tokenizer has no token of its own for "
                f"{letter} after {first.prompt.lead!r}. Use a protocol with method: generate."
            )
        tokens[letter] = ids[-1]
    return tokens
