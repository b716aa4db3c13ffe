"""Say in one screen why two runs or releases differ: first stage, configuration key, file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from collectivesft.common.errors import UserError
from collectivesft.hub.client import download
from collectivesft.hub.client.manifest import read_manifest
from collectivesft.hub.client.temp_folder import scratch
from collectivesft.hub.evidence import manifest_diff

# Code, locks and configuration decide all stages: the causes come first.
CAUSES = ("package", "locks", "config", "experiment")
# The other parts in the order in which a run makes them, with their stage. The base model is listed
# as stage sft converted it. The stage of a result follows from its name.
PARTS = {
    "raw": "1 raw",
    "ledger": "2 curated",
    "results": "",
    "base": "3 sft",
    "model": "3 sft",
    "scores": "4 scores",
    "answer": "7 hub",
    "gguf": "7 hub",
}
RESULTS = {
    "raw/": "1 raw",
    "history": "3 sft",
    "tokens": "3 sft",
    "answers/": "4 scores",
    "scores/": "4 scores",
    "table": "4 scores",
}
_SHOWN = 5  # keys of each part


def compare(first: str, second: str, say: Callable[[str], Any]) -> bool:
    """Print what differs between two runs or releases; true where nothing does.

    Args:
        first, second: a manifest, a folder that holds one (at any depth), or ``owner/name[@tag]``.

    Raises:
        UserError: one of them cannot be had or is no manifest.
    """
    one, two = read(first), read(second)
    found = manifest_diff.differences(one, two)
    say(f"first:  {first} (run {one.get('run')}, {_name(one)})")
    say(f"second: {second} (run {two.get('run')}, {_name(two)})")
    if not found:
        say("no difference: code, configuration, raw files, results and model are the same")
        return True
    say("causes:")
    for part in CAUSES:
        _say_part(part, found.get(part, []), one, two, say)
    say(f"first stage that differs: {first_stage(found) or 'none; every result is the same'}")
    for part in PARTS:
        _say_part(part, found.get(part, []), one, two, say)
    return False


def first_stage(found: dict[str, list[str]]) -> str | None:
    """Return the first stage of which something differs; None where only causes do.

    Args:
        found: differing keys of each part of the manifest.
    """
    stages = [stage for part, stage in PARTS.items() if stage and part in found]
    results = [key for key in found.get("results", []) if not key.endswith("recipe")]
    for key in results:
        made = [stage for start, stage in RESULTS.items() if key.startswith(start)]
        stages.append(made[0] if made else "2 curated")
    return min(stages, default=None)


def read(name: str) -> dict[str, Any]:
    """Return the manifest of a run or a release.

    Raises:
        UserError: there is none, or more than one below a folder.
    """
    path = Path(name)
    if path.is_dir():
        found = sorted(path.glob("**/7_hub/*/manifest.json")) or sorted(path.glob("manifest.json"))
        if len(found) != 1:
            count = "no manifest.json" if not found else f"{len(found)} releases"
            raise UserError(f"{path}: holds {count}. Name the manifest.json of one release.")
        path = found[0]
    if path.is_file():
        return read_manifest(path)
    version = download.pin(name)
    with scratch() as cache:
        return read_manifest(download.one(version, "manifest.json", cache))


def _name(content: dict[str, Any]) -> str:
    experiment = content.get("experiment")
    return f"experiment {experiment.get('name')}" if isinstance(experiment, dict) else "no name"


def _say_part(
    part: str, keys: list[str], one: dict[str, Any], two: dict[str, Any], say: Callable[[str], Any]
) -> None:
    words = manifest_diff.PARTS[part]
    if not keys:
        say(f"  {words}: the same")
        return
    say(f"  {words}: {len(keys):,} {'key differs' if len(keys) == 1 else 'keys differ'}")
    for key in keys[:_SHOWN]:
        values = [_short(_at(content.get(part), key)) for content in (one, two)]
        say(f"    {key}: {values[0]} -> {values[1]}")
    if len(keys) > _SHOWN:
        say(f"    and {len(keys) - _SHOWN:,} more")


def _at(value: Any, key: str) -> Any:
    """The value under a dotted key; names within it may hold dots themselves."""
    if key in ("", "all"):
        return value
    if isinstance(value, dict):
        names = sorted((n for n in value if key == n or key.startswith(f"{n}.")), key=len)
        return _at(value[names[-1]], key[len(names[-1]) + 1 :]) if names else None
    if isinstance(value, list):
        number, _, rest = key.partition(".")
        inside = number.isdecimal() and int(number) < len(value)
        return _at(value[int(number)], rest) if inside else None
    return None


def _short(value: Any) -> str:
    text = "not there" if value is None else str(value)
    text = " ".join(text.split())
    return text if len(text) <= 48 else f"{text[:45]}..."
