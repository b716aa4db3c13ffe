"""Push a model folder with its card, manifest, scores and provenance, in one commit, and tag it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from collectivesft.common.errors import UserError
from collectivesft.common.files import sha256, write_json
from collectivesft.hub.card import eval_results
from collectivesft.hub.card.licence_notice import may_be_public
from collectivesft.hub.client import sync
from collectivesft.hub.client.manifest import read_manifest
from collectivesft.hub.client.names import check_repo, check_tag
from collectivesft.hub.client.retries import plain_log

_OWNED = ("adapter/", "scores/", eval_results.OWNED)


def publish(
    target: sync.Target,
    *,
    model: Path,
    card: Path,
    manifest: Path,
    receipt: Path | None = None,
    extras: Sequence[Path] = (),
    beside: Path | None = None,
    dry_run: bool = False,
) -> dict:
    """Publish the files that the manifest lists; write and return the receipt.

    Running it again with the same files sends nothing, and moves no tag.

    Args:
        target: repository and tag; an existing tag must already name the same content.
        model: folder with the files that the manifest lists under ``model.files``.
        beside: folder with the manifest's ``files``; by default ``files`` next to the manifest.
        extras: files of measurements, which the manifest cannot list: they differ from run to run.
        receipt: JSON ``{"repo", "commit", "tag", "files": {path: sha256}}``; None: not written.
        dry_run: print the changes, send nothing.

    Raises:
        UserError: a file differs from the manifest, the Hub refused, the tag is taken, or weights
            of a base without a licence would be public.
    """
    plain_log()
    target = replace(target, owned=_OWNED)
    check_repo(target.repo)
    check_tag(target.tag)
    files = _files(model, beside or manifest.parent / "files", card, manifest)
    files |= {path.name: path for path in extras}
    if not target.private and not may_be_public(read_manifest(manifest)):
        remedy = "Set hub.private to true, or hub.weights to adapter"
        raise UserError(
            f"{manifest}: the base model states no licence: no right to publish its "
            f"weights. {remedy}."
        )
    if dry_run:
        return _show(target, files)
    commit = sync.push(target, files)
    sync.show(sync.published(target, commit))
    hashes = {name: sha256(path) for name, path in sorted(files.items())}
    result = {"repo": target.repo, "commit": commit, "tag": target.tag, "files": hashes}
    if receipt is not None:
        write_json(receipt, result)
    return result


def _show(target: sync.Target, files: dict[str, Path]) -> dict:
    from huggingface_hub import HfApi

    sync.check_before(target, files)
    found = sync.plan(HfApi(), target, files)
    sync.show(found.text(target, files))
    return {"repo": target.repo, "tag": target.tag, "sent": list(found.sent)}


def _files(model: Path, beside: Path, card: Path, manifest: Path) -> dict[str, Path]:
    """Name on the Hub to local path of the listed files, each checked against the manifest."""
    content = read_manifest(manifest)
    listed = content["model"]["files"] | content.get("files", {})
    places = {name: model / name for name in content["model"]["files"]}
    places |= {name: beside / name for name in content.get("files", {})}
    places["README.md"] = card
    for name, facts in listed.items():
        if sha256(places[name]) != facts["sha256"]:
            raise UserError(f"{places[name]}: differs from {manifest}. Run `hub release` again.")
    return places | {"manifest.json": manifest}
