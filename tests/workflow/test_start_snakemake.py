"""workflow/bin/run starts the installed Snakemake, without the import of pandas."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "workflow/lib/start_snakemake.py"
USE = """
import sys
sys.path.insert(0, {folder!r})
from start_snakemake import defer_pandas
defer_pandas()
import inspect
import pandas as pd
inspect.getmodule(inspect.currentframe())  # asks every module for its file
assert "pandas.core" not in sys.modules
{use}
assert "pandas.core" in sys.modules
"""


def start(path: str, *arguments: str, folder: Path = ROOT) -> subprocess.CompletedProcess:
    """Start it; ``-X importtime`` tells on stderr each module that was imported."""
    return subprocess.run(
        [sys.executable, "-X", "importtime", SCRIPT, *arguments], cwd=folder, text=True,
        env=os.environ | {"PATH": path, "PYTHONPATH": str(ROOT / "src")}, capture_output=True,
    )  # fmt: skip


def test_it_plans_without_pandas(clone):
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    arguments = ("-n", "--configfile", "config/tiny.yaml", "--quiet", "progress")
    done = start(path, *arguments, folder=clone)
    assert done.returncode == 0 and "rule curated_mix" in done.stdout, done.stdout
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "snakemake_executor_plugin_slurm.efficiency_report" in imported
    assert not {name for name in imported if name.split(".")[0] == "pandas"}


@pytest.mark.parametrize(
    "use",
    [
        "print(pd.DataFrame({'a': [1, 2]})['a'].sum())",
        "from pandas import Series; print(Series([1, 2]).sum())",
        "import pandas.testing; print(pandas.Series([3])[0])",
        "from pandas.core.series import Series; print(Series([3])[0])",
        "print(getattr(pd, 'nothing', 3))",
    ],
)
def test_pandas_works_as_soon_as_something_uses_it(use):
    code = USE.format(folder=str(SCRIPT.parent), use=use)
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "3\n"


@pytest.mark.parametrize("code", [0, 3])
def test_the_first_snakemake_on_the_path_runs(tmp_path, code):
    other = tmp_path / "snakemake"
    other.write_text(f'#!/bin/sh\necho "other: $*"\nexit {code}\n', encoding="utf-8")
    other.chmod(0o755)
    done = start(f"{tmp_path}:/bin", "-n", "a b")
    assert (done.returncode, done.stdout) == (code, "other: -n a b\n")


def test_without_snakemake_one_line_says_how_to_get_it(tmp_path):
    done = start(str(tmp_path))
    assert done.returncode == 1
    assert "error: snakemake is not on PATH. Run: envs/install workflow" in done.stderr
