"""The tiny flow in a folder of its own: bare, in images, on a cluster. Its results must be one."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, settings

from tests.helpers import kept_imports, snakemake_server

# The same examples each time, and no clock: a busy machine is no failure.
settings.register_profile(
    "same", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("same")

# Tests run in one process for each core: threads of torch would only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

pytest_plugins = ["tests.helpers.fixtures"]

ROOT = Path(__file__).parents[1]


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name bytes by their argument: an archive holds the time at which it was made."""
    return argname if isinstance(val, bytes) and not val.isascii() else None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Refuse sets as cases: their order changes with the hash seed."""
    for mark in metafunc.definition.iter_markers("parametrize"):
        if len(mark.args) > 1 and isinstance(mark.args[1], set | frozenset):
            raise pytest.UsageError(f"{metafunc.definition.nodeid}: sort the set of its cases")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse names that hold the address of an object; keep users of one long run together.

    Each worker collects every file, so none may import what takes seconds: see LazyImport.
    """
    if slow := sorted({"torch", "transformers"} & set(sys.modules)):
        raise pytest.UsageError(f"a file of tests imports {slow[0]} when it is collected")
    for item in items:
        if "tiny" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("tiny"))
        if item.get_closest_marker("slurm") and not item.nodeid.startswith("tests/slurm/"):
            raise pytest.UsageError(
                f"{item.nodeid}: tests of Slurm are in tests/slurm, says .ci/run"
            )
        if "slow" in item.keywords and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(2400))  # a hang is an error, a busy machine is none
        if re.search(r"\bat 0x[0-9a-f]{6,}", item.nodeid):
            raise pytest.UsageError(f"{item.nodeid}: an address in memory; give the case an id")


LINKED = ("Snakefile", "workflow", "src", "envs", "paper", "containers", "resources")
CONFIG = "config/tiny.yaml"


class Place:
    """A folder in which the workflow can run; config/ is a copy, the rest are links."""

    def __init__(self, folder: Path, changes: dict):
        self.folder = folder
        for name in LINKED:
            (folder / name).symlink_to(ROOT / name)
        shutil.copytree(ROOT / "config", folder / "config")
        kept_imports.put_into(folder)
        settings = yaml.safe_load((folder / CONFIG).read_text("utf-8")) | changes
        (folder / CONFIG).write_text(yaml.safe_dump(settings), encoding="utf-8")

    @property
    def results(self) -> Path:
        return self.folder / "results/tiny"

    def environment(self, **more: str) -> dict[str, str]:
        """This process's environment with the Python of the tests first on PATH."""
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        return os.environ | {"PATH": path, "PYTHONPATH": str(ROOT / "src")} | more

    def run(self, *command: str, timeout: float = 1700, **more: str) -> subprocess.CompletedProcess:
        """Run a command in the folder; its output as text, stderr within stdout."""
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment(**more),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
        )

    def snakemake(
        self, *arguments: str, timeout: float = 1700, **more: str
    ) -> subprocess.CompletedProcess:
        """Run Snakemake with the tiny configuration."""
        command = [snakemake_server.command(), *arguments, "--configfile", CONFIG]
        return self.run(*command, timeout=timeout, **more)

    def fingerprint(self) -> str:
        """The sha256 of every result, a line each."""
        done = self.run(str(ROOT / "workflow/bin/fingerprint"), "results/tiny")
        assert done.returncode == 0, done.stdout
        return done.stdout


@pytest.fixture(scope="session")
def new_place(tmp_path_factory) -> Callable[..., Place]:
    """Make a place by name; keywords change keys of the tiny configuration."""
    return lambda name, **changes: Place(tmp_path_factory.mktemp(name), changes)


@pytest.fixture(scope="session")
def tiny(new_place) -> tuple[Place, str]:
    """One undisturbed run of the tiny flow, without images and without a cluster; its fingerprint.

    A minute's work, so there is one for all: a test that changes the place takes the fingerprint.
    """
    place = new_place("tiny")
    command = (snakemake_server.real_command(), "--cores", "all", "--configfile", CONFIG)
    done = place.run(*command, timeout=1700)
    assert done.returncode == 0, done.stdout
    return place, place.fingerprint()


@pytest.fixture(scope="session")
def bare(tiny) -> str:
    """The fingerprint of that run."""
    return tiny[1]
