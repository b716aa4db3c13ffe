"""A model's greedy answer: recorded at the release, compared by whoever downloads it, streamed."""

from pathlib import Path

from collectivesft.common.files import write_json
from collectivesft.hub.evidence.known_answer import NEW_TOKENS, QUESTION, generate, load


def record(
    model: Path,
    out: Path,
    question: str = QUESTION,
    new_tokens: int = NEW_TOKENS,
    threads: int | None = None,
) -> None:
    """Write the model's answer: ``{"question", "answer", "tokens", "margins", "new_tokens"}``.

    Args:
        threads: of the CPU; their number is part of the result to the last bit.
    """
    import torch

    if threads:
        torch.set_num_threads(threads)
    tokenizer, network = load(model)
    ids, margins = generate(tokenizer, network, question, new_tokens)
    text = tokenizer.decode(ids, skip_special_tokens=True)
    content = {"question": question, "answer": text, "tokens": ids, "margins": margins}
    write_json(out, content | {"new_tokens": new_tokens})
