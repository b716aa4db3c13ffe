"""Read what OpenAI-compatible servers answer: texts and next-token log probabilities.

Servers fill the same fields in different ways. Each function takes one JSON answer and either
returns a value that is certainly meant or raises: a partial, filtered or failed answer is never
taken for the model's own words, and a log probability counts only if it is that of the wanted
token.

Forms seen: OpenAI's and vLLM's lists (``tokens``, ``token_logprobs``, ``top_logprobs``),
llama-cpp-python's lists (which leave out the BOS token of an echoed prompt), llama.cpp's server
(``content`` with token ids, no echo).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from collectivesft.scores.engines.http_client import Unanswered

# Ends that are no end of an answer.
_FAILED = ("content_filter", "error", "abort", "aborted", "failed", "cancelled", "timeout")
_QUOTED = 120


def completion(answer: Mapping[str, Any]) -> tuple[str, str | None]:
    """Return text and finish reason of a ``/completions`` answer.

    Raises:
        Unanswered: no choice, no text, or an answer that the server broke off.
    """
    choice = first_choice(answer)
    text = joined(choice.get("text"))
    if text is None:
        raise Unanswered("an answer without a text; name a server with /completions")
    return text, choice.get("finish_reason")


def chat(answer: Mapping[str, Any]) -> tuple[str, str | None]:
    """Return text and finish reason of a ``/chat/completions`` answer.

    Raises:
        Unanswered: no choice or message, an empty one, a refusal, or one that was broken off.
    """
    choice = first_choice(answer)
    message = choice.get("message")
    if not isinstance(message, Mapping):
        raise Unanswered("an answer without a message; name a server with /chat/completions")
    text, reason = joined(message.get("content")), choice.get("finish_reason")
    if not (text or "").strip() and message.get("refusal"):
        raise Unanswered(f"refusal: {str(message['refusal'])[:_QUOTED]}")
    if not (text or "").strip() and reason != "length":
        raise Unanswered("an empty message")
    return text or "", reason


def first_choice(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the first choice of an answer.

    Raises:
        Unanswered: there is none, or the server broke it off.
    """
    choices = answer.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], Mapping):
        raise Unanswered("an answer without choices")
    reason = choices[0].get("finish_reason")
    if reason in _FAILED:
        raise Unanswered(f"finish_reason {reason}")
    return choices[0]


def joined(content: object) -> str | None:
    """Return a text, or the texts of a list of parts as one; None for anything else."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return None
    parts = [part.get("text") if isinstance(part, Mapping) else part for part in content]
    return "".join(parts) if all(isinstance(part, str) for part in parts) and parts else None


def next_tokens(choice: Mapping[str, Any]) -> dict[int | str, float] | None:
    """Return log probabilities of the first new token, by id where the server names ids, else by
    the token's text; None where it gives none."""
    given = choice.get("logprobs")
    if not isinstance(given, Mapping):
        return None
    if content := given.get("content"):
        return {row["id"]: float(row["logprob"]) for row in content[0].get("top_logprobs", ())
                if "id" in row} or None  # fmt: skip
    top = given.get("top_logprobs")
    if not top or not isinstance(top[0], Mapping):
        return None
    return {_id(token): float(value) for token, value in top[0].items() if value is not None}


def echoed(
    choice: Mapping[str, Any], count: int, last: tuple[int, str], before: tuple[int, str]
) -> float | None:
    """Return the log probability of an echoed prompt's last token; None where none is proven.

    The place is that of the prompt's last token, or one before where a server leaves out BOS. It
    counts only if ``tokens`` holds the wanted token there and the one before it as well: at any
    other place is the probability of a different token.

    Args:
        count: tokens of the prompt.
        last, before: id and text of the prompt's last token and of the one before.
    """
    given = choice.get("logprobs")
    given = given if isinstance(given, Mapping) else {}
    tokens, values = given.get("tokens") or (), given.get("token_logprobs") or ()
    for place in (count - 1, count - 2):
        if not 0 < place < min(len(tokens), len(values)) or values[place] is None:
            continue
        if _is(tokens[place], last) and _is(tokens[place - 1], before):
            return float(values[place])
    return None


def _is(token: object, wanted: tuple[int, str]) -> bool:
    found = _id(token)
    return found == wanted[0] if isinstance(found, int) else found == wanted[1]


def _id(token: object) -> int | str:
    """The id of "token_id:5", else the token's text."""
    name = str(token).removeprefix("token_id:")
    return int(name) if name != str(token) and name.isdecimal() else str(token)


def several(values: Mapping[int | str, float], wanted: Sequence[tuple[int, str]]) -> list[Any]:
    """Return the log probabilities of wanted tokens (id, text), None for each that is not given.

    A text counts only where the server names no ids: many tokens may be written alike.
    """
    named = any(isinstance(token, int) for token in values)
    return [values.get(token_id if named else text) for token_id, text in wanted]
