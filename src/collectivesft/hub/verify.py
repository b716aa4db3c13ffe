"""Fetch a published model into an empty cache, compare every byte, and let it answer."""

from pathlib import Path
from typing import Any

from collectivesft.common.errors import UserError
from collectivesft.common.files import read_json, sha256, write_json
from collectivesft.hub.client import download
from collectivesft.hub.client.manifest import listed, read_manifest
from collectivesft.hub.client.retries import plain_log
from collectivesft.hub.client.temp_folder import scratch
from collectivesft.hub.evidence import adapter_base as bases
from collectivesft.hub.evidence import known_answer as answers

MANIFEST = "manifest.json"


def verify(
    name: str,
    manifest: Path | None = None,
    receipt: Path | None = None,
    report: Path | None = None,
    base: str | None = None,
) -> dict[str, Any]:
    """Download a version, check each file's sha256, load it, compare its answer with the recorded.

    Args:
        name: ``owner/name@tag``.
        manifest: the reader's own copy, which the release must match. Without it, the one in the
            repository is believed; its sha256 is in the report.
        receipt: what ``hub push`` wrote: the commit that the tag must name, and every file.
        report: JSON to write: repo, tag, commit, manifest's sha256, files, question, answer, note.
        base: the base model, for a release of only an adapter: a folder or ``owner/name``. Its
            files are compared with those that the manifest lists.

    Raises:
        UserError: a file is missing or differs, the tag was moved, the base is a different one, or
            the model answers otherwise.
    """
    plain_log()
    version = download.pin(name)
    with scratch() as cache:
        folder = download.download(version, cache)
        hashes = _hashes(version, folder, manifest, receipt, cache)
        place, known = _base(folder, base, cache)
        said = _ask(version, folder, place)
    result = {"repo": version.repo, "tag": version.revision, "commit": version.commit}
    result |= {"files": hashes, **known, **said}
    if report is not None:
        write_json(report, result)
    return result


def _hashes(
    version: download.Version,
    folder: Path,
    manifest: Path | None,
    receipt: Path | None,
    cache: Path,
) -> dict[str, str]:
    """Name to sha256 of every file that was compared."""
    wanted: dict[str, str] = {}
    if receipt is not None:
        published = read_json(receipt)
        if not isinstance(published, dict) or not {"commit", "files"} <= set(published):
            raise UserError(f"{receipt}: is no receipt of `hub push`. Name the file that it wrote.")
        if published["commit"] != version.commit:
            text = f"names commit {version.commit[:12]}, {published['commit'][:12]} was published"
            raise UserError(f"{version}: {text}. The tag was moved: do not use it.")
        wanted |= published["files"]
    if manifest is not None:
        wanted |= listed(read_manifest(manifest)) | {MANIFEST: sha256(manifest)}
    if wanted:
        download.check(version, folder, wanted, cache)
    if not (folder / MANIFEST).is_file():
        raise UserError(f"{version}: holds no {MANIFEST}. It is no release of this package.")
    own = listed(read_manifest(folder / MANIFEST))
    download.check(version, folder, own, cache)
    return dict(sorted({**own, **wanted, MANIFEST: sha256(folder / MANIFEST)}.items()))


def _base(folder: Path, given: str | None, cache: Path) -> tuple[Path | None, dict[str, Any]]:
    """Folder of the base and, for the report, its files; nothing where none is needed."""
    if given is None or any(folder.glob("*.safetensors")):
        return None, {}
    want = bases.wanted(read_manifest(folder / MANIFEST))
    place = bases.folder(given, want, cache)
    return place, {"base": bases.check(place, want) if want else None}


def _ask(version: download.Version, folder: Path, base: Path | None) -> dict[str, Any]:
    """Return the model's answer, the recorded one, and the meaning of their difference."""
    recorded = read_manifest(folder / MANIFEST).get("answer")
    if recorded is None:
        return {"question": None, "answer": None, "note": "no answer was recorded"}
    tokenizer, model = answers.load(folder, base)
    ids, _ = answers.generate(tokenizer, model, recorded["question"], recorded["new_tokens"])
    try:
        note = answers.compare(recorded, ids)
    except UserError as error:
        raise UserError(
            f"{version}: answers otherwise than when it was published: {error}"
        ) from error
    text = tokenizer.decode(ids, skip_special_tokens=True)
    return {"question": recorded["question"], "answer": text, "note": note or "as recorded"}
