"""workflow/bin/run where something is odd: a plan fails, paths have blanks, the home is closed."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import run_command
import yaml

from tests.helpers import snakemake_server

ROOT = Path(__file__).parents[2]
RAW = "results/tiny/1_raw/datasets/cmid/manifest.json"


def command(place: Path, *words: str, **changes: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        words, cwd=place, env=snakemake_server.with_command() | changes,
        capture_output=True, text=True, check=False, timeout=500,
    )  # fmt: skip


def test_cores_of_the_login_node_are_no_cores_of_the_jobs():
    assert run_command.cores(["--cores", "3", "-n"]) == 3
    assert run_command.cores(["--profile", "workflow/profiles/slurm", "--cores", "3"]) is None
    assert run_command.cores(["--executor=slurm"]) is None


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


def test_one_file_needs_no_option_before_it(clone):
    done = command(clone, "workflow/bin/run", "config/tiny.yaml", RAW)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (clone / RAW).is_file() and "Finished in " in done.stdout


@pytest.mark.parametrize(
    ("rest", "said", "count"),
    [
        (["a/file"], False, None),
        (["--cores", "3", "a/file"], True, 3),
        (["-c3"], True, 3),
        (["-j3"], True, 3),
        (["--jobs=3"], True, 3),
        (["--config", "x=1", "-n"], False, None),
        (["--profile=slurm"], True, None),
    ],
)
def test_cores_that_are_said_are_known(rest, said, count):
    assert run_command.says_cores(rest, {}) is said
    assert run_command.says_cores(["a"], {"SNAKEMAKE_PROFILE": "x"})
    if count:
        assert run_command.cores(rest) == count


def test_one_file_is_built_and_that_is_all(clone):
    done = command(clone, "workflow/bin/run", "config/tiny.yaml", "--cores", "1", RAW)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (clone / RAW).is_file() and "raw_fetch datasets cmid" in done.stdout
    assert "Finished in " in done.stdout and "report" not in done.stdout
    again = command(clone, "workflow/bin/run", "config/tiny.yaml", "--cores", "1", RAW)
    assert again.returncode == 0 and "Nothing to be done" in again.stdout


def test_a_results_folder_that_cannot_be_written_is_one_line(clone):
    (clone / "results").write_text("no folder", encoding="utf-8")
    done = command(clone, "workflow/bin/run", "config/tiny.yaml", "--cores", "1")
    assert done.returncode == 1
    expected = "error: results/tiny: not allowed to write here. Check its permissions.\n"
    assert done.stderr == expected


def test_a_list_of_checksums_that_is_not_there_is_one_line(clone):
    (clone / "config/mine.yaml").write_text(
        "run: mine\nraw: {folder: a, checksums: a/SUMS}\n", "utf-8"
    )
    done = command(clone, "workflow/bin/run", "config/mine.yaml", "--cores", "1")
    assert done.stderr == (
        "error: config/mine.yaml: raw.folder: a: no such folder; make it, or correct the path\n"
        "error: config/mine.yaml: raw.checksums: a/SUMS: no such file; correct the path\n"
    )


def test_a_bug_in_a_reader_is_shown_with_its_log(clone):
    (clone / "src").unlink()
    shutil.copytree(ROOT / "src", clone / "src", ignore=shutil.ignore_patterns("__pycache__"))
    reader = clone / "src/collectivesft/datasets/cmid.py"
    text = reader.read_text("utf-8").replace(
        "def read(", "def read(*_, **__):\n    raise KeyError('answer')\n\n\ndef was_read(", 1
    )
    reader.write_text(text, encoding="utf-8")
    target = "results/tiny/2_curated/cmid/read.parquet"
    done = command(clone, "workflow/bin/run", "config/tiny.yaml", "--cores", "1", target)
    assert done.returncode == 1
    assert (
        "error: curated_read cmid failed\n  log: logs/tiny/2_curated/cmid/read.log\n" in done.stderr
    )
    assert "KeyError: 'answer'" in done.stderr and "Look above" not in done.stderr


def test_a_cache_may_have_any_name_but_braces(clone, tmp_path):
    cache = tmp_path / "my 中文 'q' \"d\",b:c; & (x)"
    text = yaml.safe_dump({"run": "tiny", "cache": str(cache)}, allow_unicode=True)
    tiny = (clone / "config/tiny.yaml").read_text("utf-8")
    target = f"{cache}/raw/models/tiny-random/manifest.json"
    (clone / "config/mine.yaml").write_text(tiny.replace("run: tiny\n", text), encoding="utf-8")
    done = command(clone, "workflow/bin/run", "config/mine.yaml", "--cores", "1", target)
    assert done.returncode == 0, done.stdout + done.stderr
    assert Path(target).is_file()


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
    assert (
        done.stderr.startswith("error: config/mine.yaml, row ") and "not valid YAML" in done.stderr
    )
