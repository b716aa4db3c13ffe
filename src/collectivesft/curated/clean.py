"""Cleans examples: text normalised, personal data replaced, unusable rows dropped with a reason."""

import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from collectivesft.common.process_pool import ordered_map
from collectivesft.common.progress import Reporter
from collectivesft.curated.storage.parquet import (
    Results,
    count_rows,
    example_table,
    examples_of,
    joined_turns,
    read_batches,
    roles,
    row_groups,
)
from collectivesft.curated.storage.step_ledger import StepLedger
from collectivesft.curated.text import quality
from collectivesft.curated.text.cleaning import clean_text
from collectivesft.curated.text.prefilter import ENDS, Screened, Texts, screen
from collectivesft.curated.text.symbols import PRIVATE
from collectivesft.schema.example import Drop, Example, conversation

# Marks that tokenizers read as the begin or end of a turn or text, not as words: an answer with
# one in it would teach a model to stop there. <s> and </s> go before, as tags of HTML. Each begins
# with a sign that the screen holds back.
_CONTROL = re.compile(
    r"<(?:\|[\w▁]+\||｜[\w▁]+｜|bos|eos|pad|unk|mask|sep|cls|eo[dpt]|unused\d+"
    r"|(?:start|end)_of_(?:turn|image))>"
)

# Characters that an encoding lost, and private-use ones without known meaning (see ``symbols``).
_DAMAGED = re.compile(f"\ufffd|{PRIVATE.pattern}")


def clean_file(
    examples: Path,
    min_characters: int,
    max_characters: int,
    out: Path,
    dropped: Path,
    ledger: Path,
    threads: int = 1,
) -> None:
    """Clean a file of examples.

    Args:
        min_characters: of an answer (exam questions are not held to it).
        max_characters: of a conversation.
        out, dropped, ledger: kept rows, dropped rows, and the counts.
        threads: number of processes; the files do not depend on it.
    """
    counts, parts = StepLedger("clean"), row_groups([examples])
    work = partial(clean_group, shortest=min_characters, longest=max_characters)
    with (
        Results(out, dropped, counts) as results,
        Reporter(f"clean {examples}", count_rows(examples)) as reporter,
    ):
        for batches in ordered_map(work, parts, threads):
            for cleaned in batches:
                results.keep(cleaned.kept)
                for drop in cleaned.drops:
                    results.drop(drop)
                for name, changed in cleaned.changed.items():
                    counts.entry(name).changed.update(changed)
                reporter.advance(len(cleaned.kept) + len(cleaned.drops))
    counts.write(ledger)


@dataclass
class Cleaned:
    """A batch after cleaning: kept rows, dropped rows, and the alterations by dataset."""

    kept: pa.RecordBatch
    drops: list[Drop]
    changed: dict[str, Counter]


def clean_group(part: tuple[Path, int, int], shortest: int, longest: int) -> list[Cleaned]:
    """Clean one row group."""
    path, group, _ = part
    return [clean_batch(batch, shortest, longest) for batch in read_batches(path, group)]


def clean_batch(batch: pa.RecordBatch, shortest: int, longest: int) -> Cleaned:
    """Clean a batch; only rows that may need it become examples, the rest passes as it is."""
    suspect, dirty = _suspect(batch, shortest, longest)
    rows, counts = np.flatnonzero(suspect), StepLedger("clean")
    examples = examples_of(batch.take(pa.array(rows)))
    results = list(clean(examples, counts, shortest, longest, dirty))
    order = np.arange(len(batch))
    cleaned = [result for result in results if isinstance(result, Example)]
    stays = np.array([isinstance(result, Example) for result in results], dtype=bool)
    order[rows[stays]] = len(batch) + np.arange(len(cleaned))
    order = np.delete(order, rows[~stays])
    both = pa.concat_batches([batch, *example_table(cleaned).to_batches()])
    drops = [result for result in results if isinstance(result, Drop)]
    changed = {name: entry.changed for name, entry in counts.entries.items()}
    return Cleaned(both.take(pa.array(order)) if len(rows) else batch, drops, changed)


def _suspect(
    batch: pa.RecordBatch, shortest: int, longest: int
) -> tuple[np.ndarray, Collection[str]]:
    """Rows that may be altered or dropped: bool by row; and the texts that cleaning may alter."""
    texts, starts = joined_turns(batch)
    turns, counts = len(texts.lengths), np.diff(starts)
    owners = np.repeat(np.arange(len(batch)), counts)
    suspect = np.bincount(owners, texts.lengths, len(batch)) > longest
    suspect |= counts == 0
    exam = np.asarray(pc.equal(batch.column("style"), "mcqa"))
    facts, of_row = _facts(batch, np.flatnonzero(exam).tolist())
    if facts:
        texts, owners = texts.extended(facts), np.concatenate([owners, of_row])
    seen = screen(texts)
    suspect[owners[seen.altered | (texts.lengths < max(shortest, 1))]] = True
    rows = np.flatnonzero(~exam & ~suspect)
    if len(rows):
        suspect |= _other_language(batch, seen.chinese[:turns], starts)
        suspect[_poor_answers(batch, texts, seen, starts, rows)] = True
    return suspect, {texts[i] for i in np.flatnonzero(seen.altered).tolist()}


def _facts(batch: pa.RecordBatch, rows: list[int]) -> tuple[list[str], np.ndarray]:
    """Question and options of exam questions, and the row of each of these texts."""
    metas, facts, sizes = batch.column("meta"), [], []
    for row in rows:
        meta = json.loads(metas[row].as_py())
        facts += [meta["question"], *meta["options"].values()]
        sizes.append(1 + len(meta["options"]))
    return facts, np.repeat(rows, sizes).astype(np.int64)


def _other_language(batch: pa.RecordBatch, chinese: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Return the rows whose characters may contradict their language (see ``language_of``)."""
    some = np.concatenate([[0], np.cumsum(chinese)])[starts]
    return (np.diff(some) > 0) != np.asarray(pc.equal(batch.column("language"), "zh"))


def _poor_answers(
    batch: pa.RecordBatch, texts: Texts, seen: Screened, starts: np.ndarray, rows: np.ndarray
) -> list[int]:
    """Those of some rows of free text that ``quality.drop_reason`` names a reason for."""
    asks = np.asarray(pc.equal(roles(batch), "user"))
    poor = []
    # 1) Each answer by itself.
    within = np.zeros(len(starts) - 1, dtype=bool)
    within[rows] = True
    answers = np.flatnonzero(~asks & np.repeat(within, np.diff(starts)))
    doubt = seen.silent | seen.linked | seen.monotonous | (texts.lengths >= quality.LONG)
    for turn in answers[doubt[answers]].tolist():
        if quality.answer_fault(texts[turn]):
            poor.append(int(np.searchsorted(starts, turn, side="right")) - 1)
    # 2) The last answer against the question before it, where it is not longer.
    last = starts[1:][rows] - 1
    turns = np.arange(len(asks))
    question = np.maximum.accumulate(np.where(asks, turns, -1))[last]
    asked = question >= starts[:-1][rows]
    lengths = texts.lengths
    able = seen.framed[last] | (lengths[last] <= lengths[question] + 2 * ENDS)
    for i in np.flatnonzero(asked & able).tolist():
        if quality.echoes(texts[question[i]], texts[last[i]]):
            poor.append(int(rows[i]))
    return poor


def clean(
    examples: Iterable[Example],
    counts: StepLedger,
    shortest: int,
    longest: int,
    dirty: Collection[str] | None = None,
) -> Iterator[Example | Drop]:
    """Yield each example cleaned, or a Drop; alterations are counted in ``counts``.

    Args:
        dirty: the only texts that cleaning may alter; None where that is not known.
    """
    for example in examples:
        cleaned, done = clean_example(example, dirty)
        reason = fault(cleaned, shortest, longest)
        if reason:
            yield Drop(example.id, reason, conversation(example.messages)[:500])
            continue
        counts.entry(example.dataset).changed.update(done)
        yield cleaned


def clean_example(
    example: Example, dirty: Collection[str] | None = None
) -> tuple[Example, set[str]]:
    """Return the example with every text cleaned (see ``clean``), and the names of alterations."""
    done: set[str] = set()

    def cleaned_text(text: str) -> str:
        if dirty is not None and text not in dirty:
            return text
        text, changed = clean_text(text)
        done.update(changed)
        return text

    messages = [(role, cleaned_text(content)) for role, content in example.messages]
    meta = dict(example.meta)
    if example.style == "mcqa":
        meta["question"] = cleaned_text(meta["question"])
        meta["options"] = {name: cleaned_text(text) for name, text in meta["options"].items()}
    cleaned = Example(example.id, example.dataset, example.style, example.language, messages, meta)
    cleaned.language = quality.language_of(cleaned)
    if cleaned.language != example.language:
        done.add("language_corrected")
    return cleaned, done


def fault(example: Example, shortest: int, longest: int) -> str | None:
    """Return the reason why a cleaned example cannot be used; None if it can."""
    texts = [text for _, text in example.messages]
    if example.style == "mcqa":
        texts += [example.meta["question"], *example.meta["options"].values()]
    if not all(texts):
        return "empty_after_cleaning"
    if any(_DAMAGED.search(text) for text in texts):
        return "damaged_text"
    if any(_CONTROL.search(text) for _, text in example.messages):
        return "control_token"
    if sum(len(text) for _, text in example.messages) > longest:
        return "too_long"
    answers = [text for role, text in example.messages if role == "assistant"]
    if example.style != "mcqa" and min(map(len, answers)) < shortest:
        return "too_short"
    return quality.drop_reason(example)
