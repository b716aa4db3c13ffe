#!/usr/bin/env python3
"""Compare our pins with the package index, and try the findings on what changed.

Called by ``make outdated``. It prints a line for each package of envs/*.in and envs/*.txt that has
a newer version; a package without a version there counts with the one in its lock. Where two files
pin one package, the older pin is there on purpose and is listed as held.
Each finding (findings/NAME.sh) that names a changed package then runs as a copy with the newer
version in it, so that an upgrade begins with the behaviour that it changes. ``--list`` runs no
finding; names of packages restrict all of it to them (a new torch is a download of gigabytes).
The exit status is 1 where a finding no longer holds, or could not be tried.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PIN = re.compile(r"(?<![\w.-])([A-Za-z0-9][\w.-]*)(\[[\w,.-]+\])?==([0-9][\w.!+-]*)")
NAME = re.compile(r"[A-Za-z0-9][\w.-]*")
NEWEST = re.compile(r"^\S+ \(([^)\s]+)\)")
MINUTES = 20
# pip's own last words, where it cannot install a finding's packages.
NOT_INSTALLED = re.compile(r"^ERROR: .*", re.M)


class Update(NamedTuple):
    """One pinned package that the index has in a newer version."""

    name: str
    pinned: str
    newest: str


def canonical(name: str) -> str:
    """Write a package's name as the index does: lower case, one hyphen for each separator."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(text: str) -> dict[str, str]:
    """Read each ``name==version`` of a requirements file or a script; comments do not count."""
    code = "\n".join(line.partition("#")[0] for line in text.splitlines())
    return {canonical(name): version for name, _, version in PIN.findall(code)}


def release(version: str) -> tuple[int, ...]:
    """Return the numbers of a version, for comparison; a local part (``+cpu``) does not count."""
    return tuple(int(part) for part in re.findall(r"\d+", version.partition("+")[0]))


def direct(text: str) -> list[str]:
    """Read the names of a requirements file's own packages, pinned or not."""
    found = (NAME.match(line) for line in text.splitlines())
    return [canonical(match[0]) for match in found if match]


def project_pins(root: Path) -> tuple[dict[str, str], list[str]]:
    """Read the versions of what envs/*.in and envs/*.txt ask for.

    Returns:
        The newest pin of each package; and a line for each older pin of it.
    """
    envs = root / "envs"
    locked: dict[str, str] = {}
    for path in sorted(envs.glob("*.lock")):
        locked |= pins(path.read_text(encoding="utf-8"))
    found: dict[str, dict[str, str]] = {}
    for path in sorted([*envs.glob("*.in"), *envs.glob("*.txt")]):
        text = path.read_text(encoding="utf-8")
        own = pins(text)
        names = [*own, *(direct(text) if path.suffix == ".in" else [])]
        for name in names:
            if version := own.get(name, locked.get(name)):
                found.setdefault(name, {}).setdefault(version.partition("+")[0], path.name)
    newest = {name: max(versions, key=release) for name, versions in found.items()}
    held = [
        f"{name} {version} (envs/{file})"
        for name, versions in sorted(found.items())
        for version, file in versions.items()
        if version != newest[name]
    ]
    return newest, held


def chosen(pinned: dict[str, str], names: Sequence[str]) -> dict[str, str]:
    """Restrict the pins to these packages; to all where none is named. An unknown name ends it."""
    wanted = [canonical(name) for name in names] or list(pinned)
    for name in wanted:
        if name not in pinned:
            sys.exit(f"error: {name}: no such package in envs/*.in. Known: {', '.join(pinned)}.")
    return {name: pinned[name] for name in wanted}


def findings_about(root: Path, names: Iterable[str]) -> list[Path]:
    """List the findings that pin one of these packages, by name of the file."""
    wanted = set(names)
    scripts = sorted((root / "findings").glob("*.sh"))
    return [path for path in scripts if wanted & pins(path.read_text(encoding="utf-8")).keys()]


def updates(pinned: dict[str, str], newest: dict[str, str]) -> list[Update]:
    """List the packages whose newest version differs; a local part (``+cpu``) does not count."""
    return [
        Update(name, version, newest[name])
        for name, version in sorted(pinned.items())
        if name in newest and newest[name].partition("+")[0] != version.partition("+")[0]
    ]


def with_versions(script: str, newer: dict[str, str]) -> str:
    """Rewrite a finding's pins to the newer versions; the rest stays as it is."""

    def pin(match: re.Match[str]) -> str:
        name, extras, version = match.groups(default="")
        return f"{name}{extras}=={newer.get(canonical(name), version)}"

    return PIN.sub(pin, script)


def newest_installed(listing: str) -> dict[str, str]:
    """Read ``uv pip list --outdated --format json``: the newest version of each package."""
    return {canonical(row["name"]): row["latest_version"] for row in json.loads(listing)}


def newest_on_index(answer: str) -> str | None:
    """Read the newest version from the first line of ``pip index versions NAME``."""
    match = NEWEST.match(answer)
    return match[1] if match else None


def _output(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        problem = (done.stderr.strip().splitlines() or ["no message"])[-1]
        sys.exit(f"error: {' '.join(command)}: {problem}. Look at the network and run it again.")
    return done.stdout


def look_up(pinned: dict[str, str], tools: Path) -> dict[str, str]:
    """Ask the index for the newest versions: one call for all that is installed, one for each rest.

    A package for a newer Python than this one is looked for too.

    Args:
        tools: folder of the environment's programs (uv, pip, python).
    """
    python = str(tools / "python")
    uv = (str(tools / "uv"), "pip", "list", "--python", python, "--format", "json")
    here = {canonical(row["name"]) for row in json.loads(_output(*uv))}
    newest = newest_installed(_output(*uv, "--outdated"))
    index = (python, "-m", "pip", "index", "versions", "--ignore-requires-python")
    for name in sorted(pinned.keys() - here):
        version = newest_on_index(_output(*index, name))
        if version:
            newest[name] = version
    return newest


def try_finding(path: Path, newer: dict[str, str]) -> tuple[str, str]:
    """Run a copy of a finding with the newer versions.

    Returns:
        ``holds``, ``CHANGED`` or ``NOT RUN`` (pip cannot install these versions together, or it
        did not end in time), and its last line or pip's first complaint.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        copy.write_text(with_versions(path.read_text(encoding="utf-8"), newer), encoding="utf-8")
        try:
            done = subprocess.run(
                ["bash", str(copy)],
                capture_output=True,
                text=True,
                timeout=60 * MINUTES,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return "NOT RUN", f"not finished after {MINUTES} minutes"
    if done.returncode == 0:
        return "holds", _last(done.stdout)
    if complaint := NOT_INSTALLED.search(done.stderr):
        return "NOT RUN", complaint[0]
    return "CHANGED", _last(done.stdout + done.stderr)


def _last(text: str) -> str:
    return (text.strip().splitlines() or ["no output"])[-1]


def main() -> int:
    """Print the updates, then each finding about them with how it fares on the newer versions."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="packages to look at (default: all)")
    parser.add_argument("--list", action="store_true", help="run no finding")
    options = parser.parse_args()
    known, held = project_pins(ROOT)
    pinned = chosen(known, options.names)
    found = updates(pinned, look_up(pinned, ROOT / ".venv/bin"))
    print(f"{len(found)} of {len(pinned)} packages have a newer version")
    for update in found:
        about = [path.stem for path in findings_about(ROOT, [update.name])]
        line = f"{update.name} {update.pinned} -> {update.newest}"
        print(line + (f"  (findings: {', '.join(about)})" if about else ""))
    for line in held:
        if line.split()[0] in pinned:
            print(f"held  {line}")
    if options.list:
        return 0
    newer = {update.name: update.newest for update in found}
    about = findings_about(ROOT, newer)
    print(f"{len(about)} findings to try", flush=True)
    fared = []
    for path in about:
        state, last = try_finding(path, newer)
        fared.append(state)
        print(f"{state:7} {path.stem}: {last}", flush=True)
    return 1 if set(fared) - {"holds"} else 0


if __name__ == "__main__":
    sys.exit(main())
