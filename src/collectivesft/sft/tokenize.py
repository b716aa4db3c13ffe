"""An experiment's examples as tokens: made once, in flat arrays that training maps into memory."""

from collections.abc import Iterable
from contextlib import closing
from functools import lru_cache, partial
from itertools import islice
from pathlib import Path
from typing import Any

from collectivesft.common.digests import digest, software
from collectivesft.common.errors import InputError
from collectivesft.common.files import atomic_path, dump_json, keep_folder, place, read_json, sha256
from collectivesft.common.process_pool import ordered_map
from collectivesft.common.progress import Reporter
from collectivesft.config.experiment import FACTS, read_experiment, training_name
from collectivesft.models import chat
from collectivesft.models.quiet_transformers import quiet
from collectivesft.models.registry import register
from collectivesft.sft.batches import cache_keys
from collectivesft.sft.batches.token_files import PARTS, Chunk, Writer


def tokenize(
    train: Path,
    validation: Path,
    base: Path,
    recipe: Path,
    out: Path,
    threads: int = 1,
    cache: Path | None = None,
) -> dict[str, Any]:
    """Write the tokens of both parts and ``tokens.json`` with their counts.

    Args:
        threads: processes; the bytes do not depend on their number.
        cache: folder of tokens made before, by content: experiments that differ only in their
            training share them. None: no cache.

    Raises:
        InputError: no training example is left.
    """
    training = read_experiment(recipe).training
    cut = training.max_length, training.truncation
    kept = cache / _key((train, validation), base, cut) if cache else None
    if kept and kept.is_dir():
        with atomic_path(out) as folder:
            folder.mkdir()
            for path in kept.iterdir():
                place(path, folder / path.name)
        return read_json(out / "tokens.json")
    counts: dict[str, Any] = {"max_length": training.max_length, "truncation": training.truncation}
    groups = [row_groups(path) for path in (train, validation)]
    tasks = [task for part in groups for task in part]
    # One pool for both parts: each process imports transformers, which takes two seconds.
    work, most = partial(_chunk, base, cut), max(map(len, groups))
    made = closing(ordered_map(work, tasks, min(threads, most)))
    with atomic_path(out) as folder, made as chunks:
        folder.mkdir()
        for part, own in zip(PARTS, groups, strict=True):
            label = f"{training_name(recipe, out)}, tokenize {part}"
            counts[part] = _part(label, part, islice(chunks, len(own)), folder)
        if not counts["train"]["examples"]:
            raise InputError(train, "no example is left to train on", "Raise training.max_length")
        _check_lengths(train, base, counts)
        counts["sha256"] = {path.name: sha256(path) for path in sorted(folder.iterdir())}
        (folder / "tokens.json").write_text(dump_json(counts), encoding="utf-8")
    if kept:
        keep_folder(out, kept)
    return counts


def _check_lengths(train: Path, base: Path, counts: dict[str, Any]) -> None:
    """Refuse examples that are longer than the model's positions."""
    limit = read_json(base / FACTS).get("positions")
    longest = max(counts[part]["longest"] for part in PARTS)
    if limit and longest > limit:
        problem = f"an example has {longest} tokens, the base model {limit} positions"
        raise InputError(train, problem, f"Lower training.max_length to {limit}")


def _key(parts: tuple[Path, ...], base: Path, cut: tuple[int, str]) -> str:
    """Hash all that decides the tokens: examples, tokenizer, template, length, the code."""
    template = chat.training_template(read_json(base / FACTS)["chat_template"], base)
    made_by = software(*cache_keys.TOKENS)
    examples = [sha256(path) for path in parts]
    return digest([examples, cache_keys.base_tokens(base), template, cut, made_by])


def row_groups(path: Path) -> list[tuple[Path, int]]:
    """Return a task for each row group of a file of examples."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        return [(path, group) for group in range(file.num_row_groups)]


def _part(label: str, part: str, chunks: Iterable[Chunk], folder: Path) -> dict[str, int]:
    """Write the tokens of one file of examples; return its counts."""
    with Writer(folder, part) as writer, Reporter(label) as reporter:
        for chunk in chunks:
            writer.add(chunk)
            reporter.advance(chunk.seen)
    return writer.counts


def _chunk(base: Path, cut: tuple[int, str], task: tuple[Path, int]) -> Chunk:
    """Tokens of the examples of one row group."""
    import pyarrow.parquet as pq

    path, group = task
    tokenizer, template = tokenizer_of(base)
    chunk = Chunk(*cut)
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(1024, row_groups=[group], columns=["messages"]):
            rows = [
                [(message["role"], message["content"]) for message in messages]
                for messages in batch.column("messages").to_pylist()
            ]
            for ids, mask in chat.encode_all(tokenizer, rows, template):
                chunk.add(ids, mask)
    return chunk


@lru_cache(maxsize=1)
def tokenizer_of(base: Path) -> tuple[Any, str]:
    """A base's tokenizer and training template; loaded once in each process."""
    from transformers import AutoTokenizer

    quiet()
    register()
    template = chat.training_template(read_json(base / FACTS)["chat_template"], base)
    return AutoTokenizer.from_pretrained(base, trust_remote_code=False), template
