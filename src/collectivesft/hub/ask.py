"""One question to a published model, from the terminal; the answer comes as it is written."""

import sys
from pathlib import Path

from collectivesft import __version__
from collectivesft.files import read_json, write_json
from collectivesft.hub import answer, fetch
from collectivesft.hub.calls import plain_log

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
        base: the base model, for a release of an adapter alone.

    Raises:
        UserError: the model cannot be had, or is not what was published.
    """
    plain_log()
    folder = Path(name)
    if not folder.is_dir():
        folder = _fetched(fetch.pin(name))
    sys.stderr.write(f"{DISCLAIMER}\n\n")
    tokenizer, model = answer.load(folder, base)
    answer.stream(tokenizer, model, question, new_tokens, _write)


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _fetched(version: fetch.Version) -> Path:
    """The files of a version in the client's cache, compared once with their manifest."""
    sys.stderr.write(f"model: {version} (commit {version.commit[:12]})\n")
    folder = fetch.download(version)
    mark = folder.parent.parent / "collectivesft" / f"{version.commit}.json"
    manifest = folder / "manifest.json"
    if not manifest.is_file():
        sys.stderr.write("warning: no manifest.json there; its bytes cannot be compared\n")
    elif not mark.is_file() or read_json(mark) != fetch.listed(manifest):
        fetch.check(version, folder, fetch.listed(manifest), None)
        write_json(mark, fetch.listed(manifest))
    return folder
