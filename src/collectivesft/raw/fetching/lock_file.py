"""Lock raw files: every later download must match the first real one.

It holds facts that a source's own file cannot know: size and sha256 of files whose checksum nobody
publishes. Fetching only reads it; ``raw lock`` records what manifests say and changes nothing
that is there already without the option that accepts it.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from collectivesft.common import files
from collectivesft.common.errors import InputError, validated
from collectivesft.raw.fetching import registry
from collectivesft.raw.fetching.manifest import LOCAL
from collectivesft.sources.spec import RawFile

HEADER = """\
# Size and sha256 of raw files whose checksum their authors do not publish, as the first real
# download gave them: later ones must match. Written by `make raw-lock`, read by `raw fetch --lock`;
# facts known beforehand are in the source's own file (src/collectivesft/datasets, benchmarks).
"""


class Fact(BaseModel):
    """The locked facts of one file; ``origin`` is its address, for a reader."""

    model_config = ConfigDict(extra="forbid")

    size: int = Field(ge=0)
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    origin: str = ""


_FACTS = TypeAdapter(dict[str, dict[str, Fact]])


@dataclass(frozen=True)
class Lock:
    """Facts by source (``datasets/NAME``) and file, and the file that states them."""

    path: Path
    facts: dict[str, dict[str, Fact]]

    @classmethod
    def read(cls, path: Path) -> "Lock":
        """Read a lock file; an empty one locks nothing.

        Raises:
            InputError: a key or value that does not belong there.
        """
        with validated(path, _FACTS, between=", ", remedy="Correct that entry"):
            return cls(Path(path), _FACTS.validate_python(files.read_yaml(path) or {}))

    def pin(self, source: str, file: RawFile) -> RawFile:
        """Return the file with its locked facts, unless its sha256 is known anyway."""
        fact = self.facts.get(source, {}).get(file.path)
        if fact is None or file.sha256 is not None:
            return file
        return replace(file, sha256=fact.sha256, size=fact.size, locked=(str(self.path), source))

    def text(self) -> str:
        """The file's content, sorted."""
        plain = {
            source: {name: fact.model_dump() for name, fact in sorted(named.items())}
            for source, named in sorted(self.facts.items())
            if named
        }
        body = yaml.safe_dump(plain, allow_unicode=True, sort_keys=False, width=1000)
        return HEADER + (body if plain else "{}\n")


def record(manifests: Iterable[Path], path: Path, accept: Collection[str] = ()) -> list[str]:
    """Add to a lock file what manifests say of files that it does not hold yet.

    Files of known sha256 and copies from a local folder are passed over.

    Args:
        accept: sources whose locked facts are forgotten first, so that new content may come.

    Returns:
        One line for each file that was recorded or changed.

    Raises:
        InputError: a manifest says otherwise than the lock; nothing is written then.
        UserError: a source to accept is unknown.
    """
    old = Lock.read(path)
    for source in accept:
        registry.load(source)
    lock = Lock(old.path, {k: dict(v) for k, v in old.facts.items() if k not in accept})
    for manifest in manifests:
        _add(lock, manifest)
    if lock.text() != Path(path).read_text(encoding="utf-8"):
        files.write_text(path, lock.text())
    return _changes(old, lock)


def _add(lock: Lock, manifest: Path) -> None:
    content = files.read_json(manifest)
    source = content["source"]
    known = {file.path: file for file in registry.load(source).files}
    named = lock.facts.setdefault(source, {})
    for entry in content["files"]:
        file = known.get(entry["path"])
        if file is None or file.sha256 is not None or entry["origin"] == LOCAL:
            continue
        fact = Fact(size=entry["size"], sha256=entry["sha256"], origin=entry["origin"])
        held = named.setdefault(file.path, fact)
        if held.sha256 != fact.sha256:
            problem = f"{file.path}: sha256 is {fact.sha256}, {lock.path} says {held.sha256}"
            remedy = f"Delete {manifest} to fetch it again, or name --accept {source}"
            raise InputError(manifest, problem, remedy)


def _changes(old: Lock, new: Lock) -> list[str]:
    return [
        f"{source}: {name}: {fact.size} bytes, sha256 {fact.sha256}"
        for source, named in sorted(new.facts.items())
        for name, fact in sorted(named.items())
        if old.facts.get(source, {}).get(name) != fact
    ]
