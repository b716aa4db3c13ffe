"""workflow/bin/run where something is odd: the plan fails, the path has a space, the home is closed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RAW = "results/tiny/1_raw/datasets/cmid/manifest.json"


def command(place: Path, *words: str, **changes: str) -> subprocess.CompletedProcess:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        words, cwd=place, env=os.environ | {"PATH": path} | changes,
        capture_output=True, text=True, check=False, timeout=500,
    )  # fmt: skip


def test_a_plan_that_fails_says_why(clone):
    done = command(clone, "workflow/bin/run", "config/tiny.yaml", "--cores", "1", "no_such_rule")
    assert done.returncode == 1 and "no_such_rule" in done.stderr


def test_a_home_that_nobody_may_write_to_is_no_hindrance(clone):
    home = "/proc/self/no-home"  # nobody, not even root
    arguments = ("config/tiny.yaml", "--cores", "1", "-n", "--", RAW)
    done = command(clone, "workflow/bin/run", *arguments, HOME=home, XDG_CACHE_HOME="")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (clone / ".snakemake/cache").is_dir()


def test_a_clone_whose_path_has_a_space_runs_its_own_code(tmp_path):
    place = tmp_path / "my clone"
    place.mkdir()
    shutil.copy(ROOT / "Snakefile", place / "Snakefile")
    for name in ("workflow", "config", "src"):
        shutil.copytree(ROOT / name, place / name)
    for name in ("resources", "envs", "paper", "containers"):
        (place / name).symlink_to(ROOT / name)
    entry = place / "src/collectivesft/__main__.py"
    mark = 'import sys\n\nprint("of this clone", file=sys.stderr)\n'
    entry.write_text(mark + entry.read_text("utf-8"), encoding="utf-8")
    done = command(place, "workflow/bin/run", "config/tiny.yaml", "--cores", "1", "--", RAW)
    assert done.returncode == 0, done.stdout + done.stderr
    (log,) = (place / "logs/tiny/1_raw").rglob("*cmid*.log")
    assert log.read_text("utf-8").startswith("of this clone\n")


@pytest.mark.parametrize(
    ("text", "name"),
    [("run: ward\n", "ward"), ('run: "ward-2" # mine\n', "ward-2"), ("threads: 1\n", "paper")],
)
def test_the_name_of_a_run_is_read_as_snakemake_reads_it(clone, text, name):
    (clone / "config/mine.yaml").write_text(text, encoding="utf-8")
    done = command(clone, sys.executable, "workflow/lib/run_name.py", "config/mine.yaml")
    assert (done.stdout, done.stderr) == (f"{name}\n", "")


def test_a_configuration_that_is_no_yaml_is_one_line(clone):
    (clone / "config/mine.yaml").write_text("run: [\n", encoding="utf-8")
    done = command(clone, sys.executable, "workflow/lib/run_name.py", "config/mine.yaml")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert done.stderr.startswith("error: config: ") and "not valid YAML" in done.stderr
