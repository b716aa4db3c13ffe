"""A copy of the workflow in a folder of its own, so that tests leave the clone alone."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers import kept_imports, snakemake_server

ROOT = Path(__file__).parents[2]
LINKED = ("Snakefile", "workflow", "src", "resources", "envs", "paper", "containers")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder in which the workflow can run; config/ is a copy, the rest are links."""
    import shutil

    for name in LINKED:
        (tmp_path / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "config", tmp_path / "config")
    kept_imports.put_into(tmp_path)
    return tmp_path


@pytest.fixture
def snakemake(clone: Path) -> Callable[..., subprocess.CompletedProcess]:
    """Run Snakemake in the clone; returns the finished process with its output as text."""

    def run(*arguments: str, timeout: float = 300, **environment: str):
        env = os.environ | {"PYTHONPATH": str(ROOT / "src"), **environment}
        env["PATH"] = f"{Path(sys.executable).parent}:{env['PATH']}"
        command = [snakemake_server.command(), *arguments]
        return subprocess.run(
            command,
            cwd=clone,
            env=env,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    return run
