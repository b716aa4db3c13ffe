"""One question to a published model, from the terminal; the answer comes as it is written."""

import sys
from pathlib import Path
from typing import Any

from collectivesft import __version__
from collectivesft.common.errors import UserError
from collectivesft.common.files import read_json, write_json
from collectivesft.hub.client import download
from collectivesft.hub.client.manifest import NoRelease, listed, read_manifest
from collectivesft.hub.client.retries import plain_log
from collectivesft.hub.evidence import adapter_base as bases
from collectivesft.hub.evidence import known_answer as answer

MODEL = f"collectivesft/CollectiveSFT-7B@v{__version__}"
DISCLAIMER = (
    "For research only: the answer can be wrong and can harm. It is no medical advice; "
    "ask a physician."
)


def ask(question: str, name: str = MODEL, new_tokens: int = 512, base: str | None = None) -> None:
    """Print a model's answer to standard output; everything else goes to standard error.

    Args:
        name: a folder, or ``owner/name[@revision]``; a repository is pinned to a commit, and
            its files are compared with its manifest when they are first downloaded.
        base: the base model, for a release of only an adapter: a folder or ``owner/name``. Its
            weights and settings are compared with the release's manifest.

    Raises:
        UserError: the model or its base cannot be had, or differs from the published one.
    """
    plain_log()
    if not new_tokens > 0:
        raise UserError(f"--new-tokens {new_tokens}: must be 1 at least.")
    folder = Path(name)
    if not folder.is_dir():
        folder = _fetched(download.pin(name))
    place = _base(folder, base) if base else None
    sys.stderr.write(f"{DISCLAIMER}\n\n")
    tokenizer, model = answer.load(folder, place)
    answer.stream(tokenizer, model, question, new_tokens, _write)


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _fetched(version: download.Version) -> Path:
    """The files of a version in the client's cache, compared once with their manifest."""
    sys.stderr.write(f"model: {version} (commit {version.commit[:12]})\n")
    folder = download.download(version, patterns=download.LOADED)
    download.clear_remains(folder)
    mark = _marks(folder) / f"{version.commit}.json"
    content = _manifest(folder)
    if content is None:
        sys.stderr.write("warning: no manifest.json of a release; its bytes cannot be compared\n")
    elif not mark.is_file() or read_json(mark) != _wanted(folder, content):
        download.check(version, folder, _wanted(folder, content), None)
        write_json(mark, _wanted(folder, content))
    return folder


def _manifest(folder: Path) -> dict[str, Any] | None:
    """Return the release's manifest; None without one, or with a file of a different kind."""
    path = folder / "manifest.json"
    try:
        return read_manifest(path) if path.is_file() else None
    except NoRelease:
        return None


def _wanted(folder: Path, content: dict[str, Any]) -> dict[str, str]:
    """Return the files that the manifest lists, but for a GGUF copy that nobody has downloaded."""
    found = listed(content)
    return {n: h for n, h in found.items() if not n.endswith(".gguf") or (folder / n).is_file()}


def _marks(folder: Path) -> Path:
    """Return the folder of notes on a download in the client's cache, next to its snapshots."""
    return folder.parent.parent / "collectivesft"


def _base(folder: Path, given: str) -> Path | None:
    """The folder of an adapter's base, compared with the manifest; None for a whole model."""
    if any(folder.glob("*.safetensors")):
        return None
    content = _manifest(folder)
    want = bases.wanted(content) if content else None
    place = bases.folder(given, want, None)
    if want is None:
        sys.stderr.write("warning: no manifest that lists the base; it cannot be compared\n")
        return place
    mark = _marks(folder) / f"{folder.name}.base.json"
    if not mark.is_file() or read_json(mark) != bases.state(place):
        bases.check(place, want)
        if mark.parent.parent.name.startswith("models--"):  # a download, not somebody's folder
            write_json(mark, bases.state(place))
    return place
