"""The conda files follow the locks. No channel was in reach: no environment was ever solved."""

import hashlib
import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
NAMES = ("data", "model-cpu", "model-cuda", "paper")


def text(name: str) -> str:
    return (ROOT / f"envs/{name}").read_text(encoding="utf-8")


def test_every_environment_of_a_rule_is_there():
    used = set()
    for path in (ROOT / "workflow/rules").glob("*.smk"):
        used |= set(re.findall(r"\.\./\.\./envs/([\w-]+)\.yaml", path.read_text(encoding="utf-8")))
    assert used <= set(NAMES)
    assert sorted(path.stem for path in (ROOT / "envs").glob("*.yaml")) == sorted(NAMES)
    # A pin file would win over the yaml, and what it does not list would not be installed.
    assert not list((ROOT / "envs").glob("*.pin.txt"))


def test_the_dockerfile_installs_the_lock_of_make_demo():
    """It was never built here: what can be read of it is held."""
    lines = (ROOT / "containers/Dockerfile").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 12 and "NOT BUILT" in "".join(lines[:3])
    assert "RUN envs/install dev .venv" in lines and 'CMD ["make", "demo"]' in lines
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "@envs/install dev .venv" in makefile and "\ndemo:" in makefile


@pytest.mark.parametrize("name", NAMES)
def test_conda_brings_exact_versions_of_python_and_pip_alone(name):
    environment = yaml.safe_load(text(f"{name}.yaml"))
    assert environment["channels"] == ["conda-forge", "nodefaults"]
    versions = dict(package.split("=") for package in environment["dependencies"])
    assert set(versions) == {"python", "pip"}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["requires-python"] == ">=" + versions["python"].rsplit(".", 1)[0]
    assert f"--python-version {versions['python'].rsplit('.', 1)[0]} " in text("lock")


@pytest.mark.parametrize("name", NAMES)
def test_a_changed_lock_makes_the_environment_again(name):
    """Snakemake looks at the yaml and the script, not at the lock: the yaml names its sha256."""
    lock = hashlib.sha256((ROOT / f"envs/{name}.lock").read_bytes()).hexdigest()
    assert f"\n# lock sha256: {lock}\n" in text(f"{name}.yaml"), "run make lock"


@pytest.mark.parametrize("elsewhere", [False, True], ids=["clone", "importing folder"])
@pytest.mark.parametrize("name", NAMES)
def test_the_script_installs_the_lock_with_its_hashes(name, elsewhere, tmp_path):
    """The script itself, with a stand-in of the environment's Python that notes its arguments."""
    python = tmp_path / "python"
    python.write_text('#!/bin/bash\nprintf "%s\\n" "$@" >"$0.called"\n', encoding="utf-8")
    python.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    script = ROOT / f"envs/{name}.post-deploy.sh"
    folder, root = (tmp_path, {"COLLECTIVESFT_ROOT": str(ROOT)}) if elsewhere else (ROOT, {})
    environ = os.environ | {"PATH": path} | root
    subprocess.run(["bash", script], cwd=folder, env=environ, check=True)
    called = (tmp_path / "python.called").read_text(encoding="utf-8").splitlines()
    assert called[:5] == ["-I", "-m", "pip", "install", "--no-deps"]
    assert "--require-hashes" in called
    assert called[called.index("--only-binary") + 1] == ":all:"
    lock = folder / called[called.index("-r") + 1]
    assert lock.samefile(ROOT / f"envs/{name}.lock")
    assert ("--find-links" in called) == ("+cpu" in text(f"{name}.lock"))
