"""Compare a run with its published form and with the claims of the paper (``make verify``)."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from collectivesft.common.errors import UserError
from collectivesft.common.files import read_json
from collectivesft.hub.client import download
from collectivesft.hub.client.manifest import read_manifest
from collectivesft.hub.client.temp_folder import scratch
from collectivesft.hub.evidence import claims, manifest_diff
from collectivesft.hub.evidence.score_names import answers_name, score_name

_SHOWN = 5  # keys that are named of each part


def check(
    manifest: Path,
    places: manifest_diff.Places,
    claim_file: Path,
    ledger: Path,
    scores: Sequence[Path],
    published: str | None,
    say: Callable[[str], Any],
) -> bool:
    """Report agreements and differences; return true where nothing contradicts.

    Args:
        manifest: of the run's own release; ``places`` has the places of the files that it lists.
        published: a manifest to compare with: a file, or ``owner/name@tag`` on the Hub.

    Raises:
        UserError: the published manifest cannot be had.
    """
    content = read_manifest(manifest)
    say(f"run {content['run']}, experiment {content['experiment']['name']}")
    own = manifest_diff.recompute(content, places)
    _say_own(own, manifest, manifest_diff.same_code(content), say)
    parts: dict[str, list[str]] = {}
    if published is None:
        say("published manifest: not compared; none was named")
    else:
        parts = manifest_diff.differences(content, _published(published))
        _say_parts(parts, published, say)
    held = _say_claims(claim_file, ledger, scores, not content["demo"], say)
    return all(part.good for part in own) and not parts and held


def results(
    named: Sequence[str],
    raw: Sequence[Path],
    scores: Sequence[Path],
    ledger: Path,
    answers: Sequence[Path] = (),
) -> dict[str, Path]:
    """Name under a manifest's ``results`` to path.

    Args:
        named: ``NAME=PATH`` each; the rest are known by their content.

    Raises:
        UserError: one that is not of that form.
    """
    found = {"ledger": ledger}
    found |= {f"scores/{score_name(path)}": path for path in scores}
    found |= {f"answers/{answers_name(path)}": path for path in answers}
    found |= {f"raw/{read_json(path)['source']}": path for path in raw}
    for pair in named:
        name, sign, path = pair.partition("=")
        if not (name and sign and path):
            raise UserError(f"--result {pair}: is not NAME=PATH, such as table=table.csv.")
        found[name] = Path(path)
    return found


def _say_own(
    own: list[manifest_diff.Found], manifest: Path, same_code: bool, say: Callable[[str], Any]
) -> None:
    say(f"own files against {manifest}:")
    for part in own:
        states = [f"{part.same} as listed"] if part.same else []
        kinds = {"DIFFER": part.differ, "GONE": part.gone, "not compared": part.unknown}
        states += [f"{word}: {_some(names)}" for word, names in kinds.items() if names]
        say(f"  {part.words}: {'; '.join(states)}")
    if not same_code:
        # No contradiction: an edit of code that a step does not run leaves its results as they are.
        say("  code of the package: edited since the manifest was written")


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _say_claims(
    claim_file: Path, ledger: Path, scores: Sequence[Path], whole: bool, say: Callable[[str], Any]
) -> bool:
    results = claims.read_results(ledger, scores, whole=whole)
    verdicts = claims.judge(claims.read_claims(claim_file), results)
    for verdict in verdicts:
        say(verdict.line())
    counts = Counter(verdict.holds for verdict in verdicts)
    say(f"claims: {counts[True]} hold, {counts[False]} do not, {counts[None]} not run")
    return not counts[False]


def _published(name: str) -> dict[str, Any]:
    if Path(name).is_file():
        return read_manifest(Path(name))
    version = download.pin(name)
    with scratch() as cache:
        return read_manifest(download.one(version, "manifest.json", cache))


def _say_parts(parts: dict[str, list[str]], published: str, say: Callable[[str], Any]) -> None:
    say(f"against the published manifest {published}:")
    for part, words in manifest_diff.PARTS.items():
        keys = parts.get(part, [])
        say(f"  {words}: {'DIFFER: ' + _some(keys) if keys else 'the same'}")
