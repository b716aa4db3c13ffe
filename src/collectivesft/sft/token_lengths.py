"""Count the training tokens of examples, for a mixture with a budget of tokens."""

from functools import partial
from pathlib import Path

from collectivesft.common.files import atomic_path
from collectivesft.common.process_pool import ordered_map
from collectivesft.common.progress import Reporter
from collectivesft.config.experiment import read_experiment, training_name
from collectivesft.config.mixture import read_mixture
from collectivesft.curated.storage.parquet import examples_of, read_batches
from collectivesft.models import chat
from collectivesft.schema.prompts import in_cmb_form
from collectivesft.sft.batches.token_files import Chunk
from collectivesft.sft.tokenize import row_groups, tokenizer_of


def measure_lengths(
    examples: Path, base: Path, recipe: Path, out: Path, threads: int = 1
) -> dict[str, int]:
    """Write the training tokens of each example by the base's tokenizer, in the order of the file.

    They are those that `sft tokenize` would train on: in the recipe's prompt form, cut to its
    ``max_length``. An example that has nothing to learn from has 0.

    Args:
        examples: Parquet file of curated examples.
        out: Parquet file to write, with columns id and tokens.
        threads: processes; the bytes do not depend on their number.

    Returns:
        Counts of examples and tokens.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    training, tasks = read_experiment(recipe).training, row_groups(examples)
    work = partial(
        _lengths, base, (training.max_length, training.truncation), read_mixture(recipe).prompt
    )
    schema = pa.schema([("id", pa.string()), ("tokens", pa.int32())])
    counts = {"examples": 0, "tokens": 0}
    with (
        atomic_path(out) as path,
        pq.ParquetWriter(path, schema) as writer,
        Reporter(f"{training_name(recipe, out)}, lengths") as reporter,
    ):
        for ids, tokens in ordered_map(work, tasks, min(threads, max(1, len(tasks)))):
            writer.write_table(pa.table([ids, tokens], schema=schema))
            counts["examples"] += len(ids)
            counts["tokens"] += sum(tokens)
            reporter.advance(len(ids))
    return counts


def _lengths(
    base: Path, cut: tuple[int, str], prompt: str, task: tuple[Path, int]
) -> tuple[list[str], list[int]]:
    """Return ids and tokens of the examples of one row group."""
    path, group = task
    tokenizer, template = tokenizer_of(base)
    found: list[str] = []
    tokens: list[int] = []
    for batch in read_batches(path, group):
        every = list(examples_of(batch))
        if prompt == "cmb":
            every = [in_cmb_form(example) for example in every]
        encoded = chat.encode_all(tokenizer, [example.messages for example in every], template)
        for example, (ids, mask) in zip(every, encoded, strict=True):
            chunk = Chunk(*cut)
            chunk.add(ids, mask)
            found.append(example.id)
            tokens.append(sum(chunk.lengths))
    return found, tokens
