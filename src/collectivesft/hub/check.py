"""``make verify``: what of a run is as published, and which claims of the paper it bears out."""

import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from collectivesft.files import read_json
from collectivesft.hub import claims, compare, fetch

_SHOWN = 5  # keys that are named of each part


def check(
    manifest: Path,
    model: Path,
    beside: Path,
    card: Path,
    claim_file: Path,
    ledger: Path,
    scores: Sequence[Path],
    published: str | None,
    say: Callable[[str], Any],
) -> bool:
    """Say what agrees and what does not; true where nothing contradicts.

    Args:
        manifest, model, beside, card: of the run's own release.
        published: a manifest to compare with: a file, or ``owner/name@tag`` on the Hub.

    Raises:
        UserError: the published manifest cannot be had.
    """
    content = read_json(manifest)
    wrong = compare.recompute(manifest, model, beside, card)
    say(f"run {content['run']}, experiment {content['experiment']['name']}")
    state = f"DIFFER: {', '.join(wrong)}" if wrong else "all as listed"
    say(f"own files against {manifest}: {state}")
    parts: dict[str, list[str]] = {}
    if published is None:
        say("published manifest: not compared; none was named")
    else:
        parts = compare.differences(content, _published(published))
        _say_parts(parts, published, say)
    verdicts = claims.judge(
        claims.read_claims(claim_file),
        claims.read_results(ledger, scores, whole=not content["demo"]),
    )
    for verdict in verdicts:
        say(verdict.line())
    counts = Counter(verdict.holds for verdict in verdicts)
    say(f"claims: {counts[True]} hold, {counts[False]} do not, {counts[None]} not run")
    return not wrong and not parts and not counts[False]


def _published(name: str) -> dict[str, Any]:
    if Path(name).is_file():
        return read_json(Path(name))
    version = fetch.pin(name)
    with tempfile.TemporaryDirectory(prefix="collectivesft-") as cache:
        return read_json(fetch.one(version, "manifest.json", Path(cache)))


def _say_parts(parts: dict[str, list[str]], published: str, say: Callable[[str], Any]) -> None:
    say(f"against the published manifest {published}:")
    for part, words in compare.PARTS.items():
        keys = parts.get(part, [])
        more = f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else ""
        say(f"  {words}: {'DIFFER: ' + ', '.join(keys[:_SHOWN]) + more if keys else 'the same'}")
