#!/usr/bin/env python3
"""Compare the pins of envs/*.in with the package index, and try the findings on what changed.

Called by ``make outdated``. It prints one line for each pinned package that has a newer version.
Each finding (findings/NAME.sh) that names such a package then runs as a copy with the newer
version in it, so that an upgrade begins with the behaviour that it changes. ``--list`` runs no
finding; names of packages restrict all of it to them (a new torch is a download of gigabytes).
The exit status is 1 where a finding no longer holds.
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
PIN = re.compile(r"(?<![\w.-])([A-Za-z0-9][\w.-]*)==([0-9][\w.!+-]*)")
NEWEST = re.compile(r"^\S+ \(([^)\s]+)\)")
MINUTES = 20


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
    return {canonical(name): version for name, version in PIN.findall(code)}


def project_pins(root: Path) -> dict[str, str]:
    """Read the pins of all envs/*.in."""
    found: dict[str, str] = {}
    for path in sorted((root / "envs").glob("*.in")):
        found |= pins(path.read_text(encoding="utf-8"))
    return found


def chosen(pinned: dict[str, str], names: Sequence[str]) -> dict[str, str]:
    """Restrict the pins to these packages; to all where none is named. An unknown name ends it."""
    wanted = [canonical(name) for name in names] or list(pinned)
    for name in wanted:
        if name not in pinned:
            sys.exit(f"error: {name}: envs/*.in pin no such package. Pinned: {', '.join(pinned)}.")
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
        name = match[1]
        return f"{name}=={newer.get(canonical(name), match[2])}"

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

    Args:
        tools: folder of the environment's programs (uv, pip, python).
    """
    python = str(tools / "python")
    uv = (str(tools / "uv"), "pip", "list", "--python", python, "--format", "json")
    here = {canonical(row["name"]) for row in json.loads(_output(*uv))}
    newest = newest_installed(_output(*uv, "--outdated"))
    for name in sorted(pinned.keys() - here):
        version = newest_on_index(_output(python, "-m", "pip", "index", "versions", name))
        if version:
            newest[name] = version
    return newest


def try_finding(path: Path, newer: dict[str, str]) -> tuple[bool, str]:
    """Run a copy of a finding with the newer versions; tell if it holds, and its last line."""
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
            return False, f"not finished after {MINUTES} minutes"
    lines = (
        (done.stdout if done.returncode == 0 else done.stdout + done.stderr).strip().splitlines()
    )
    return done.returncode == 0, (lines or ["no output"])[-1]


def main() -> int:
    """Print the updates, then each finding about them with how it fares on the newer versions."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="pinned packages to look at (default: all)")
    parser.add_argument("--list", action="store_true", help="run no finding")
    options = parser.parse_args()
    pinned = chosen(project_pins(ROOT), options.names)
    found = updates(pinned, look_up(pinned, ROOT / ".venv/bin"))
    print(f"{len(found)} of {len(pinned)} pinned packages have a newer version")
    for update in found:
        about = [path.stem for path in findings_about(ROOT, [update.name])]
        line = f"{update.name} {update.pinned} -> {update.newest}"
        print(line + (f"  (findings: {', '.join(about)})" if about else ""))
    if options.list:
        return 0
    newer = {update.name: update.newest for update in found}
    changed = 0
    for path in findings_about(ROOT, newer):
        holds, last = try_finding(path, newer)
        changed += not holds
        print(f"{'holds  ' if holds else 'CHANGED'} {path.stem}: {last}", flush=True)
    return 1 if changed else 0


if __name__ == "__main__":
    sys.exit(main())
