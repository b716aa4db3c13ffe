"""From a benchmark's items to the prompts that a model is asked, as text and as tokens."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, make_dataclass, replace

from collectivesft.common.errors import UserError
from collectivesft.config import protocol
from collectivesft.config.section import marked_fields
from collectivesft.schema.item import Item
from collectivesft.schema.option_orders import option_orders, reorder
from collectivesft.scores.engines import language_model as models
from collectivesft.scores.engines.language_model import LanguageModel
from collectivesft.scores.prompt.prompts import (
    Prompt,
    few_shot,
    lead_of,
    lm_eval_prompt,
    render,
    turns,
)

_DECLARED = protocol.Protocol.model_fields | marked_fields("scores predict")
# Options of `scores predict`, by the names and defaults that the configuration declares, then the
# seed of the choice of items and the processors. A plain class: a job checks options once, when it
# is called.
Protocol = make_dataclass(
    "Protocol",
    [
        *((name, one.annotation, one.default) for name, one in _DECLARED.items()),
        ("sample_seed", int, 42),
        ("threads", int, 1),
    ],
    frozen=True,
    slots=True,
)


@dataclass(frozen=True, slots=True)
class Question:
    """An item with its prompt.

    Attributes:
        item: as it is shown, its options in ``order``.
        ids: tokens of the prompt.
        shots: examples in the prompt.
        dropped: examples left out so that the prompt fits.
        order: published letters in the order shown; "" for the published order.
        repeat: the published order is asked a second time.
        sample: number of the drawn answer, from 0.
    """

    item: Item
    prompt: Prompt
    ids: list[int]
    shots: int
    dropped: int
    order: str = ""
    repeat: bool = False
    sample: int = 0

    @property
    def key(self) -> str:
        """Name this question among all that are asked: the item's id, with what differs."""
        drawn = f"sample{self.sample}" if self.sample else ""
        return "#".join(filter(None, (self.item.id, self.order, "repeat" * self.repeat, drawn)))

    @property
    def is_variant(self) -> bool:
        """Return True unless the item is asked for the first time, in its published order."""
        return bool(self.order) or self.repeat or bool(self.sample)

    def seed(self, draw_seed: int) -> int:
        """Return the seed of this answer, from 0 to 2**31 - 1, as every server takes it."""
        facts = f"{draw_seed}:{self.item.id}:{self.sample}"
        return int.from_bytes(hashlib.sha256(facts.encode()).digest()[:4], "big") >> 1


def prepare(
    model: LanguageModel, asked: Sequence[Item], all_items: Sequence[Item], options: Protocol
) -> list[Question]:
    """Return the questions to ask, with examples from the val items among ``all_items``.

    A question's variants (other orders of its options, a repetition, further draws) follow it.
    """
    pool = [item for item in all_items if item.split == "val"]
    every = _repeat_every(len(asked))
    found = []
    for index, item in enumerate(asked):
        examples = few_shot(item, pool, options.shots, options.shots_seed)
        main = _question(model, item, examples, options)
        found.append(main)
        others = option_orders(item, options.orders, options.sample_seed)[1:]
        for order in others:
            other = _question(model, reorder(item, order), examples, options)
            found.append(replace(other, order=order))
        if others and index % every == 0:
            found.append(replace(main, repeat=True))
        found += [replace(main, sample=number) for number in range(1, options.samples)]
    return found


def _repeat_every(items: int) -> int:
    """Return n where each n-th item is asked twice: a tenth of many, all of a few."""
    return max(1, min(10, items // 20))


def _question(
    model: LanguageModel, item: Item, examples: Sequence[Item], options: Protocol
) -> Question:
    """Return the item with as many examples as fit; the last ones, the least related, go first."""
    lead = lead_of(options.method, options.style, options.template, item.kind)
    for shots in range(len(examples), -1, -1):
        prompt = _prompt(model, item, examples[:shots], options, lead)
        ids = models.encode(model, prompt.text, options.template)
        if models.fits(model, len(ids), room(options)):
            break
    return Question(item, prompt, ids, shots, len(examples) - shots)


def _prompt(
    model: LanguageModel, item: Item, examples: Sequence[Item], options: Protocol, lead: str
) -> Prompt:
    if options.template == "lm_eval":
        return lm_eval_prompt(item, examples)
    conversation = turns(item, examples, options.style, options.preset)
    return render(model.tokenizer, conversation, options.template, lead)


def room(options: Protocol) -> int:
    """Tokens that an answer may take."""
    return options.max_new_tokens if options.method == "generate" else 0


def letter_tokens(
    model: LanguageModel, asked: Sequence[Question], options: Protocol
) -> dict[str, int]:
    """The token of each letter as it follows a prompt.

    Raises:
        UserError: the tokenizer has no separate token for a letter at that place.
    """
    first = asked[0]
    letters = sorted({letter for q in asked for letter in q.item.options})
    tokens: dict[str, int] = {}
    for letter in letters:
        text = f"{first.prompt.text}{first.prompt.gap}{letter}"
        ids = models.encode(model, text, options.template)
        if ids[:-1] != first.ids or ids[-1] in tokens.values():
            raise UserError(
                f"{model.tokenizer.name_or_path}: the tokenizer has no token of its own for "
                f"{letter} after {first.prompt.lead + first.prompt.gap!r}. "
                "Use a protocol with method: generate."
            )
        tokens[letter] = ids[-1]
    return tokens
