"""What a run took (measurements), and the run as a Workflow Run Crate.

The manifest is the same from run to run; what is measured (times, memory, hardware) stands apart
from it, here. Profile: https://w3id.org/ro/wfrun/workflow/0.5.
"""

import csv
import os
import platform
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from collectivesft.errors import UserError
from collectivesft.files import read_json, sha256, write_json, write_text

COMMIT = "COLLECTIVESFT_COMMIT"  # set by whoever knows the clone
AUTHORS = "The CollectiveSFT release contributors"
_SUFFIX = ".benchmark.tsv"
_PROFILES = (
    "https://w3id.org/ro/wfrun/process/0.5",
    "https://w3id.org/ro/wfrun/workflow/0.5",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0",
)
_TERMS = {"sha256": "https://w3id.org/ro/terms/workflow-run#sha256"}


def provenance(
    manifest: Path,
    logs: Path,
    images: Sequence[Path],
    workflow: Path,
    measurements: Path,
    crate: Path,
) -> None:
    """Write ``measurements.json`` and ``ro-crate-metadata.json``.

    Args:
        manifest: of the release.
        logs: folder of the run's logs, with a benchmark file of each job.
        images: Apptainer images that the run may have used.
        workflow: the Snakefile; it is published beside the crate.

    Raises:
        UserError: no job of the run left a benchmark file.
    """
    measured = measure(logs, images)
    write_json(measurements, measured)
    beside = [manifest, measurements]
    write_text(crate, crate_text(read_json(manifest), measured, beside, workflow))


def measure(logs: Path, images: Sequence[Path]) -> dict[str, Any]:
    """Seconds and memory of each job, what trainings took (``sft.costs``), the machine, the
    clone's commit, the images' digests.
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
        "hardware": hardware(),
        "images": {path.name: sha256(path) for path in images},
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


def hardware() -> dict[str, Any]:
    """Processor, cores and memory of this machine; its GPUs where torch sees some."""
    import torch

    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    gpus = [torch.cuda.get_device_name(n) for n in range(torch.cuda.device_count())]
    return {
        "processor": _processor(),
        "architecture": platform.machine(),
        "cores": os.cpu_count(),
        "memory_gb": round(pages * size / 1e9, 1),
        "gpus": gpus,
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def _processor() -> str | None:
    place = Path("/proc/cpuinfo")
    lines = place.read_text(encoding="utf-8").splitlines() if place.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else None


def crate_text(
    content: dict[str, Any], measured: dict[str, Any], beside: Sequence[Path], workflow: Path
) -> str:
    """The crate's ``ro-crate-metadata.json``; its root is the repository of the release.

    Args:
        content: the manifest's; ``measured``: of the run.
        beside: files that the manifest does not list.
    """
    from rocrate.rocrate import ROCrate

    crate = ROCrate(version="1.1")
    crate.metadata.extra_terms |= _TERMS
    crate.name = f"{content['repo']} {content.get('tag', '')}".strip()
    crate.description = f"Release of the experiment {content['experiment']['name']}, with its run."
    crate.license = content["base"]["licence_url"] or content["base"]["licence"]
    crate.datePublished = measured["ended"]
    crate.root_dataset["conformsTo"] = [_profile(crate, address) for address in _PROFILES]
    main = crate.add_workflow(
        workflow, workflow.name, main=True, lang="snakemake", properties={"name": "CollectiveSFT"}
    )
    listed = sorted((content["model"]["files"] | content.get("files", {})).items())
    listed += [(path.name, _facts(path)) for path in beside]
    outputs = [crate.add_file(dest_path=name, properties=_file(facts)) for name, facts in listed]
    _action(crate, main, content, measured, outputs)
    return _rendered(crate)


def _action(
    crate: Any, main: Any, content: dict[str, Any], measured: dict[str, Any], outputs: list[Any]
) -> None:
    """The run itself: what went in, what came out, when."""
    raw = [
        _entity(crate, f"#{source}/{file['path']}", _raw(file))
        for source, files in content["raw"].items()
        for file in files
    ]
    agent = _entity(crate, "#authors", {"@type": "Organization", "name": AUTHORS})
    crate.root_dataset["author"] = agent
    times = _times(content, measured)
    action = crate.add_action(main, "#run", object=raw, result=outputs, properties=times)
    action["agent"] = agent
    crate.root_dataset["mentions"] = action


def _entity(crate: Any, identifier: str, about: dict[str, Any]) -> Any:
    from rocrate.model.contextentity import ContextEntity

    return crate.add(ContextEntity(crate, identifier, about))


def _profile(crate: Any, address: str) -> Any:
    words = address.split("/")
    about = {"@type": "CreativeWork", "name": words[-2], "version": words[-1]}
    return _entity(crate, address, about)


def _raw(file: dict[str, Any]) -> dict[str, Any]:
    name = file["path"].rpartition("/")[2]
    about = {"@type": "CreativeWork", "name": name, "sha256": file["sha256"]}
    return about | {"contentSize": str(file["size"])}


def _file(facts: dict[str, Any]) -> dict[str, Any]:
    return {"contentSize": str(facts["size"]), "sha256": facts["sha256"]}


def _facts(path: Path) -> dict[str, Any]:
    return {"size": path.stat().st_size, "sha256": sha256(path)}


def _times(content: dict[str, Any], measured: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": f"Run {content['run']}",
        "startTime": measured["started"],
        "endTime": measured["ended"],
        "actionStatus": "http://schema.org/CompletedActionStatus",
        "description": f"Code of commit {measured['commit'] or 'unknown'}, package "
        f"{content['package']['version']} (sha256 {content['package']['code_sha256']}).",
    }


def _rendered(crate: Any) -> str:
    """The metadata file's text, as the library writes it."""
    with tempfile.TemporaryDirectory() as folder:
        crate.metadata.write(folder)
        return (Path(folder) / "ro-crate-metadata.json").read_text(encoding="utf-8") + "\n"
