"""How a conversation becomes tokens, and which of them carry loss."""

import re
from importlib import resources
from typing import Any

_GENERATION = re.compile(r"\{%-?\s*(?:end)?generation\s*-?%\}")


def training_template(name: str) -> str:
    """The chat template with the marks that say what the assistant wrote."""
    return resources.files(__package__).joinpath("templates", f"{name}.jinja").read_text("utf-8")


def plain_template(name: str) -> str:
    """The same template without those marks, which other programs do not know."""
    return _GENERATION.sub("", training_template(name))


# gemma_base is for a Gemma without instruction tuning: its marks of turns were never trained and
# cannot be told from thousands of unused tokens, so turns are marked by words and by <eos>.
END_OF_TURN = {"gemma": "<end_of_turn>", "gemma_base": "<eos>", "chatml": "<|im_end|>"}


def encode(
    tokenizer: Any, messages: list[tuple[str, str]], template: str
) -> tuple[list[int], list[int]]:
    """Tokenize one conversation; see ``encode_all``."""
    return encode_all(tokenizer, [messages], template)[0]


def encode_all(
    tokenizer: Any, conversations: list[list[tuple[str, str]]], template: str
) -> list[tuple[list[int], list[int]]]:
    """Tokenize conversations in one call, which takes less than half the time of one call each.

    Args:
        tokenizer: a fast tokenizer of transformers.
        conversations: of ``(role, content)`` pairs.
        template: text of a training template.

    Returns:
        Token ids and a mask of each: 1 on answers of the assistant, end of turn included.
    """
    if not conversations:
        return []
    encoded = tokenizer.apply_chat_template(
        [
            [{"role": role, "content": content} for role, content in messages]
            for messages in conversations
        ],
        chat_template=template,
        return_dict=True,
        return_assistant_tokens_mask=True,
    )
    return list(zip(encoded["input_ids"], encoded["assistant_masks"], strict=True))
