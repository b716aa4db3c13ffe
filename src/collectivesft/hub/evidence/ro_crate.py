"""Describe a release and its run as a Workflow Run Crate, with its jobs as a Provenance Run Crate.

Profiles: https://w3id.org/ro/wfrun/workflow/0.5 and, where Snakemake's records of the jobs are
there, https://w3id.org/ro/wfrun/provenance/0.5. Files of the release are data of the crate. Raw
files, base model, locks, settings and images are described with their sha256. No reader needs the
terms that ``@context`` adds: libraries drop them, and the keys remain.
"""

import hashlib
import json
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from collectivesft.common.files import sha256
from collectivesft.hub.evidence.images import parts
from collectivesft.hub.evidence.jobs import Job, facts

AUTHORS = "The CollectiveSFT release contributors"
_PROFILES = (
    "https://w3id.org/ro/wfrun/process/0.5",
    "https://w3id.org/ro/wfrun/workflow/0.5",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0",
)
_PROVENANCE = "https://w3id.org/ro/wfrun/provenance/0.5"
_WORKFLOW_PROFILE = "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"
_HUB = "https://huggingface.co"
_RUN = "https://w3id.org/ro/terms/workflow-run#"
_WORDS = ("sha256", "ContainerImage", "DockerImage", "SIFImage", "containerImage", "registry",
          "tag")  # fmt: skip
_TERMS = {word: _RUN + word for word in _WORDS}
_TYPES = {
    ".csv": "text/csv",
    ".gguf": "application/octet-stream",
    ".json": "application/json",
    ".md": "text/markdown",
    ".model": "application/octet-stream",
    ".safetensors": "application/octet-stream",
}
# Results of a manifest that are settings; the run does not make them.
_RECIPES = {"recipe": "Recipe of the experiment", "base_recipe": "Recipe of the base model"}


def crate_text(
    content: dict[str, Any],
    measured: dict[str, Any],
    beside: Sequence[Path],
    workflow: Path,
    jobs: Sequence[Job] = (),
    environments: dict[str, str] | None = None,
) -> str:
    """Return the crate's ``ro-crate-metadata.json``; its root is the repository of the release.

    Args:
        content: the manifest's; ``measured``: of the run.
        beside: files that the manifest does not list.
        workflow: the Snakefile of the release.
        jobs: the jobs behind the release, one action each; none: no Provenance Run Crate.
        environments: rule to the name of its environment, which has a lock in the manifest.
    """
    from rocrate.rocrate import ROCrate

    crate = ROCrate(version="1.1")
    crate.metadata.extra_terms |= _TERMS
    crate.name = f"{content['repo']} {content.get('tag', '')}".strip()
    crate.description = f"Release of the experiment {content['experiment']['name']}, with its run."
    crate.license = _licence(crate, content["base"])
    crate.datePublished = measured["ended"]
    profiles = (*_PROFILES, *([_PROVENANCE] if jobs else []))
    crate.root_dataset["conformsTo"] = [_profile(crate, address) for address in profiles]
    about = {"@type": "Organization", "name": AUTHORS, "url": _home(content)}
    agent = crate.root_dataset["author"] = _entity(crate, "#authors", about)
    crate.root_dataset["publisher"] = agent
    main = _workflow(crate, content, workflow, *(["HowTo"] if jobs else []))
    listed = sorted((content["model"]["files"] | content.get("files", {})).items())
    listed += [(path.name, _facts(path)) for path in beside]
    outputs = [
        crate.add_file(dest_path=name, properties=_file(known) | _form(name))
        for name, known in listed
    ]
    actions = [_action(crate, main, content, measured, outputs)]
    if jobs:
        actions += _jobs(crate, main, content, jobs, environments or {})
    crate.root_dataset["mentions"] = _value(actions)
    return _rendered(crate)


def _home(content: dict[str, Any]) -> str:
    """Return the address of the package, or of the release's owner on the Hub."""
    return content["package"].get("url") or f"{_HUB}/{content['repo'].partition('/')[0]}"


def _address(content: dict[str, Any], name: str) -> str:
    """Return the address that a file of the release has on the Hub once it is published."""
    return f"{_HUB}/{content['repo']}/blob/{content.get('tag') or 'main'}/{quote(name)}"


def _licence(crate: Any, base: dict[str, Any]) -> Any:
    address = base["licence_url"]
    about = _work(base["licence"], description="Licence of the base model and of these weights")
    return _entity(crate, address or "#licence", about | ({"url": address} if address else {}))


def _workflow(crate: Any, content: dict[str, Any], path: Path, *more: str) -> Any:
    """Add the Snakefile as the main workflow, with ``more`` types."""
    profile = _entity(crate, _WORKFLOW_PROFILE, _work("ComputationalWorkflow", version="1.0"))
    about = {
        "name": "CollectiveSFT",
        "version": content["package"]["version"],
        "url": _address(content, path.name),
        "encodingFormat": "text/plain",
        "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow", *more],
    }
    main = crate.add_workflow(path, path.name, main=True, lang="snakemake", properties=about)
    main["conformsTo"] = profile
    return main


def _action(
    crate: Any, main: Any, content: dict[str, Any], measured: dict[str, Any], outputs: list[Any]
) -> Any:
    """Add the run itself with its inputs, outputs, times and images."""
    inputs = [_entity(crate, name, about) for name, about in _inputs(content)]
    inputs.append(_base(crate, content["base"]))
    about = _times(content, measured)
    action = crate.add_action(main, "#run", object=inputs, result=outputs, properties=about)
    action["agent"] = crate.get("#authors")
    images = sorted(measured.get("images", {}).items())
    if images:
        action["containerImage"] = _value(
            [_entity(crate, f"#images/{name}", _image(name, facts)) for name, facts in images]
        )
    return action


def _jobs(
    crate: Any,
    main: Any,
    content: dict[str, Any],
    jobs: Sequence[Job],
    environments: dict[str, str],
) -> list[Any]:
    """Add one action a job; the rules are the tools and steps of the workflow."""
    tools = {
        rule: _entity(crate, f"{_address(content, main.id)}#{rule}", _tool(content, rule, env))
        for rule in dict.fromkeys(job.rule for job in jobs)
        for env in [environments.get(rule)]
    }
    steps = [
        _entity(
            crate,
            f"#steps/{rule}",
            {
                "@type": "HowToStep",
                "name": rule,
                "position": str(n),
                "workExample": {"@id": tool.id},
            },
        )
        for n, (rule, tool) in enumerate(tools.items(), start=1)
    ]
    main["hasPart"] = _value(list(tools.values()))
    main["step"] = _value(steps)
    checksums = {path: digest for job in jobs for path, digest in job.checksums.items()}
    for path in sorted({path for job in jobs for path in (*job.inputs, *job.outputs)}):
        if not _is_code(path):
            _job_file(crate, path, checksums)
    return [
        _job(crate, content, job, number, tools[job.rule], environments.get(job.rule))
        for number, job in enumerate(jobs, start=1)
    ]


def _tool(content: dict[str, Any], rule: str, env: str | None) -> dict[str, Any]:
    about = {
        "@type": "SoftwareApplication",
        "name": f"rule {rule}",
        "softwareVersion": content["package"]["version"],
        "url": _address(content, "Snakefile"),
    }
    if f"{env}.lock" in content.get("locks", {}):
        about["softwareRequirements"] = {"@id": _id(f"locks/{env}.lock")}
    return about


def _job(
    crate: Any, content: dict[str, Any], job: Job, number: int, tool: Any, env: str | None
) -> Any:
    """Add a job's action with its files and the digest of its environment's lock."""
    digest = content.get("locks", {}).get(f"{env}.lock")
    known = (
        f"its rule declares the environment {env}, whose lock has the sha256 {digest}"
        if digest
        else "its rule declares no environment with a lock"
    )
    files = {
        side: [{"@id": _run_id(path)} for path in paths if not _is_code(path)]
        for side, paths in (("object", job.inputs), ("result", job.outputs))
    }
    about = {
        "name": f"Job of rule {job.rule}",
        "description": f"Log {job.log}; {known}.",
        "startTime": _time(job.started),
        "endTime": _time(job.ended),
        "actionStatus": "http://schema.org/CompletedActionStatus",
        "agent": {"@id": "#authors"},
        "instrument": {"@id": tool.id},
    }
    about |= {side: _value(found) for side, found in files.items() if found}
    image = crate.get(f"#images/{env}") if env else None
    if image is not None:
        about["containerImage"] = {"@id": image.id}
    return _entity(crate, f"#jobs/{number}", {"@type": "CreateAction"} | about)


def _job_file(crate: Any, path: str, checksums: dict[str, str]) -> None:
    """Add a file that a job read or wrote."""
    known = facts(path, checksums)
    about = {"contentSize": str(known.pop("size"))} if "size" in known else {}
    _entity(crate, _run_id(path), _work(_shown(path), **about, **known))


def _run_id(path: str) -> str:
    return _id(f"run/{_shown(path)}")


def _shown(path: str) -> str:
    """Return a path as it may be published: folders outside the run's are those of a machine."""
    if not Path(path).is_absolute() and ".." not in Path(path).parts:
        return path
    return f"outside/{hashlib.sha256(path.encode()).hexdigest()[:12]}/{Path(path).name}"


def _is_code(path: str) -> bool:
    """Return true for modules of this package, whose digest the run's action has."""
    return path.endswith(".py") and "src/collectivesft/" in path


def _value(values: list[Any]) -> Any:
    """Return a single value as it is: RO-Crate 1.1 wants no list around it."""
    return values[0] if len(values) == 1 else values


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(int(seconds), UTC).isoformat()


def _inputs(content: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield raw files, locks, recipes and the configuration."""
    for source, files in content["raw"].items():
        for file in files:
            name = file["path"].rpartition("/")[2]
            yield _id(f"{source}/{file['path']}"), _work(name, **_file(file))
    for name, digest in content.get("locks", {}).items():
        about = "Lock of an environment: versions and sha256 of its packages"
        yield _id(f"locks/{name}"), _work(name, sha256=digest, description=about)
    for key, title in _RECIPES.items():
        if key in content.get("results", {}):
            yield _id(f"recipes/{key}"), _work(title, sha256=content["results"][key])
    text = json.dumps(content.get("config", {}), ensure_ascii=False, sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()
    about = {"text": text, "sha256": digest, "encodingFormat": "application/json"}
    yield "#configuration", _work("Configuration of the run", **about)


def _base(crate: Any, base: dict[str, Any]) -> Any:
    """Add the base model with its files, each with its sha256."""
    files = [
        _entity(crate, _id(f"base/{name}"), _work(name, **_file(facts)))
        for name, facts in base.get("files", {}).items()
    ]
    known = {
        "license": {"@id": base["licence_url"] or "#licence"},
        "url": base.get("homepage"),
        "version": base["source"].get("revision"),
        "hasPart": _value(files),
    }
    about = _work(f"Base model {base['title']}")
    return _entity(crate, "#base", about | {key: value for key, value in known.items() if value})


def _image(name: str, facts: dict[str, Any]) -> dict[str, Any]:
    """Describe an image: a local one by its digest, one of a registry by its address."""
    about: dict[str, Any] = {"@type": "ContainerImage", "name": name}
    if facts["sha256"]:
        about["sha256"] = facts["sha256"]
    kind = "SIFImage"
    if "address" in facts:
        about |= parts(facts["address"]) | {"identifier": facts["address"]}
        kind = "DockerImage" if facts["address"].startswith("docker://") else kind
    else:
        about |= {"registry": "localhost", "alternateName": facts["file"]}  # of no registry
    return about | {"additionalType": {"@id": _RUN + kind}}


def _id(name: str) -> str:
    return f"#{quote(name, safe='/')}"


def _work(name: str, **more: Any) -> dict[str, Any]:
    return {"@type": "CreativeWork", "name": name, **more}


def _entity(crate: Any, identifier: str, about: dict[str, Any]) -> Any:
    from rocrate.model.contextentity import ContextEntity

    return crate.add(ContextEntity(crate, identifier, about))


def _profile(crate: Any, address: str) -> Any:
    words = address.split("/")
    return _entity(crate, address, _work(words[-2], version=words[-1]))


def _file(facts: dict[str, Any]) -> dict[str, Any]:
    return {"contentSize": str(facts["size"]), "sha256": facts["sha256"]}


def _form(name: str) -> dict[str, Any]:
    """Return a file's media type; the card also names its subject."""
    about = {"about": {"@id": "./"}} if name == "README.md" else {}
    return {"encodingFormat": _TYPES.get(Path(name).suffix, "text/plain")} | about


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
    """Return the metadata file's text, as the library writes it."""
    with tempfile.TemporaryDirectory() as folder:
        crate.metadata.write(folder)
        return (Path(folder) / "ro-crate-metadata.json").read_text(encoding="utf-8") + "\n"
