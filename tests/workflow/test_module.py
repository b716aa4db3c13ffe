"""The workflow as a module of a workflow in a folder elsewhere, planned and run to its end."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.helpers import snakemake_server

ROOT = Path(__file__).parents[2]
# As docs/snakemake.md writes it.
MODULE = """
module collectivesft:
    snakefile: "{root}/workflow/Snakefile"
    config: config["collectivesft"]


use rule * from collectivesft as collectivesft_*
"""
# As the template of snakedeploy 0.17.1 writes it, with the clone in place of its github(...).
DEPLOYED = """
from snakemake.utils import min_version


min_version("6.10.0")


configfile: "config/config.yaml"


# declare collectivesft as a module
module collectivesft:
    snakefile:
        "{root}/workflow/Snakefile"
    config:
        config


# use all rules from collectivesft
use rule * from collectivesft
"""


def settings() -> dict:
    """The tiny run, its raw files by their full path: the importing folder has none."""
    overlay = yaml.safe_load((ROOT / "config/tiny.yaml").read_text("utf-8"))
    demo = ROOT / "resources/demo/raw"
    places = {"folder": str(demo), "checksums": str(demo / "SHA256SUMS")}
    return overlay | {"raw": overlay["raw"] | places}


@pytest.fixture
def deployed(tmp_path) -> Path:
    """A folder as `snakedeploy deploy-workflow` leaves it: workflow/Snakefile and config/."""
    (tmp_path / "workflow").mkdir()
    (tmp_path / "workflow/Snakefile").write_text(DEPLOYED.format(root=ROOT), encoding="utf-8")
    shutil.copytree(ROOT / "config", tmp_path / "config")
    whole = yaml.safe_load((ROOT / "config/config.yaml").read_text("utf-8")) | settings()
    (tmp_path / "config/config.yaml").write_text(yaml.safe_dump(whole), encoding="utf-8")
    return tmp_path


def snakemake(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    """Run a bare Snakemake there, with nothing of this clone in the environment."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environ = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return subprocess.run(
        [snakemake_server.command(), *arguments], cwd=folder, env=environ | {"PATH": path},
        capture_output=True, text=True, check=False, timeout=2000,
    )  # fmt: skip


def test_the_catalog_finds_the_workflow():
    """The paths are the catalog's: it names none itself."""
    usage = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text("utf-8"))["usage"]
    assert usage["software-stack-deployment"]["apptainer"] and usage["report"]
    assert usage["mandatory-flags"]["flags"] == "--cores all"
    for name in ("workflow/Snakefile", "config/config.yaml", "config/README.md", "README.md"):
        assert (ROOT / name).is_file(), name
    assert 'include: "workflow/Snakefile"' in (ROOT / "Snakefile").read_text("utf-8")


def test_a_module_with_names_of_its_own_is_planned(tmp_path):
    (tmp_path / "Snakefile").write_text(
        'configfile: "mine.yaml"\n' + MODULE.format(root=ROOT), encoding="utf-8"
    )
    own = {"collectivesft": settings()}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(own), encoding="utf-8")
    done = snakemake(tmp_path, "-n", "--", "collectivesft_all")
    assert done.returncode == 0, done.stdout + done.stderr
    shown = done.stdout + done.stderr
    assert "rule collectivesft_sft_train:" in shown and "results/tiny/6_paper/paper.pdf" in shown


@pytest.mark.slow
def test_a_deployed_workflow_runs_to_its_end_with_the_same_bytes(deployed, tiny):
    done = snakemake(deployed, "--cores", "2", "--quiet", "rules", "reason", "host")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not (deployed / "src").exists() and not (deployed / "envs").exists()
    made = fingerprint(deployed)
    assert {path.split("/")[1] for path in made} > {"2_curated", "4_scores", "6_paper", "7_hub"}
    # The release lists the configuration, which names the raw files by another path.
    assert {k: v for k, v in made.items() if "/7_hub/" not in k} == {
        k: v for k, v in fingerprint(tiny[0].folder).items() if "/7_hub/" not in k
    }
    again = snakemake(deployed, "-n")
    assert "Nothing to be done" in again.stdout + again.stderr


def fingerprint(folder: Path) -> dict[str, str]:
    """The sha256 of each result of the tiny run, by path."""
    done = subprocess.run(
        [ROOT / "workflow/bin/fingerprint", folder / "results/tiny"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return {line.split("  ", 1)[1]: line.split()[0] for line in done.stdout.splitlines()}
