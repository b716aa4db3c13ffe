"""Place the files of one source, and record them in a manifest and a journal."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from collectivesft.common import files
from collectivesft.common.errors import UserError

JOURNAL = ".fetched.json"
# Origins of files that no location gave.
BY_HAND = "placed by hand"
LOCAL = "local"


@dataclass(frozen=True)
class Target:
    """The places of one source's files: ``files`` in the folder of ``manifest``."""

    name: str
    manifest: Path

    @classmethod
    def of(cls, name: str, manifest: Path, out: Path | None = None) -> "Target":
        """Return the target of a manifest; ``out``, if given, must be ``files`` in its folder."""
        target = cls(name, Path(manifest))
        if out is not None and Path(out).resolve() != target.folder.resolve():
            raise UserError(f"--out {out} must be the folder beside the manifest: {target.folder}.")
        return target

    @property
    def folder(self) -> Path:
        """Folder of the files."""
        return self.manifest.parent / "files"


def write_manifest(target: Target, entries: list[dict], left_out: str = "") -> None:
    """Write the manifest that RawFolder reads; only when every file is in its place.

    Args:
        left_out: why the source is left out, if it is; there are no entries then.
    """
    content = {"source": target.name, "files": entries}
    with naming(target.manifest):
        files.write_json(target.manifest, content | ({"left_out": left_out} if left_out else {}))


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Let an error that names no file, such as a full disk's, name this one."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


def entry(name: str, path: Path, digest: str, origin: str) -> dict:
    """The manifest's entry of a file in its place."""
    return {"path": name, "size": path.stat().st_size, "sha256": digest, "origin": origin}


def journal(target: Target) -> dict[str, dict]:
    """Return the files of earlier runs: name to origin and sha256; none if it is damaged."""
    try:
        content = json.loads((target.folder / JOURNAL).read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def note(target: Target, name: str, fact: dict) -> None:
    """Remember where a file came from."""
    files.write_json(target.folder / JOURNAL, {**journal(target), name: fact})
