"""Draws an experiment's mixture from the curated examples and describes it.

An example's draw depends only on its id and the seed, not on the other examples: 1 % is a part of
10 %, and unless the recipe weighs datasets or styles against each other, adding a dataset leaves
the remaining examples as they were.
"""

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import chain, zip_longest
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from collectivesft.common.errors import InputError
from collectivesft.common.files import atomic_path, write_json
from collectivesft.common.progress import Reporter
from collectivesft.config.mixture import Mixture, read_mixture
from collectivesft.curated.mixture.sampling import Quota, cut_tokens, quota, sample_key
from collectivesft.curated.mixture.statistics import Description
from collectivesft.curated.storage.parquet import (
    Writer,
    count_rows,
    example_table,
    examples_of,
    read_batches,
)
from collectivesft.curated.storage.step_ledger import StepLedger
from collectivesft.schema.example import arrow_schema
from collectivesft.schema.prompts import in_cmb_form

LEFT_OUT, TRAIN, HELD_OUT = range(3)


def mix_file(
    examples: Path,
    recipe: Path,
    out: Path,
    validation: Path,
    ledger: Path,
    stats: Path,
    draw: int | None = None,
    lengths: Path | None = None,
) -> None:
    """Write an experiment's training and validation part, their ledger and their measures.

    Args:
        draw: number of a further draw of datasets; None for the recipe's own.
        lengths: training tokens of each example, from `sft lengths`; for ``mixture.tokens``.

    Raises:
        InputError: the recipe has a wrong key, names only datasets that are not there, or leaves
            nothing to train on; lengths that are missing or of other examples.
    """
    mixture = read_mixture(recipe, draw)
    taken = _quota(examples, recipe, mixture)
    if mixture.tokens is not None:
        if lengths is None:
            remedy = "Run `collectivesft sft lengths` and name its file with --lengths"
            raise InputError(recipe, "mixture.tokens needs the examples' lengths", remedy)
        taken = _within_tokens(examples, recipe, mixture, taken, lengths)
    counts, description = StepLedger("mix"), Description(mixture.seed)
    with ExitStack() as stack:
        paths = [stack.enter_context(atomic_path(path)) for path in (out, validation)]
        train, held_out = (stack.enter_context(Writer(path, arrow_schema())) for path in paths)
        reporter = stack.enter_context(Reporter(f"{recipe.stem}, mix", count_rows(examples)))
        for batch in read_batches(examples):
            places = _places(batch, taken, mixture, counts)
            _write(_part(batch, places == HELD_OUT), mixture, held_out)
            _write(_part(batch, places == TRAIN), mixture, train, description)
            reporter.advance(len(batch))
        if not description.examples:
            raise InputError(recipe, "this mixture leaves nothing to train on", "Widen `mixture`")
    counts.write(ledger)
    held = sum(entry.changed["held_out"] for entry in counts.entries.values())
    about = {"experiment": recipe.stem, "prompt": mixture.prompt, "validation": held}
    if mixture.examples is not None or mixture.tokens is not None:
        about["budget"] = {"examples": mixture.examples, "by": mixture.examples_by}
        if mixture.tokens is not None:
            about["budget"] |= {"tokens": mixture.tokens, "training_tokens": taken.tokens}
        about["budget"]["draw"] = mixture.draw if mixture.choose else None
        about["budget"]["too_small"] = list(taken.too_small)
    write_json(stats, about | description.as_json())


def _within_tokens(
    examples: Path, recipe: Path, mixture: Mixture, chosen: Quota, lengths: Path
) -> Quota:
    """Cut a mixture at its budget of tokens."""
    again = "Run `collectivesft sft lengths` on the same examples"

    def tokens() -> Iterator[int]:
        ids = chain.from_iterable(
            batch.column("id").to_pylist() for batch in read_batches(examples, columns=["id"])
        )
        for mine, (theirs, count) in zip_longest(ids, _lengths(lengths, again), fillvalue=("", 0)):
            if mine != theirs:
                raise InputError(lengths, "lengths of other examples than these", again)
            yield count

    try:
        return cut_tokens(examples, mixture, chosen, tokens())
    except ValueError as error:
        raise InputError(recipe, f"mixture.{error}", "Lower the number") from error


def _lengths(path: Path, remedy: str) -> Iterator[tuple[str, int]]:
    """Yield the id and the tokens of each row of a file of `sft lengths`."""
    try:
        with pq.ParquetFile(path) as file:
            if set(file.schema_arrow.names) != {"id", "tokens"}:
                raise InputError(path, "no columns id and tokens", remedy)
            for batch in file.iter_batches():
                columns = (batch.column(name).to_pylist() for name in ("id", "tokens"))
                yield from zip(*columns, strict=True)
    except pa.ArrowException as error:
        problem = f"not readable as Parquet ({str(error).splitlines()[0]})"
        raise InputError(path, problem, remedy) from error


def _quota(examples: Path, recipe: Path, mixture: Mixture) -> Quota:
    """Plan the mixture; name a dataset or style that it weighs but that has no examples."""
    try:
        found = quota(examples, mixture)
    except ValueError as error:
        key, remedy = "mixture.style_shares: ", "Leave it out"
        if str(error).startswith(("choose", "examples")):
            key, remedy = "mixture.", "Lower the number"
        raise InputError(recipe, f"{key}{error}", remedy) from error
    if not found.present:
        remedy = "The run's ledger.md says why rows were dropped; correct that step's options"
        raise InputError(examples, "no row of any dataset came through the curation", remedy)
    for key, names in (("datasets", mixture.datasets), ("max_samples", mixture.max_samples)):
        named = names if isinstance(names, (list, dict)) else []
        absent = [name for name in named if name not in found.present]
        problem = f"mixture.{key}: no examples of {', '.join(absent)}"
        if absent and len(absent) == len(named):
            raise InputError(recipe, problem, f"There are {', '.join(found.present)}")
        if absent:  # a dataset that could not be had: the ledger and the card say so too
            sys.stderr.write(f"{recipe}: {problem}; the mixture goes without\n")
    if found.too_small:
        problem = f"mixture.choose: too few examples in {', '.join(found.too_small)}"
        sys.stderr.write(f"{recipe}: {problem}; it chooses among the other datasets\n")
    return found


def _places(
    batch: pa.RecordBatch, taken: Quota, mixture: Mixture, counts: StepLedger
) -> np.ndarray:
    """Return each row's part, LEFT_OUT, TRAIN or HELD_OUT, and count it in the ledger."""
    places = np.full(len(batch), LEFT_OUT, dtype=np.int8)
    columns = (batch.column(name).to_pylist() for name in ("id", "dataset", "style"))
    for row, (id, dataset, style) in enumerate(zip(*columns, strict=True)):
        entry = counts.entry(dataset)
        entry.rows_in += 1
        if reason := taken.reason(dataset, style, sample_key(id, mixture.seed, "sample")):
            entry.dropped[reason] += 1
            continue
        entry.kept += 1
        places[row] = TRAIN
        if sample_key(id, mixture.seed, "validation") < mixture.validation:
            entry.changed["held_out"] += 1
            places[row] = HELD_OUT
    return places


def _part(batch: pa.RecordBatch, rows: np.ndarray) -> pa.RecordBatch:
    return batch.filter(pa.array(rows))


def _write(
    batch: pa.RecordBatch, mixture: Mixture, writer: Writer, description: Description | None = None
) -> None:
    """Write rows, asked as the mixture wants; the training part is described as well."""
    if not len(batch):
        return
    examples = list(examples_of(batch)) if description or mixture.prompt == "cmb" else []
    if mixture.prompt == "cmb":
        examples = [in_cmb_form(example) for example in examples]
        for asked in example_table(examples).to_batches():
            writer.add_batch(asked)
    else:
        writer.add_batch(batch)
    if description:
        for example in examples:
            description.add(example)
