"""The tiny flow in a folder of its own: bare, in images, on a cluster. Its results must be one."""

import fcntl
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

from tests.helpers import kept_imports, snakemake_server, torch_server

# The same examples each time, and no clock: a busy machine is no failure.
settings.register_profile(
    "same", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("same")

# Tests run in one process for each core: threads of torch would only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

pytest_plugins = ["tests.helpers.fixtures", "tests.helpers.xdist_groups"]

ROOT = Path(__file__).parents[1]


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name bytes by their argument: an archive holds the time at which it was made."""
    return argname if isinstance(val, bytes) and not val.isascii() else None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Refuse sets as cases: their order changes with the hash seed."""
    for mark in metafunc.definition.iter_markers("parametrize"):
        if len(mark.args) > 1 and isinstance(mark.args[1], set | frozenset):
            raise pytest.UsageError(f"{metafunc.definition.nodeid}: sort the set of its cases")


@pytest.hookimpl(tryfirst=True)  # tests.helpers.xdist_groups takes the groups that it finds
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse names that hold the address of an object; keep users of what is made once together.

    Each worker collects every file, so none may import what takes seconds: see LazyImport.
    """
    if slow := sorted({"torch", "transformers"} & set(sys.modules)):
        raise pytest.UsageError(f"a file of tests imports {slow[0]} when it is collected")
    for item in items:
        if group := shared_fixture(item):
            item.add_marker(pytest.mark.xdist_group(group))
        if item.get_closest_marker("slurm") and not item.nodeid.startswith("tests/slurm/"):
            raise pytest.UsageError(
                f"{item.nodeid}: tests of Slurm are in tests/slurm, says .ci/run"
            )
        if "slow" in item.keywords and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(2400))  # a hang is an error, a busy machine is none
        if re.search(r"\bat 0x[0-9a-f]{6,}", item.nodeid):
            raise pytest.UsageError(f"{item.nodeid}: an address in memory; give the case an id")
    items.sort(key=place_in_line)


def shared_fixture(item: pytest.Item) -> str | None:
    """Name the group of a slow test that shares a fixture with others: one worker makes it."""
    if item.get_closest_marker("xdist_group"):
        return None
    if "tiny" in getattr(item, "fixturenames", ()):
        return "tiny"
    if not {"slow", "browser"} & set(item.keywords):
        return None
    found = item._fixtureinfo.name2fixturedefs.values()
    return item.path.stem if any(one[-1].scope == "module" for one in found) else None


def place_in_line(item: pytest.Item) -> int:
    """Sort long chains first: at the end, no worker has minutes of work that others cannot take."""
    names = getattr(item, "fixturenames", ())
    if "tiny" in names:
        return 0
    if "bare" in names:
        return 1
    return 2 if item.get_closest_marker("xdist_group") else 3


LINKED = ("Snakefile", "workflow", "src", "envs", "paper", "containers", "resources")
CONFIG = "config/tiny.yaml"


class Place:
    """A folder in which the workflow can run; config/ is a copy, the rest are links."""

    def __init__(self, folder: Path):
        self.folder = folder

    def fill(self, changes: dict) -> "Place":
        """Put all that the workflow needs into the empty folder."""
        for name in LINKED:
            (self.folder / name).symlink_to(ROOT / name)
        shutil.copytree(ROOT / "config", self.folder / "config")
        kept_imports.put_into(self.folder)
        settings = yaml.safe_load((self.folder / CONFIG).read_text("utf-8")) | changes
        (self.folder / CONFIG).write_text(yaml.safe_dump(settings), encoding="utf-8")
        return self

    @property
    def results(self) -> Path:
        return self.folder / "results/tiny"

    def environment(self, forks: bool = False, **more: str) -> dict[str, str]:
        """This process's environment with the Python of the tests first on PATH.

        Args:
            forks: Snakemake and its jobs start as forks: see tests/helpers/torch_server.py.
            more: further variables.
        """
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        environ = os.environ | {"PATH": path, "PYTHONPATH": str(ROOT / "src")} | more
        return snakemake_server.with_command(environ, torch_server.command) if forks else environ

    def run(
        self, *command: str, timeout: float = 1700, forks: bool = False, **more: str
    ) -> subprocess.CompletedProcess:
        """Run a command in the folder; its output as text, stderr within stdout."""
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment(forks, **more),
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
        command = ("snakemake", *arguments, "--configfile", CONFIG)
        return self.run(*command, timeout=timeout, forks=True, **more)

    def fingerprint(self) -> str:
        """The sha256 of every result, a line each."""
        done = self.run(str(ROOT / "workflow/bin/fingerprint"), "results/tiny")
        assert done.returncode == 0, done.stdout
        return done.stdout


@pytest.fixture(scope="session")
def new_place(tmp_path_factory) -> Callable[..., Place]:
    """Make a place by name; keywords change keys of the tiny configuration."""
    return lambda name, **changes: Place(tmp_path_factory.mktemp(name)).fill(changes)


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory) -> Callable[[], tuple[Place, str]]:
    """Return the place of one undisturbed run of the tiny flow, and its fingerprint.

    It is a minute's work, without images and without a cluster. The first call of all workers makes
    it. A test that changes the place takes the fixture ``tiny``: such tests share a worker.
    """
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent

    def make() -> tuple[Place, str]:
        place, digests = Place(base / "tiny-run"), base / "tiny-run.sha256"
        with open(base / "tiny-run.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not digests.is_file():
                assert not place.folder.exists(), "the run failed: see the first test that took it"
                place.folder.mkdir()
                command = (snakemake_server.real_command(), "--cores", "all")
                done = place.fill({}).run(*command, "--configfile", CONFIG, forks=True)
                assert done.returncode == 0, done.stdout
                digests.write_text(place.fingerprint(), encoding="utf-8")
        return place, digests.read_text(encoding="utf-8")

    return make


@pytest.fixture(scope="session")
def tiny(tiny_run) -> tuple[Place, str]:
    """That run, and its fingerprint before any test changed it."""
    return tiny_run()


@pytest.fixture(scope="session")
def bare(tiny_run) -> Callable[[], str]:
    """Return the fingerprint of that run: called at a test's end, no other run waits for it."""
    return lambda: tiny_run()[1]
