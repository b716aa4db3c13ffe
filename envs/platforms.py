"""Check that the locks can be installed on every platform and Python, by a dry run of uv each.

    platforms.py check       ask the package index whether each file that a lock pins is there
    platforms.py table       print the table of docs/platforms.md

Needs uv (.venv has it; UV names a different one). Files are looked up with their sha256, none
is fetched.
torch's CPU build is on PyTorch's own index: its wheels are compared with envs/torch-cpu.txt.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

ENVS = Path(__file__).parent
# Names of uv, and the oldest macOS that torch has wheels for.
PLATFORMS = {
    "Linux x86_64": "x86_64-unknown-linux-gnu",
    "Linux aarch64": "aarch64-unknown-linux-gnu",
    "macOS 14 arm64": "aarch64-apple-darwin",
}
MACOS = {"MACOSX_DEPLOYMENT_TARGET": "14.0"}
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
LOCKS = ("dev", "workflow", "data", "model-cpu", "model-cuda", "paper")
# immutables, which Snakemake needs, has no wheel for Python 3.14.
NOT_ON_3_14 = ("dev", "workflow")
# Pure Python, published as source only.
SOURCES = ("connection-pool", "jieba")
# Locks that were installed and used, and by which command that is seen.
RUN = {
    ("Linux x86_64", "3.11"): "`.ci/run`: dev, data, model-cpu, paper",
    ("Linux x86_64", "3.12"): "`tests/workflow/test_other_pythons.py`: data",
    ("Linux x86_64", "3.13"): "`tests/workflow/test_other_pythons.py`: data",
}


def locks(platform: str, python: str) -> list[str]:
    """Return the locks that are meant for a platform and a Python."""
    found = [name for name in LOCKS if python != "3.14" or name not in NOT_ON_3_14]
    return [name for name in found if "macOS" not in platform or name != "model-cuda"]


def entries(text: str) -> Iterator[tuple[str, str]]:
    """Yield name and text of each requirement of a lock, with its hashes."""
    for match in re.finditer(r"^([a-z0-9][a-z0-9._-]*)==[^\n]*(?:\n +[^\n]*)*\n", text, re.M):
        yield match[1], match[0]


def torch_wheels() -> set[tuple[str, str]]:
    """Return Python tag and machine of each wheel that envs/torch-cpu.txt lists."""
    text = (ENVS / "torch-cpu.txt").read_text(encoding="utf-8")
    return set(re.findall(r"^[0-9a-f]{64}  torch-\S+-(cp\d+)-cp\d+-\w+?_28_(\w+)\.whl", text, re.M))


def problem(lock: str, platform: str, python: str) -> str:
    """Return the reason why a lock cannot be installed, empty where it can."""
    text = (ENVS / f"{lock}.lock").read_text(encoding="utf-8")
    system, machine = platform.split()[0], platform.split()[-1]
    cpu_build = system == "Linux" and "+cpu" in text
    if cpu_build and ("cp" + python.replace(".", ""), machine) not in torch_wheels():
        return "envs/torch-cpu.txt lists no wheel of torch"
    asked = [entry for name, entry in entries(text) if name not in SOURCES and "+cpu" not in entry]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "lock.txt").write_text("".join(asked), encoding="utf-8")
        command = [os.environ.get("UV") or str(ENVS.parent / ".venv/bin/uv"), "pip", "install"]
        command += ["--no-config", "--quiet", "--dry-run", "--no-deps", "--only-binary", ":all:"]
        command += ["--require-hashes", "--python-platform", PLATFORMS[platform]]
        command += ["--python-version", python, "--target", f"{folder}/target"]
        done = subprocess.run(
            [*command, "-r", f"{folder}/lock.txt"],
            env=os.environ | MACOS, capture_output=True, text=True, check=False,
        )  # fmt: skip
    return "" if done.returncode == 0 else done.stderr.strip() or "uv failed"


def check() -> int:
    """Print a line for each lock, platform and Python; return 1 where one cannot be installed."""
    cases = [
        (lock, platform, python)
        for platform, python in product(PLATFORMS, PYTHONS)
        for lock in locks(platform, python)
    ]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda case: problem(*case), cases))
    for (lock, platform, python), why in zip(cases, found, strict=True):
        print(f"{lock:10}  {platform:14}  Python {python}  {why or 'resolves'}")
    return int(any(found))


def table() -> str:
    """Return the table of platforms and Pythons in Markdown."""
    lines = ["| platform | Python | run | only resolved |", "|---|---|---|---|"]
    for platform, python in product(PLATFORMS, PYTHONS):
        run = RUN.get((platform, python), "")
        words = set(re.findall(r"[\w-]+", run.partition(":")[2]))
        every = locks(platform, python)
        rest = ", ".join(name for name in every if name not in words)
        lines.append(f"| {platform} | {python} | {run or 'nothing'} | {rest or 'nothing'} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    if sys.argv[1:] == ["check"]:
        sys.exit(check())
    if sys.argv[1:] == ["table"]:
        sys.stdout.write(table())
    else:
        sys.exit("use: platforms.py check | table")
