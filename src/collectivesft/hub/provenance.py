"""Measure a run: times, memory, images.

The manifest is the same from run to run, so measurements are in a file apart from it.
"""

import csv
import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from collectivesft.common.errors import UserError
from collectivesft.common.files import read_json, write_json, write_text
from collectivesft.hub.evidence.images import describe
from collectivesft.hub.evidence.jobs import read_jobs
from collectivesft.hub.evidence.ro_crate import crate_text

COMMIT = "COLLECTIVESFT_COMMIT"  # set by whoever knows the clone
_SUFFIX = ".benchmark.tsv"


def provenance(
    manifest: Path,
    logs: Path,
    images: Sequence[str],
    workflow: Path,
    measurements: Path,
    crate: Path,
    records: Path | None = None,
    environments: dict[str, str] | None = None,
) -> None:
    """Write ``measurements.json`` and ``ro-crate-metadata.json``.

    Args:
        manifest: of the release.
        logs: folder of the run's logs, with a benchmark file of each job.
        images: that the run used, ``NAME=PLACE`` each (``images.describe``).
        workflow: the Snakefile; it is published with the crate.
        records: Snakemake's records of outputs, for one action a job in the crate.
        environments: rule to the name of its environment.

    Raises:
        UserError: no job of the run left a benchmark file, or an image is none.
    """
    measured = measure(logs, images)
    write_json(measurements, measured)
    jobs = read_jobs(records, str(manifest)) if records else []
    beside = [manifest, measurements]
    content = read_json(manifest)
    write_text(crate, crate_text(content, measured, beside, workflow, jobs, environments))


def measure(logs: Path, images: Sequence[str]) -> dict[str, Any]:
    """Seconds and memory of each job, what trainings took and on which device (``sft.costs``), the
    clone's commit, facts on the images, the machine that recorded all this.
    """
    jobs = {
        path.relative_to(logs).as_posix().removesuffix(_SUFFIX): _job(path)
        for path in sorted(logs.rglob(f"*{_SUFFIX}"))
    }
    if not jobs:
        raise UserError(f"{logs}: no {_SUFFIX} file. Name the folder of the run's logs.")
    ends = [job.pop("ended") for job in jobs.values()]
    starts = [end - (job["seconds"] or 0) for end, job in zip(ends, jobs.values(), strict=True)]
    return {
        "commit": os.environ.get(COMMIT) or None,
        "started": _time(min(starts)),
        "ended": _time(max(ends)),
        "recorded_on": machine(),
        "images": describe(images),
        "jobs": jobs,
        "training": {
            path.parent.name: read_json(path) for path in sorted(logs.rglob("training-costs.json"))
        },
        "job_seconds": round(sum(job["seconds"] or 0 for job in jobs.values()), 1),
    }


def _job(path: Path) -> dict[str, Any]:
    """One benchmark file: wall seconds, CPU seconds, most memory in MB; None where not measured."""
    with open(path, encoding="utf-8", newline="") as handle:
        row = next(csv.DictReader(handle, delimiter="\t"), {})
    values = {"seconds": "s", "cpu_seconds": "cpu_time", "memory_mb": "max_rss"}
    return {key: _number(row.get(column)) for key, column in values.items()} | {
        "ended": path.stat().st_mtime
    }


def _number(text: str | None) -> float | None:
    try:
        return float(text or "")
    except ValueError:
        return None  # `-` and `NA`: the job was too short to be measured


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(int(seconds), UTC).isoformat()


def machine() -> dict[str, Any]:
    """Processor, cores and memory of this machine; trainings may have run on different ones."""
    import torch

    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return {
        "processor": _processor(),
        "architecture": platform.machine(),
        "cores": os.cpu_count(),
        "memory_gb": round(pages * size / 1e9, 1),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def _processor() -> str | None:
    place = Path("/proc/cpuinfo")
    lines = place.read_text(encoding="utf-8").splitlines() if place.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else None
