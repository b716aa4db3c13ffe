"""Find the inputs of a run on this machine: raw files, base models, the converter, images.

Used by workflow/rules/common.smk with a configuration that config_check.py has checked.
"""

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import config_check
from layout import Layout


def model_environment(config: dict) -> str:
    """The environment of trainings and of models that answer."""
    return "model-cuda" if config["device"] == "cuda" else "model-cpu"


def environments(config: dict) -> list[str]:
    """The environments of a run; files for the Hub are made in the CPU's."""
    return list(dict.fromkeys(("data", model_environment(config), "paper", "model-cpu")))


def images(config: dict) -> dict[str, str]:
    """Return the Apptainer image of each environment: a local file, or the configured one."""
    named = config["containers"]
    own = os.path.relpath(Path(__file__).absolute().parents[2] / "containers")
    return {one: named.get(one) or f"{own}/{one}.sif" for one in environments(config)}


def plain_images(config: dict, links: Path = Path(".snakemake/images")) -> dict[str, str]:
    """Return the images under names that a shell takes as they are.

    Snakemake refuses blanks in the path of an image and writes the path without quotes into its
    commands, so an image with such a name is reached through a link.
    """
    return {name: _plain(image, links) for name, image in images(config).items()}


def _plain(image: str, links: Path) -> str:
    if re.fullmatch(r"[\w./+@%=:,-]+", image):
        return image
    link = links / f"{hashlib.sha256(image.encode()).hexdigest()[:16]}.sif"
    links.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        link.symlink_to(Path(image).absolute())
    return str(link)


def folders(config: dict, root: Path) -> list[str]:
    """The folders of raw files, base models and the converter that a checked configuration names.

    Variables in them are expanded already.
    """
    settings = [config["raw"], *config["sources"].values()]
    raw = [one["folder"] for one in settings if one.get("folder")]
    raw += [str(Path(one["checksums"]).parent) for one in settings if one.get("checksums")]
    bases = sorted({config_check.experiment(root, one).base for one in config["experiments"]})
    models = [folder for base in bases if (folder := config_check.model_folder(base, root))]
    files = {one: root / f"config/models/{one}.yaml" for one in bases}
    own = [config_check.model(root, one).own_template(path) for one, path in files.items()]
    models += [str(path.parent) for path in own if path]
    hub = config["hub"]
    return raw + models + [str(Path(hub["gguf_converter"]).parent)] * bool(hub["gguf"])


def placed_model(base: str, root: Path) -> list[str]:
    """Files of a base model's folder that stage raw takes, for a rule to have them as input."""
    folder = Path(config_check.model_folder(base, root) or os.devnull)
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return [str(path) for path in found if not _hidden(path.relative_to(folder))]


def check_model_folders(config: dict, root: Path) -> None:
    """Look for the folders of base models that are still to be copied.

    Only where a run starts: a node of a cluster need not see a folder that was copied before.

    Raises:
        ConfigurationError: names each model's file and folder.
    """
    at, lines = Layout.of(config), []
    for base in sorted({config_check.experiment(root, one).base for one in config["experiments"]}):
        folder = config_check.model_folder(base, root)
        if folder and not Path(folder).is_dir() and not Path(at.base_manifest(base)).is_file():
            remedy = "put the model there, or correct the path"
            lines.append(f"config/models/{base}.yaml: source.path: {folder}: no folder; {remedy}")
    if lines:
        raise config_check.ConfigurationError(*lines)


def _hidden(path: Path) -> bool:
    return any(part[0] == "." for part in path.parts)


_PLACED = ("folder", "checksums", "files", "on_unavailable")


def place(config: dict, kind: str, name: str) -> dict:
    """Find the raw files of a source.

    Returns:
        ``{"folder": path or None (upstream), "checksums": path or None, "files": [names],
        "on_unavailable": value of ``raw fetch --on-unavailable``}``, and each other key of
        ``raw`` that the source's own entry may override.
    """
    own = config["sources"].get(f"{kind}/{name}", {})
    policy = _policy(config, own, kind)
    others = {key: value for key, value in (config["raw"] | own).items() if key not in _PLACED}
    if "folder" in own:
        return {
            **others,
            "folder": own["folder"],
            "checksums": own.get("checksums"),
            "files": own.get("files", []),
            "on_unavailable": policy,
        }
    folder = config["raw"]["folder"]
    return {
        **others,
        "folder": f"{folder}/{kind}/{name}" if folder else None,
        "checksums": config["raw"]["checksums"],
        "files": [],
        "on_unavailable": policy,
    }


def _policy(config: dict, own: dict, kind: str) -> str:
    """Return the policy for a dataset that cannot be had; its own entry has the last word."""
    if own.get("on_unavailable"):
        return "skip-always" if own["on_unavailable"] == "skip" else "error"
    may = kind == "datasets" and config["raw"]["on_unavailable"] == "skip"
    return "skip" if may else "error"


def check_lock(config: dict, root: Path, lock: Path, results: Path) -> None:
    """Compare the files that this run has fetched with the lock file.

    A lock file is no input of the rules, so that recording a download does not repeat it; an entry
    that contradicts a finished download is found here.

    Args:
        root: the clone, for the schema of a lock file.
        lock: the lock file.
        results: folder of the runs' results.

    Raises:
        ConfigurationError: names file, both checksums and what to do.
    """
    locked = config_check.read_yaml(lock) or {}
    try:
        config_check.check_schema(locked, root, "raw-lock", "all")
    except config_check.ConfigurationError as error:
        raise config_check.ConfigurationError(f"{lock}: {error}") from None
    at = Layout(config["run"])
    for source, names in locked.items():
        kind, _, name = source.partition("/")
        path = results.parent / at.path("raw manifest", kind=kind, name=name)
        used = name in config.get(kind, ()) and not place(config, kind, name)["checksums"]
        entries = json.loads(path.read_bytes())["files"] if used and path.is_file() else []
        for entry in entries:
            wanted = names.get(entry["path"], entry)["sha256"]
            if entry["sha256"] != wanted:
                raise config_check.ConfigurationError(
                    f"{lock}: {source}: {entry['path']} has sha256 {entry['sha256']}, locked is "
                    f"{wanted}; delete {path} to fetch it again, or accept what is there: "
                    f"make raw-lock RAW={path.parents[2]} ARGS='--accept {source}'"
                )


def raw_problems(config: dict, root: Path = Path()) -> Iterator[tuple[str, config_check.Problem]]:
    """Yield what is absent of the folders, files and checksums that the configuration names.

    A source that was fetched already, as in a bundle, needs none of them.

    Args:
        root: the folder in which the run works.

    Returns:
        The source, ``datasets/NAME`` or ``benchmarks/NAME``, and the problem.
    """
    at = Layout(config["run"])
    for kind in ("datasets", "benchmarks"):
        for name in config[kind]:
            if not (root / at.path("raw manifest", kind=kind, name=name)).is_file():
                for problem in _absent(config, kind, name, root):
                    yield f"{kind}/{name}", problem


def _absent(config: dict, kind: str, name: str, root: Path) -> Iterator[config_check.Problem]:
    from collectivesft.sources import local_files

    named, own = place(config, kind, name), config["sources"].get(f"{kind}/{name}", {})
    key = ("sources", f"{kind}/{name}") if "folder" in own else ("raw",)
    if named["folder"]:
        whole = named["folder"] if "folder" in own else config["raw"]["folder"]
        first = next((one for one in (whole, named["folder"]) if not (root / one).is_dir()), None)
        if first:
            text = f"{first}: no such folder; make it, or correct the path"
            yield config_check.Problem((*key, "folder"), text)
        elif named["on_unavailable"] == "error":
            for file in named["files"]:
                if local_files.find(root / named["folder"], file) is None:
                    text = f"{file}: no such file in {named['folder']}; place it there, or correct"
                    yield config_check.Problem((*key, "files"), f"{text} the name")
    if (listed := named["checksums"]) and not (root / listed).is_file():
        text = f"{listed}: no such file; correct the path"
        yield config_check.Problem((*key, "checksums"), text)


def placed(place: dict, folder: Path) -> list[str]:
    """Files of a source that somebody put on this machine, for a rule to have them as input.

    Args:
        place: what ``place`` returned.
        folder: the folder of ``raw fetch`` for the source; files that it brought there itself (it
            keeps a journal) or put aside does not count.
    """
    if place["folder"]:
        root = Path(place["folder"])
        found = [root / name for name in place["files"]] or sorted(root.rglob("*"))
        brought: set[Path] = set()
    else:
        found, journal = sorted(folder.rglob("*")), folder / ".fetched.json"
        names = json.loads(journal.read_bytes()) if journal.is_file() else {}
        brought = {folder / name for name in names}
    hidden = (path for path in found if path.is_file() and path not in brought)
    return [str(path) for path in hidden if path.suffix != ".rejected" and path.name[0] != "."]
