"""Cleans examples: text normalised, personal data replaced, unusable rows dropped with a reason."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from collectivesft.curated import quality
from collectivesft.curated.ledger import StepLedger
from collectivesft.curated.normalise import normalise
from collectivesft.curated.privacy import scrub
from collectivesft.curated.store import count_rows, read_examples, write_results
from collectivesft.example import Drop, Example, conversation
from collectivesft.progress import track


def clean_file(
    examples: Path, shortest: int, longest: int, out: Path, dropped: Path, ledger: Path
) -> None:
    """Clean a file of examples.

    Args:
        shortest: fewest characters of an answer (exam questions are not held to it).
        longest: most characters of a conversation.
        out, dropped, ledger: what is kept, what is not, and the counts.
    """
    counts = StepLedger("clean")
    rows = track(read_examples(examples), f"clean {examples}", count_rows(examples))
    results = clean(rows, counts, shortest, longest)
    write_results(counts.watch(results), out, dropped)
    counts.write(ledger)


def clean(
    examples: Iterable[Example], counts: StepLedger, shortest: int, longest: int
) -> Iterator[Example | Drop]:
    """Yield each example cleaned, or a Drop; alterations are counted in ``counts``."""
    for example in examples:
        cleaned, done = clean_example(example)
        reason = fault(cleaned, shortest, longest)
        if reason:
            yield Drop(example.id, reason, conversation(example.messages)[:500])
            continue
        counts.entry(example.dataset).changed.update(done)
        yield cleaned


def clean_example(example: Example) -> tuple[Example, set[str]]:
    """The example with every text cleaned, and what was done to it."""
    done: set[str] = set()
    messages = [(role, _text(content, done)) for role, content in example.messages]
    meta = dict(example.meta)
    if example.style == "mcqa":
        meta["question"] = _text(meta["question"], done)
        meta["options"] = {name: _text(text, done) for name, text in meta["options"].items()}
    cleaned = Example(example.id, example.dataset, example.style, example.language, messages, meta)
    cleaned.language = quality.language_of(cleaned)
    if cleaned.language != example.language:
        done.add("language_corrected")
    return cleaned, done


def _text(text: str, done: set[str]) -> str:
    text, changed = normalise(text)
    text, found = scrub(text)
    done |= changed | found
    return text


def fault(example: Example, shortest: int, longest: int) -> str | None:
    """Why a cleaned example cannot be used; None if it can."""
    texts = [text for _, text in example.messages]
    if example.style == "mcqa":
        texts += [example.meta["question"], *example.meta["options"].values()]
    if not all(texts):
        return "empty_after_cleaning"
    if any("\ufffd" in text for _, text in example.messages):
        return "damaged_text"
    if sum(len(text) for _, text in example.messages) > longest:
        return "too_long"
    answers = [text for role, text in example.messages if role == "assistant"]
    if example.style != "mcqa" and min(map(len, answers)) < shortest:
        return "too_short"
    return quality.fault(example)
