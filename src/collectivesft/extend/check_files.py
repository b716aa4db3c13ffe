"""Read files of one dataset or benchmark as the workflow would, and judge them."""

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from collectivesft import benchmarks, datasets
from collectivesft.common.errors import UserError
from collectivesft.common.files import read_json
from collectivesft.sources.linked import linked, placed_files
from collectivesft.sources.spec import Source

_LONGEST = 300  # characters of a text that is shown


def check_files(name: str, paths: Sequence[Path]) -> list[str]:
    """Read files through a reader, and its examples through step clean.

    Args:
        name: ``datasets/NAME`` or ``benchmarks/NAME``.
        paths: the source's files, or one folder of them.

    Returns:
        Lines of a report: counts, dropped rows by reason with the first of each, the first result.

    Raises:
        UserError: no such source, a file that is none of its files, or one that is not there.
        InputError: a file is not as its reader expects, or none of its rows can be used.
    """
    kind, _, own = name.partition("/")
    if kind not in ("datasets", "benchmarks") or not own:
        raise UserError(f"{name!r}: write datasets/NAME or benchmarks/NAME.")
    module = (datasets if kind == "datasets" else benchmarks).get(own)
    with linked(_named(module.SOURCE, paths)) as manifest, tempfile.TemporaryDirectory() as work:
        judge = _dataset if kind == "datasets" else _benchmark
        return list(judge(own, manifest, Path(work)))


def _named(source: Source, paths: Sequence[Path]) -> dict[str, Path]:
    """Return each file by the name that the source gives it."""
    if len(paths) == 1 and paths[0].is_dir():
        return placed_files(paths[0], [])
    known = [file.path for file in source.files]
    named = {}
    for path in paths:
        if not path.is_file():
            raise UserError(f"{path}: no such file. Check the path.")
        same = [one for one in known if Path(one).name == path.name]
        if not same and len(known) > 1:
            listed = ", ".join(known)
            raise UserError(f"{path}: {source.name} has no file of this name. Known are: {listed}.")
        named[(same or known or [path.name])[0]] = path
    return named


def _dataset(name: str, manifest: Path, work: Path) -> Iterator[str]:
    import pyarrow.parquet as pq

    from collectivesft.curated.clean import clean_file
    from collectivesft.curated.read import read_dataset

    examples, dropped = work / "read.parquet", work / "dropped.parquet"
    read_dataset(name, manifest, examples, dropped, work / "read.json")
    counts = read_json(work / "read.json")["datasets"][name]
    lost = pq.read_table(dropped).to_pylist()
    yield f"{counts['rows_in']} rows: {counts['kept']} examples, {len(lost)} dropped"
    yield from _reasons(lost)
    clean, unclean = work / "clean.parquet", work / "unclean.parquet"
    clean_file(examples, 2, 6000, clean, unclean, work / "clean.json")
    yield f"step clean keeps {len(pq.read_table(clean))} of them"
    yield from _reasons(pq.read_table(unclean).to_pylist())
    first = next(pq.ParquetFile(examples).iter_batches(1)).to_pylist()[0]
    yield f"the first: {first['id']}, style {first['style']}, language {first['language']}"
    for message in first["messages"]:
        yield f"  {message['role']}: {_short(message['content'])}"


def _benchmark(name: str, manifest: Path, work: Path) -> Iterator[str]:
    from collectivesft.curated.read import read_benchmark
    from collectivesft.schema.item import load_items

    read_benchmark(name, manifest, work / "items.jsonl")
    items = list(load_items(work / "items.jsonl"))
    splits = Counter(item.split for item in items)
    yield f"{len(items)} items: " + ", ".join(f"{n} {split}" for split, n in sorted(splits.items()))
    for category, count in sorted(Counter(item.category for item in items).items()):
        yield f"  {count} of category {category}"
    module = benchmarks.get(name)
    first = next(item for item in items if item.split == "test")
    key = first.answer or ", ".join(first.references) or "not published"
    yield f"the first of split test: {first.id}, answer {_short(key)}"
    if hasattr(module, "prompt"):
        text = module.prompt(first, "answer_only", "corrected")
        yield from (f"  {line}" for line in _short(text, keep_lines=True).splitlines())


def _reasons(rows: list[dict]) -> Iterator[str]:
    """Yield a line for each reason: how often, and its first row."""
    firsts = {row["reason"]: row for row in reversed(rows)}
    for reason, count in Counter(row["reason"] for row in rows).most_common():
        first = firsts[reason]
        yield f"  {count} {reason}, the first: {_short(first['detail'] or first['text'])}"


def _short(text: str, keep_lines: bool = False) -> str:
    text = text if keep_lines else " ".join(text.split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."
