"""A release and the run behind it as a Workflow Run Crate.

Profile: https://w3id.org/ro/wfrun/workflow/0.5. Files of the release are data of the crate; what
the run was made from, but does not publish (raw files, base model, locks, settings), is described
with its sha256; so are the images.
"""

import hashlib
import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from collectivesft.common.files import sha256
from collectivesft.hub.evidence.images import parts

AUTHORS = "The CollectiveSFT release contributors"
_PROFILES = (
    "https://w3id.org/ro/wfrun/process/0.5",
    "https://w3id.org/ro/wfrun/workflow/0.5",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0",
)
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
# Results of a manifest that are settings and not made by the run.
_RECIPES = {"recipe": "Recipe of the experiment", "base_recipe": "Recipe of the base model"}


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
    outputs = [
        crate.add_file(dest_path=name, properties=_file(facts) | _form(name))
        for name, facts in listed
    ]
    _action(crate, main, content, measured, outputs)
    return _rendered(crate)


def _action(
    crate: Any, main: Any, content: dict[str, Any], measured: dict[str, Any], outputs: list[Any]
) -> None:
    """The run itself: what went in, what came out, when, in which images."""
    inputs = [_entity(crate, name, about) for name, about in _inputs(content)]
    inputs.append(_base(crate, content["base"]))
    agent = _entity(crate, "#authors", {"@type": "Organization", "name": AUTHORS})
    crate.root_dataset["author"] = agent
    about = _times(content, measured)
    action = crate.add_action(main, "#run", object=inputs, result=outputs, properties=about)
    action["agent"] = agent
    images = sorted(measured.get("images", {}).items())
    if images:
        action["containerImage"] = [
            _entity(crate, f"#images/{name}", _image(name, facts)) for name, facts in images
        ]
    crate.root_dataset["mentions"] = action


def _inputs(content: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Raw files, locks, recipes and the configuration."""
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
    """The base model with its files, each with its sha256."""
    files = [
        _entity(crate, _id(f"base/{name}"), _work(name, **_file(facts)))
        for name, facts in base.get("files", {}).items()
    ]
    known = {
        "license": base["licence_url"] or base["licence"],
        "url": base.get("homepage"),
        "version": base["source"].get("revision"),
        "hasPart": files,
    }
    about = _work(f"Base model {base['title']}")
    return _entity(crate, "#base", about | {key: value for key, value in known.items() if value})


def _image(name: str, facts: dict[str, Any]) -> dict[str, Any]:
    """A local image with its digest; one of a registry with its address and what that holds."""
    about: dict[str, Any] = {"@type": "ContainerImage", "name": name}
    if facts["sha256"]:
        about["sha256"] = facts["sha256"]
    kind = "SIFImage"
    if "address" in facts:
        about |= parts(facts["address"]) | {"identifier": facts["address"]}
        kind = "DockerImage" if facts["address"].startswith("docker://") else kind
    else:
        about["alternateName"] = facts["file"]
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
    """A file's media type, and of the card what it is about."""
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
    """The metadata file's text, as the library writes it."""
    with tempfile.TemporaryDirectory() as folder:
        crate.metadata.write(folder)
        return (Path(folder) / "ro-crate-metadata.json").read_text(encoding="utf-8") + "\n"
