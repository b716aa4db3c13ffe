"""Every row of the table in docs/snakemake.md is tried: the option does here what the row says."""

import os
import re
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
MADE = "results/tiny/1_raw/datasets/cmid/manifest.json"
ELSEWHERE = "results/tiny/1_raw/datasets/nlpec/manifest.json"


class Try(NamedTuple):
    """One call of Snakemake: its arguments, its exit code, words that it prints or does not."""

    arguments: str
    code: int
    said: str = ""
    unsaid: str = "Traceback"
    conda: bool | None = None  # whether the row is about a machine with conda


TRIES = {
    "-n": Try(f"-n -- {ELSEWHERE}", 0, "rule raw_fetch:"),
    "-n --quiet": Try("-n --quiet", 0, "", "rule raw_fetch:"),
    "path/to/file": Try(f"--cores 1 -- {ELSEWHERE}", 0, "1 of 1 steps (100%) done"),
    # Of a finished run: tests/report.
    "--report FILE": Try(f"--report report.html -- {MADE}", 1, "pages/front.html", "1 of 1 steps"),
    "--logger collectivesft": Try(
        f"-n --forcerun raw_fetch --logger collectivesft -- {MADE}",
        0,
        "raw_fetch datasets cmid\n",
        "rule raw_fetch:",
    ),
    "--sdm apptainer": Try(f"-n --forcerun raw_fetch --sdm apptainer -- {MADE}", 0),
    "--sdm conda": Try(
        f"--cores 1 --forcerun raw_fetch --sdm conda -- {MADE}", 1, "conda", conda=False
    ),
    "--containerize": Try("--containerize", 1, "Is conda installed", conda=False),
    "--archive FILE": Try("--archive all.tar.gz", 1, "Is conda installed", conda=False),
    "--list-changes params": Try("--list-changes params", 0, f"\n{MADE}\n"),
    "--delete-all-output": Try("--delete-all-output", 1, "Delete results/tiny and logs/tiny"),
    "--generate-unit-tests": Try(f"--generate-unit-tests -- {MADE}", 0, "test_raw_fetch.py"),
    "--export-cwl FILE": Try(
        f"--export-cwl flow.cwl --cores 1 --forcerun raw_fetch -- {MADE}",
        0,
        "1 of 1 steps (100%) done",
    ),
    "--unlock": Try("--unlock", 0, "Unlocked working directory"),
}
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def place(new_place):
    """A folder with one result, a file in the shared cache, and our logger on Python's path."""
    made = new_place("options")
    done = made.snakemake("--cores", "1", MADE)
    assert done.returncode == 0, done.stdout
    (made.folder / ".cache/kept").write_text("paid for", encoding="utf-8")
    return made


def test_the_table_has_these_rows():
    text = (ROOT / "docs/snakemake.md").read_text("utf-8").split("\n## ")[0]  # the first table
    assert re.findall(r"^\| `([^`]+)` \|", text, re.M) == list(TRIES)


@pytest.mark.parametrize("option", TRIES)
def test_an_option_does_what_its_row_says(place, option):
    tried = TRIES[option]
    if tried.conda is False and shutil.which("conda"):
        pytest.skip("the row is about a machine without conda")
    path = f"{ROOT}/workflow/lib:{ROOT}/src"
    command = ("snakemake", "--configfile", "config/tiny.yaml", *tried.arguments.split())
    done = place.run(*command, forks=True, PYTHONPATH=path)
    assert done.returncode == tried.code, done.stdout
    assert tried.said in done.stdout and tried.unsaid not in done.stdout
    assert (place.folder / MADE).is_file()
    assert (place.folder / ".cache/kept").read_text("utf-8") == "paid for"
    assert not os.path.exists(place.folder / "flow.cwl"), "--export-cwl is of use by now"
