"""Run everything that needs a GPU: its tests, then both benchmarks, within 25 minutes.

    make gpu                            # in .venv-cuda; writes benchmarks/results/*_gpu.md, .json
    python benchmarks/gpu.py --tiny     # the same steps in small, on a CPU; writes nothing

Each step has a limit. A step that fails or takes longer does not keep the next from running; rows
that were measured before stay. The environment is made before the clock starts.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
VENV = ROOT / ".venv-cuda"
# Needs of the tests next to envs/model-cuda.lock; envs/dev.lock has their versions and hashes.
TOOLS = ("pytest", "pluggy", "iniconfig", "pytest-timeout", "hypothesis", "sortedcontainers")
STEPS = (
    ("tests", 5, ["-m", "pytest", "-p", "no:xdist", "-m", "gpu", "tests/gpu"], []),
    ("scores_gpu.py", 5, ["benchmarks/scores_gpu.py"], ["--shape", "tiny", "--questions", "8"]),
    ("sft_gpu.py", 15, ["benchmarks/sft_gpu.py"], ["--tiny", "--case", "1.8B full"]),
)


def main() -> None:
    """Run the steps; exit 1 where one failed or was ended by its limit."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tiny", action="store_true", help="small shapes on a CPU, in this Python")
    tiny = parser.parse_args().tiny
    python = sys.executable if tiny else environment()
    start, failed = time.monotonic(), []
    for name, minutes, command, small in STEPS:
        print(f"=== {name}: at most {minutes} minutes", flush=True)
        problem = step([python, *command, *(small if tiny else [])], 60 * minutes)
        if problem:
            failed.append(f"{name}: {problem}")
    print(
        f"=== {time.monotonic() - start:.0f} s. " + ("; ".join(failed) or "All steps ended well.")
    )
    sys.exit(bool(failed))


def environment() -> str:
    """Make the environment with CUDA and return its Python; end where there is no GPU."""
    if not shutil.which("nvidia-smi"):
        sys.exit("error: no nvidia-smi here, so no GPU to run on. --tiny tries the steps on a CPU.")
    subprocess.run([ROOT / "envs/install", "model-cuda", VENV], check=True)
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
        file.write(pins((ROOT / "envs/dev.lock").read_text("utf-8"), TOOLS))
        file.flush()
        install = ["-m", "pip", "install", "-q", "--no-deps", "--require-hashes", "-r", file.name]
        subprocess.run([VENV / "bin/python", *install], check=True)
    return str(VENV / "bin/python")


def pins(lock: str, names: tuple[str, ...]) -> str:
    """Return the entries of some packages in a lock, with their hashes.

    Raises:
        KeyError: a package that the lock does not have.
    """
    entries = {}
    for entry in re.findall(r"^\S.*(?:\n[ \t].*)*", lock, re.M):
        entries[re.split(r"[=\s]", entry)[0]] = entry
    return "\n".join(entries[name] for name in names) + "\n"


def step(command: list[str], limit: int) -> str | None:
    """Run a command; return what went wrong, or None."""
    env = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    try:
        code = subprocess.run(command, cwd=ROOT, env=env, timeout=limit, check=False).returncode
    except subprocess.TimeoutExpired:
        return f"ended after {limit} s"
    return f"exit {code}" if code else None


if __name__ == "__main__":
    main()
