"""Check the tokenizer within a GGUF copy: the chat's marks, and the prompt as text.

llama.cpp cuts a prompt at its control tokens first. A mark of the chat template that the file
holds as ordinary text is cut into many tokens, the model sees no turn and no end of one, and a
comparison of answers to given token ids notices nothing.
"""

from pathlib import Path
from typing import Any

from collectivesft.common.errors import UserError
from collectivesft.hub.evidence.known_answer import QUESTION

CONTROL, USER_DEFINED = 3, 4  # of gguf's TokenType
_REMEDY = "Convert the model again with a tokenizer_config.json that lists its added tokens"


def check(model: Path, copy: Path, stops: list[str]) -> dict[str, Any]:
    """Compare the tokenizer of a copy with its original's.

    Args:
        model: folder of the original.
        copy: GGUF file.
        stops: texts of the tokens that end an answer.

    Returns:
        ``{"model", "pre": labels in the file, "marks": number of the template's marks that were
        found, "prompt": true where the file's own tokenizer, read by transformers, gives the same
        tokens for the fixed question; null where transformers does not read it}``.

    Raises:
        UserError: the file has no tokenizer, or a mark or an end of turn is no control token.
    """
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model, trust_remote_code=False)
    text, ids = _prompt(tokenizer)
    found = _read(copy)
    special = {i: token for i, token in tokenizer.added_tokens_decoder.items() if token.special}
    wanted = {i: token.content for i, token in special.items() if i in ids}
    wanted |= {tokenizer.convert_tokens_to_ids(stop): stop for stop in stops}
    for number, mark in sorted(wanted.items()):
        _check_mark(copy, found, number, mark)
    labels = {"model": found["model"], "pre": found["pre"], "marks": len(wanted)}
    return labels | {"prompt": _same_prompt(copy, text, ids)}


def _prompt(tokenizer: Any) -> tuple[str, list[int]]:
    """The fixed question by the chat template: as text and as token ids."""
    messages = [{"role": "user", "content": QUESTION}]
    text = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    return text, tokenizer(text, add_special_tokens=False)["input_ids"]


def _read(copy: Path) -> dict[str, Any]:
    """The file's labels, tokens and their types."""
    from gguf import GGUFReader

    fields = GGUFReader(str(copy)).fields
    keys = {key: f"tokenizer.ggml.{key}" for key in ("model", "pre", "tokens", "token_type")}
    found = {k: fields[name].contents() if name in fields else None for k, name in keys.items()}
    if not found["tokens"] or not found["token_type"]:
        raise UserError(f"{copy}: holds no tokenizer: no program can ask it. {_REMEDY}.")
    return found


def _check_mark(copy: Path, found: dict[str, Any], number: int, mark: str) -> None:
    tokens, types = found["tokens"], found["token_type"]
    own = tokens[number] if number < len(tokens) else None
    if own != mark:
        problem = f"is {own!r} there" if own is not None else "is not there"
    elif types[number] != CONTROL:
        problem = f"has type {types[number]} there, which is not that of a control token (3)"
    else:
        return
    text = f"the chat template's mark {mark!r} (token {number}) {problem}: prompts would be garbled"
    raise UserError(f"{copy}: {text}. {_REMEDY}, or set hub.gguf to null.")


def _same_prompt(copy: Path, text: str, ids: list[int]) -> bool | None:
    """True where the file's tokenizer cuts the prompt as the original; None where it is not read.

    Raises:
        UserError: it was read and cuts the prompt otherwise.
    """
    from transformers import AutoTokenizer

    try:
        own = AutoTokenizer.from_pretrained(copy.parent, gguf_file=copy.name)
        found = own(text, add_special_tokens=False)["input_ids"]
    except Exception:  # transformers knows few of GGUF's tokenizers; each fails in its own way
        return None
    if found != ids:
        problem = f"the file's own tokenizer makes {len(found)} tokens of a prompt of {len(ids)}"
        raise UserError(f"{copy}: {problem}. {_REMEDY}, or set hub.gguf to null.")
    return True
