"""Compute the digest of this package's code."""

import hashlib
from pathlib import Path

_KINDS = {".py", ".jinja", ".yaml"}


def code_digest() -> str:
    """One sha256 over the names and contents of the package's own files, sorted."""
    root, digest = Path(__file__).parents[2], hashlib.sha256()
    for path in sorted(p for p in root.rglob("*") if p.suffix in _KINDS):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{content}  {path.relative_to(root).as_posix()}\n".encode())
    return digest.hexdigest()
