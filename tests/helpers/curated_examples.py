"""Examples and items in one line, for the tests of stage curated."""

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from collectivesft.curated.storage.parquet import write_results
from collectivesft.curated.text.ngrams import ngrams_of, token_values
from collectivesft.curated.text.unicode_fold import fold
from collectivesft.schema.example import Drop, Example
from collectivesft.schema.item import Item


def qa(id: str, question: str = "头痛怎么办？", answer: str = "多休息。", **facts) -> Example:
    """A question and its answer; the dataset is what stands before the id's colon."""
    fields = {"style": "qa", "language": "zh", "meta": {"file": "a", "row": 1}} | facts
    messages = [("user", question), ("assistant", answer)]
    return Example(id, id.partition(":")[0], messages=messages, **fields)


def exam(id: str, question: str, options: dict[str, str], answer: str, head="一道题：") -> Example:
    """An exam question as the readers make it."""
    shown = "\n".join(f"{letter}. {text}" for letter, text in options.items())
    messages = [("user", f"{head}\n{question}\n{shown}"), ("assistant", f"答案是{answer}。")]
    meta = {"file": "a", "row": 1, "answer": answer, "options": options, "question": question}
    return Example(id, id.partition(":")[0], "mcqa", "zh", messages, meta)


def item(id: str, question: str, turns: Iterable[str] = (), benchmark: str = "cmb") -> Item:
    """A benchmark item; with turns a clinical case."""
    asked = [{"question": turn, "reference": "略"} for turn in turns]
    kind = "clinical" if asked else "choice"
    return Item(id, benchmark, "test", kind, "a", "b", question, turns=asked)


def save(path: Path, examples: Iterable[Example]) -> Path:
    """Write examples as a step does; returns the path."""
    write_results(examples, path, path.with_suffix(".dropped"))
    return path


def ngrams(text: str, n: int) -> np.ndarray:
    """Sorted unique hashes of one text's n-grams."""
    return np.unique(ngrams_of(token_values(fold([text])), n).values)


def drops(path: Path) -> list[dict]:
    """Rows of a file of dropped rows."""
    return pq.read_table(path).to_pylist()


def ids(results: Iterable[Example | Drop]) -> list[str]:
    """Ids of the examples among the results."""
    return [result.id for result in results if isinstance(result, Example)]


def same_bytes(run: Callable[[Path], None], first: Path, second: Path) -> int:
    """Assert that a function writes the same files to two folders; returns how many."""
    written = []
    for folder in (first, second):
        folder.mkdir(parents=True)
        run(folder)
        written.append({path.name: path.read_bytes() for path in sorted(folder.iterdir())})
    assert written[0] == written[1]
    return len(written[0])
