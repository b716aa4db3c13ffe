"""Tokens of a conversation, with a mask of those that carry loss."""

import re
from importlib import resources
from pathlib import Path
from typing import Any

from collectivesft.common.errors import InputError

_GENERATION = re.compile(r"\{%-?\s*(?:end)?generation\s*-?%\}")


# The template with generation marks, in a base model's folder and in those trained from it.
OWN = "training_template.jinja"


def training_template(name: str, folder: Path | None = None) -> str:
    """Return a chat template with the marks around the assistant's words.

    Args:
        name: a template of this package, or the model's own file, ``*.jinja``.
        folder: the base model's folder, which keeps the model's own template.
    """
    if name.endswith(".jinja") and folder is not None:
        return (folder / OWN).read_text(encoding="utf-8")
    return resources.files(__package__).joinpath("templates", f"{name}.jinja").read_text("utf-8")


def plain_template(name: str, folder: Path | None = None) -> str:
    """Return the same template without those marks, which other programs do not know."""
    return _GENERATION.sub("", training_template(name, folder))


def read_own_template(path: Path, end: str) -> str:
    """Read a base model's own chat template.

    Args:
        end: the token at the end of a turn.

    Raises:
        InputError: no such file, no marks around the assistant's words, or no end of turn in it.
    """
    if not path.is_file():
        raise InputError(path, "no such chat template", "Correct chat_template of the model")
    text = path.read_text(encoding="utf-8")
    if len(_GENERATION.findall(text)) < 2:
        problem = "no {% generation %} and {% endgeneration %} around the assistant's words"
        raise InputError(path, problem, "Add them: loss is computed between them only")
    if end not in text and "eos_token" not in text:
        raise InputError(path, f"does not write {end}", "Correct end_of_turn of the model")
    return text


# gemma_base is for a Gemma without instruction tuning: its marks of turns were never trained and
# look like its thousands of unused tokens, so turns are marked by words and by <eos>.
# words is for vocabularies without marks of turns: the tokenizer's end of text closes a turn.
# gemma, llama3 and qwen3 write what their vendors' templates write, qwen3 with an empty thought.
END_OF_TURN = {
    "gemma": "<end_of_turn>",
    "gemma_base": "<eos>",
    "chatml": "<|im_end|>",
    "words": None,
    "llama3": "<|eot_id|>",
    "qwen3": "<|im_end|>",
}


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
        tokenizer: a tokenizer of transformers; one without offsets encodes the parts of a
            conversation between the marks of answers, each by itself.
        conversations: of ``(role, content)`` pairs.
        template: text of a training template.

    Returns:
        Token ids and a mask of each: 1 on answers of the assistant, end of turn included.
    """
    if not conversations:
        return []
    messages = [
        [{"role": role, "content": content} for role, content in turns] for turns in conversations
    ]
    if not tokenizer.is_fast:
        return _encode_parts(tokenizer, messages, template)
    encoded = tokenizer.apply_chat_template(
        messages,
        chat_template=template,
        return_dict=True,
        return_assistant_tokens_mask=True,
    )
    return list(zip(encoded["input_ids"], encoded["assistant_masks"], strict=True))


def _encode_parts(
    tokenizer: Any, conversations: list[list[dict[str, str]]], template: str
) -> list[tuple[list[int], list[int]]]:
    """Encode the parts of each rendered conversation, answers and the text between them."""
    from transformers.utils.chat_template_utils import render_jinja_template

    texts, answers = render_jinja_template(
        conversations,
        chat_template=template,
        return_assistant_tokens_mask=True,
        **tokenizer.special_tokens_map,
    )
    encoded = []
    for text, spans in zip(texts, answers, strict=True):
        ids: list[int] = []
        mask: list[int] = []
        end = 0
        for start, stop in [*spans, (len(text), len(text))]:
            for part, label in ((text[end:start], 0), (text[start:stop], 1)):
                made = tokenizer(part, add_special_tokens=False)["input_ids"] if part else []
                ids += made
                mask += [label] * len(made)
            end = stop
        encoded.append((ids, mask))
    return encoded
