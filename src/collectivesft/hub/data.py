"""A mixture and predictions as a dataset repository: only rows that may be passed on."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from collectivesft import benchmarks, datasets
from collectivesft.common.errors import UserError
from collectivesft.common.files import (
    atomic_path,
    read_jsonl,
    sha256,
    write_json,
    write_jsonl,
    write_text,
)
from collectivesft.common.made_up import sentence
from collectivesft.curated.storage.parquet import Writer
from collectivesft.hub.card.redistribution import Terms, terms
from collectivesft.hub.client import sync
from collectivesft.hub.client.names import check_repo, check_tag
from collectivesft.hub.client.retries import plain_log

SPLITS = ("train", "validation")
_BATCH = 8192


def push_data(
    target: sync.Target, folder: Path, receipt: Path | None = None, dry_run: bool = False
) -> dict[str, Any]:
    """Push a folder that ``build`` wrote; write and return the receipt.

    Raises:
        UserError: the Hub refused, or the tag names other content.
    """
    from huggingface_hub import HfApi

    plain_log()
    check_repo(target.repo)
    check_tag(target.tag)
    files = _files(folder)
    if dry_run:
        sync.check_before(target, files)
        sync.show(sync.plan(HfApi(), target, files).text(target, files))
        return {}
    commit = sync.push(target, files)
    sync.show(sync.published(target, commit))
    hashes = {name: sha256(path) for name, path in files.items()}
    result = {"repo": target.repo, "commit": commit, "tag": target.tag, "files": hashes}
    if receipt is not None:
        write_json(receipt, result)
    return result


def _files(folder: Path) -> dict[str, Path]:
    """Return name to path of the files in a dataset's folder, but for hidden files and folders.

    Raises:
        UserError: not a folder that ``build`` wrote, or a link leads out of it.
    """
    if not (folder / "README.md").is_file():
        raise UserError(f"{folder}: holds no README.md. Name the folder that `hub data` wrote.")
    root, files = folder.resolve(), {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if any(part.startswith(".") for part in name.parts):
            continue
        if not path.resolve().is_relative_to(root):
            raise UserError(f"{path}: a link out of {folder}. Put the file itself there.")
        if path.is_file():
            files[name.as_posix()] = path
    if not any(name.startswith("data/") for name in files):
        raise UserError(f"{folder}: holds no rows in data/. Name the folder that `hub data` wrote.")
    return files


def build(
    repo: str,
    train: Path,
    validation: Path,
    predictions: Sequence[Path],
    out: Path,
    made_up: bool = False,
) -> dict[str, Any]:
    """Write the folder of a dataset repository: Parquet files, predictions, card, counts.

    Args:
        train, validation: a mixture's parts.
        predictions: JSON Lines files of ``scores predict``; none of a benchmark that may not be
            passed on is taken.
        made_up: every row was written for this package; the card says so.
        out: folder to write; ``licences.json`` there says for each dataset
            whether its rows are in and why.

    Raises:
        UserError: a dataset's licence has not been decided about, or nothing may be passed on.
    """
    with atomic_path(out) as partial:
        partial.mkdir()
        counts = {
            split: _filter(path, partial / f"data/{split}.parquet")
            for split, path in zip(SPLITS, (train, validation), strict=True)
        }
        decided = _decisions(counts)
        if not any(one["published"]["train"] for one in decided.values()):
            raise UserError(f"{train}: none of its datasets may be passed on. Nothing was written.")
        taken = {path: _predictions(path, partial) for path in predictions}
        found = {
            "datasets": decided,
            "predictions": {k: v for p in taken.values() for k, v in p.items()},
        }
        write_json(partial / "licences.json", found)
        write_text(partial / "README.md", _card(repo, found, made_up))
    return found


def _terms(name: str) -> Terms:
    return terms(name, datasets.get(name).SOURCE.licence)


def _filter(source: Path, out: Path) -> Counter[tuple[str, bool]]:
    """Copy the rows that may be passed on; count all by dataset and whether they were."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    counts: Counter[tuple[str, bool]] = Counter()
    reader = pq.ParquetFile(source)
    schema = reader.schema_arrow.remove_metadata()
    # Its row groups are full: `datasets.load_dataset` cannot read an empty first one, and takes
    # all later ones in pieces as small as the first.
    with atomic_path(out) as partial, Writer(partial, schema) as writer:
        for batch in reader.iter_batches(_BATCH):
            names = Counter(batch["dataset"].to_pylist())
            allowed = [name for name in names if _terms(name).allowed]
            counts.update({(name, name in allowed): n for name, n in names.items()})
            kept = batch.filter(pc.is_in(batch["dataset"], pa.array(allowed, pa.string())))
            if len(kept):
                writer.add_batch(kept.cast(schema) if kept.schema != schema else kept)
    if not any(allowed for _, allowed in counts):
        out.unlink()  # a split without rows is no split
    return counts


def _decisions(counts: dict[str, Counter[tuple[str, bool]]]) -> dict[str, Any]:
    names = sorted({name for counter in counts.values() for name, _ in counter})
    return {
        name: {
            "licence": datasets.get(name).SOURCE.licence,
            "homepage": datasets.get(name).SOURCE.homepage,
            "allowed": _terms(name).allowed,
            "why": _terms(name).why,
            "published": {split: counts[split][name, True] for split in SPLITS},
            "left_out": {split: counts[split][name, False] for split in SPLITS},
        }
        for name in names
    }


def _predictions(path: Path, folder: Path) -> dict[str, Any]:
    rows = [row for _, row in read_jsonl(path)]
    if not rows:
        raise UserError(f"{path}: no predictions. Name a file of `scores predict`.")
    name = rows[0]["benchmark"]
    decided = terms(name, benchmarks.get(name).SOURCE.licence)
    target = f"predictions/{rows[0]['model']}.{path.name}"
    if decided.allowed:
        write_jsonl(folder / target, rows)
    facts = {"benchmark": name, "rows": len(rows), "allowed": decided.allowed, "why": decided.why}
    return {target: facts}


def _card(repo: str, found: dict[str, Any], made_up: bool) -> str:
    import yaml

    published = Counter(
        s for one in found["datasets"].values() for s in SPLITS if one["published"][s]
    )
    splits = [{"split": s, "path": f"data/{s}.parquet"} for s in SPLITS if published[s]]
    head = {
        "license": "other",
        "license_name": "by-source",
        "license_link": "licences.json",
        "language": ["zh", "en"],
        "task_categories": ["question-answering", "text-generation"],
        "tags": ["medical", "sft", "chinese"] + (["made-up"] if made_up else []),
        "configs": [{"config_name": "default", "data_files": splits}],
    }
    rows = [
        f"| [{datasets.get(name).SOURCE.title}]({one['homepage']}) | {one['licence']} | "
        f"{sum(one['published'].values()):,} | {sum(one['left_out'].values()):,} | {one['why']} |"
        for name, one in found["datasets"].items()
    ]
    table = [
        "| dataset | licence | rows here | rows left out | why |",
        "|---|---|---:|---:|---|",
        *rows,
    ]
    made = [f"- `{k}`: {v['rows']:,} rows. {v['why']}" for k, v in found["predictions"].items()]
    text = [
        f"# {repo.partition('/')[2]}",
        *([f"> **{sentence(made_up)}**"] if made_up else []),
        "Training examples of the release package of CollectiveSFT (arXiv 2407.19705): the rows of "
        "its mixture that may be passed on. Each row keeps the licence of its dataset. "
        "Not medical advice; nobody has checked the answers.",
        "\n".join(table),
        *(["## Predictions", "\n".join(made)] if made else []),
    ]
    return f"---\n{yaml.safe_dump(head, sort_keys=False)}---\n\n" + "\n\n".join(text) + "\n"
