"""The workflow as a module of a workflow in a folder elsewhere, planned and run to its end."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.helpers import snakemake_server, torch_server

ROOT = Path(__file__).parents[2]
# As docs/snakemake.md writes it.
TAKEN = (
    "workflow", "src", "config", "resources", "envs", "paper", "containers", "Snakefile", "LICENSE",
)  # fmt: skip
SNAKEDEPLOY = ROOT / ".venv-snakedeploy/bin/snakedeploy"
MODULE = """
module collectivesft:
    snakefile: "{root}/workflow/Snakefile"
    config: config["collectivesft"]


use rule * from collectivesft as collectivesft_*
"""
# As snakedeploy 0.17.1 writes it.
DEPLOYED = """
from snakemake.utils import min_version


min_version("6.10.0")


configfile: "config/config.yaml"


# declare collectivesft as a module
module collectivesft:
    snakefile:
        {snakefile}
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
    text = DEPLOYED.format(snakefile=f'"{ROOT}/workflow/Snakefile"')
    (tmp_path / "workflow/Snakefile").write_text(text, encoding="utf-8")
    shutil.copytree(ROOT / "config", tmp_path / "config")
    configure(tmp_path)
    return tmp_path


def configure(folder: Path) -> None:
    """Make the copied configuration that of the tiny run."""
    whole = yaml.safe_load((ROOT / "config/config.yaml").read_text("utf-8")) | settings()
    (folder / "config/config.yaml").write_text(yaml.safe_dump(whole), encoding="utf-8")


class Hosted:
    """A repository of these files, which git takes for one of github.com."""

    def __init__(self, folder: Path):
        self.repo = folder / "github/me/collectivesft"
        self.repo.mkdir(parents=True)
        unwanted = shutil.ignore_patterns("__pycache__")
        for name in TAKEN:
            place = self.repo / name
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, place, ignore=unwanted)
            else:
                shutil.copy(ROOT / name, place)
        self.environ = {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"url.file://{folder}/github/.insteadOf",
            "GIT_CONFIG_VALUE_0": "https://github.com/",
            "XDG_CACHE_HOME": str(folder / "cache"),
        }
        self.git("init", "--quiet", "--initial-branch", "main")
        self.commit()

    def git(self, *arguments: str) -> str:
        name = ("-c", "user.name=A", "-c", "user.email=a@b.c")
        done = subprocess.run(
            ["git", *name, *arguments], cwd=self.repo, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def commit(self) -> str:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "A version")
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def hosted(tmp_path) -> Hosted:
    return Hosted(tmp_path)


def snakemake(
    folder: Path, *arguments: str, jobs: tuple = (), **more: str
) -> subprocess.CompletedProcess:
    """Run a bare Snakemake there, with nothing of this clone in the environment.

    Args:
        jobs: the server by which its jobs start, if any.
    """
    environ = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | more
    return subprocess.run(
        ["snakemake", *arguments], cwd=folder,
        env=snakemake_server.with_command(environ, *jobs),
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


def test_a_module_of_a_git_host_takes_its_files_from_there(hosted, tmp_path):
    """Snakemake keeps a bare database of it: commands need the package, recipes and locks."""
    folder = tmp_path / "mine"
    (folder / "workflow").mkdir(parents=True)
    source = 'github("me/collectivesft", path="workflow/Snakefile", branch="main")'
    (folder / "workflow/Snakefile").write_text(DEPLOYED.format(snakefile=source), encoding="utf-8")
    shutil.copytree(ROOT / "config", folder / "config")
    configure(folder)
    made = "results/tiny/2_curated/cmid/read.parquet"
    done = snakemake(folder, "--cores", "1", "--", made, **hosted.environ)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (folder / made).is_file()
    note, first = folder / ".snakemake/collectivesft/COMMIT", hosted.git("rev-parse", "HEAD")
    assert note.read_text("utf-8") == first
    again = snakemake(folder, "-n", "--", made, **hosted.environ)
    assert "Nothing to be done" in again.stdout + again.stderr, again.stdout + again.stderr
    # A new version of the reader is taken, and its result is made again.
    reader = hosted.repo / "src/collectivesft/datasets/cmid.py"
    reader.write_text(reader.read_text("utf-8") + "\n# Newer.\n", encoding="utf-8")
    second = hosted.commit()
    plan = snakemake(folder, "-n", "--", made, **hosted.environ)
    assert plan.returncode == 0 and "rule curated_read" in plan.stdout + plan.stderr
    assert note.read_text("utf-8") == second != first


@pytest.mark.skipif(
    not SNAKEDEPLOY.is_file(), reason="run `envs/install snakedeploy .venv-snakedeploy`"
)
@pytest.mark.parametrize("version", [("--tag", "v9"), ("--branch", "main")])
def test_snakedeploy_deploys_it(hosted, tmp_path, version):
    hosted.git("tag", "v9")
    folder, url = tmp_path / "mine", "https://github.com/me/collectivesft"
    done = subprocess.run(
        [SNAKEDEPLOY, "deploy-workflow", url, folder, *version],
        env=os.environ | hosted.environ, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    how = f'{version[0][2:]}="{version[1]}"'
    source = f'github("me/collectivesft", path="workflow/Snakefile", {how})'
    written = (folder / "workflow/Snakefile").read_text("utf-8")
    wanted = DEPLOYED.format(snakefile=source)
    wanted = wanted.replace("# declare collectivesft", f"# declare {url}")
    wanted = wanted.replace("rules from collectivesft\n", f"rules from {url}\n")
    assert written.split() == wanted.split()
    configure(folder)
    plan = snakemake(folder, "-n", **hosted.environ)
    shown = plan.stdout + plan.stderr
    assert plan.returncode == 0 and "results/tiny/6_paper/paper.pdf" in shown, shown


@pytest.mark.slow
def test_a_deployed_workflow_runs_to_its_end_with_the_same_bytes(deployed, bare):
    arguments = ("--cores", "2", "--quiet", "rules", "reason", "host")
    done = snakemake(deployed, *arguments, jobs=(torch_server.command,))
    assert done.returncode == 0, done.stdout + done.stderr
    assert not (deployed / "src").exists() and not (deployed / "envs").exists()
    made = fingerprint(deployed)
    assert {path.split("/")[1] for path in made} > {"2_curated", "4_scores", "6_paper", "7_hub"}
    # The release lists the configuration, which names the raw files by another path.
    assert {k: v for k, v in made.items() if "/7_hub/" not in k} == {
        k: v for k, v in digests(bare()).items() if "/7_hub/" not in k
    }
    again = snakemake(deployed, "-n")
    assert "Nothing to be done" in again.stdout + again.stderr


def fingerprint(folder: Path) -> dict[str, str]:
    """The sha256 of each result of the tiny run, by path."""
    done = subprocess.run(
        [ROOT / "workflow/bin/fingerprint", folder / "results/tiny"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return digests(done.stdout)


def digests(printed: str) -> dict[str, str]:
    """Return the sha256 that workflow/bin/fingerprint prints, by path."""
    return {line.split("  ", 1)[1]: line.split()[0] for line in printed.splitlines()}
