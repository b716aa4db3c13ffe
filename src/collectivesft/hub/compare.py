"""Say in one screen why two runs or releases differ: first stage, configuration key, file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from collectivesft.common.errors import UserError
from collectivesft.hub.client import download
from collectivesft.hub.client.manifest import read_manifest
from collectivesft.hub.client.temp_folder import scratch
from collectivesft.hub.evidence import manifest_diff

# Parts of a manifest in the order in which a run makes them: the first that differs explains the
# later ones. The causes come first: code, locks and configuration decide all stages.
CAUSES = ("package", "locks", "config", "experiment")
STAGES = {
    "1 raw": ("raw", "base"),
    "2 curated": ("ledger", "results"),
    "3 sft": ("model",),
    "4 scores": ("scores",),
    "7 hub": ("answer", "gguf"),
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
    at = next((stage for stage, parts in STAGES.items() if any(p in found for p in parts)), None)
    say(f"first stage that differs: {at or 'none; every result is the same'}")
    for parts in STAGES.values():
        for part in parts:
            _say_part(part, found.get(part, []), one, two, say)
    return False


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
