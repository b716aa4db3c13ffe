"""Names of tests: the same at any time, on any machine, with any hash seed.

The processes of pytest-xdist compare names and run nothing when they differ.
"""

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LONGEST = 15  # words of a name
COLLECT = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]


def names(*arguments: object, **environment: str) -> list[str]:
    """Collect in a process that has this environment; returns the names in their order."""
    command = [*COLLECT, *map(str, arguments)]
    env = os.environ | {"PYTHONPATH": str(ROOT)} | environment
    env = {key: value for key, value in env.items() if not key.startswith("PYTEST_")}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    return [line for line in done.stdout.splitlines() if "::" in line]


def differences(folder: Path, *arguments: object) -> list[str]:
    """Names that two machines with other clocks, hash seeds and folders do not share."""
    here = names(*arguments, PYTHONHASHSEED="1")
    there = names(
        "-p", "tests.helpers.other_machine", *arguments,
        PYTHONHASHSEED="2", TZ="Asia/Shanghai", HOME=str(folder), TMPDIR=str(folder),
    )  # fmt: skip
    assert here and len(here) == len(there)
    return [f"{a} / {b}" for a, b in zip(here, there, strict=True) if a != b]


def test_the_comparison_sees_a_clock(tmp_path):
    path = tmp_path / "test_clock.py"
    path.write_text(
        "import pytest, time\n"
        '@pytest.mark.parametrize("second", [str(int(time.time()))])\n'
        "def test_it(second): pass\n"
    )
    assert len(differences(tmp_path, path, "--rootdir", tmp_path)) == 1


def test_archives_give_their_cases_no_names(tmp_path):
    assert not differences(tmp_path, "tests/sources/test_archive.py")


@pytest.mark.slow
def test_every_name_is_the_same_elsewhere(tmp_path):
    assert not differences(tmp_path)


def functions() -> list[tuple[str, str]]:
    """Return file and name of every test function."""
    return [
        (path.relative_to(ROOT).as_posix(), name)
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        for name in re.findall(r"^\s*def (test_\w+)\(", path.read_text("utf-8"), re.M)
    ]


def test_a_name_is_a_claim_of_a_few_words():
    """docs/style.md: at most about ten words; two say too little to be a claim."""
    words = {(file, name): len(name.split("_")) - 1 for file, name in functions()}
    assert [where for where, count in words.items() if not 3 <= count <= LONGEST] == []


def test_no_file_name_occurs_twice_by_chance():
    """Commands of the same name in two stages have a file of tests each."""
    files = Counter(path.name for path in (ROOT / "tests").rglob("test_*.py"))
    assert {name for name, count in files.items() if count > 1} == {"test_compare.py"}
