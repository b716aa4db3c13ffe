"""Read the jobs behind a release from the records that Snakemake keeps of each output.

Snakemake writes one JSON file an output below ``.snakemake/metadata``. The file's name is the
output's path in URL-safe base64, cut into folders whose names begin with ``@`` where it is long.
"""

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from collectivesft.common.errors import UserError
from collectivesft.common.files import read_json, sha256

LARGEST_HASHED = 64 << 20  # bytes; the manifest has the digests of weights and raw files


@dataclass
class Job:
    """One job: its rule, its files and its times in seconds since 1970."""

    rule: str
    log: str
    started: float
    ended: float
    inputs: list[str]
    outputs: list[str] = field(default_factory=list)
    checksums: dict[str, str] = field(default_factory=dict)


def read_jobs(records: Path, last: str) -> list[Job]:
    """Return the jobs that ``last`` was made by, first job first.

    Args:
        records: Snakemake's folder ``.snakemake/metadata``.
        last: path of an output, as the workflow names it.

    Returns:
        The job of ``last`` and all jobs before it; none where Snakemake kept no record of it.
    """
    by_output: dict[str, Job] = {}
    by_log: dict[tuple[str, str], Job] = {}
    for output, record in sorted(_records(records)):
        job = _job(record)
        job = by_log.setdefault((job.rule, job.log), job)
        job.outputs.append(output)
        by_output[output] = job
    found: dict[tuple[str, str], Job] = {}
    waiting = [last]
    while waiting:
        job = by_output.get(waiting.pop())
        if job is not None and (job.rule, job.log) not in found:
            found[job.rule, job.log] = job
            waiting += job.inputs
    return sorted(found.values(), key=lambda job: (job.ended, job.rule, job.log))


def facts(path: str, checksums: dict[str, str]) -> dict[str, Any]:
    """Return size and sha256 of a file, as far as they are known.

    Args:
        path: of the file, from the folder in which the workflow ran.
        checksums: sha256 by path, as the jobs' records have them.

    Returns:
        ``{"size", "sha256"}``. A folder has neither; a file above ``LARGEST_HASHED`` bytes or a
        temporary file that is gone has the digest only where a record has it.
    """
    found: dict[str, Any] = {}
    file = Path(path)
    if file.is_file():
        found["size"] = file.stat().st_size
    if digest := checksums.get(path):
        found["sha256"] = digest
    elif found.get("size", LARGEST_HASHED + 1) <= LARGEST_HASHED:
        found["sha256"] = sha256(file)
    return found


def _records(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for path in folder.rglob("*") if folder.is_dir() else ():
        parts = path.relative_to(folder).parts
        if not path.is_file() or any(not part.startswith("@") for part in parts[:-1]):
            continue
        try:
            output = base64.urlsafe_b64decode("".join(part.removeprefix("@") for part in parts))
            record = read_json(path)
        except (binascii.Error, UserError):
            continue  # a killed process left it incomplete; Snakemake skips such a record too
        if isinstance(record, dict) and record.get("rule") and not record.get("incomplete"):
            yield output.decode("utf-8", "replace"), record


def _job(record: dict[str, Any]) -> Job:
    checksums = record.get("input_checksums") or {}
    return Job(
        rule=record["rule"],
        log="".join(record.get("log") or []),
        started=record["starttime"],
        ended=record["endtime"],
        inputs=list(record.get("input") or []),
        checksums={path: text.partition(":")[2] for path, text in checksums.items()},
    )
