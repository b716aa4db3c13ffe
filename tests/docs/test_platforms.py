"""docs/platforms.md says what envs/platforms.py says, and the locks resolve where it says so."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SPEC = importlib.util.spec_from_file_location("lock_platforms", ROOT / "envs/platforms.py")
platforms = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(platforms)


def test_the_table_in_the_docs_is_the_generated_one():
    """Printed by: python envs/platforms.py table."""
    assert platforms.table() in (ROOT / "docs/platforms.md").read_text(encoding="utf-8")


def test_every_platform_has_a_wheel_of_torch_in_the_list():
    machines = {name.split()[-1] for name in platforms.PLATFORMS if name.startswith("Linux")}
    tags = {"cp" + python.replace(".", "") for python in platforms.PYTHONS}
    assert platforms.torch_wheels() == {(tag, machine) for tag in tags for machine in machines}


@pytest.mark.parametrize("lock", ["dev", "model-cpu"])
def test_a_lock_holds_each_sha256_of_the_list_and_no_other(lock):
    text = (ROOT / "envs/torch-cpu.txt").read_text(encoding="utf-8")
    listed = re.findall(r"^[0-9a-f]{64}(?=  torch-)", text, re.M)
    entries = platforms.entries((ROOT / f"envs/{lock}.lock").read_text(encoding="utf-8"))
    (entry,) = [entry for name, entry in entries if name == "torch" and "+cpu" in entry]
    assert re.findall(r"sha256:([0-9a-f]{64})", entry) == listed


def test_what_was_run_is_a_command_of_this_repository():
    for run in platforms.RUN.values():
        assert (ROOT / re.match(r"`(.+?)`", run)[1]).is_file()


def test_a_lock_without_a_file_for_the_platform_is_a_problem(monkeypatch, tmp_path):
    """A fake uv that knows nothing; and a wheel of torch that no list names."""
    uv = tmp_path / "uv"
    uv.write_text("#!/bin/sh\necho 'no usable wheels' >&2\nexit 1\n", encoding="utf-8")
    uv.chmod(0o755)
    monkeypatch.setenv("UV", str(uv))
    assert platforms.problem("data", "Linux x86_64", "3.11") == "no usable wheels"
    assert "lists no wheel" in platforms.problem("model-cpu", "Linux x86_64", "3.10")


@pytest.mark.slow
def test_every_lock_resolves_on_every_platform_and_python():
    """Asks the package index, for minutes on a busy machine."""
    if not Path(sys.executable).with_name("uv").is_file():
        pytest.skip("no uv beside this Python")
    command = [sys.executable, ROOT / "envs/platforms.py", "check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, "\n".join(
        line for line in done.stdout.splitlines() if not line.endswith("resolves")
    )
