"""The token is in no log of a run that publishes, whether it ends well or not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from collectivesft.common.files import sha256, write_json
from tests.helpers import snakemake_server

ROOT = Path(__file__).parents[2]
RULES = ("publish", "publish_data", "hub_publish", "hub_verify", "hub_push_data")


@pytest.fixture
def finished(clone):
    """A run of which only what goes to the Hub is there."""
    hub, model = clone / "results/tiny/7_hub/tiny", clone / "results/tiny/3_sft/tiny/model"
    for folder in (model, hub / "files", hub / "data/data"):
        folder.mkdir(parents=True)
    (model / "model.safetensors").write_bytes(b"weights")
    for path in (hub / "README.md", hub / "data/README.md"):
        path.write_text("---\nlicense: mit\n---\n")
    (hub / "data/data/train.parquet").write_bytes(b"rows")
    listed = {
        path.name: {"size": path.stat().st_size, "sha256": sha256(path)}
        for path in (model / "model.safetensors", hub / "README.md")
    }
    card = {"README.md": listed.pop("README.md")}
    write_json(hub / "manifest.json", {"model": {"files": listed}, "files": card})
    for name in ("measurements.json", "ro-crate-metadata.json"):
        (hub / name).write_text("{}")
    return clone


def publish(clone: Path, token: str) -> tuple[subprocess.CompletedProcess, str]:
    """Run the targets beside a Hub, with its token or another; the process, and the token."""
    script = f'{token or ":"}; printf %s "$HF_TOKEN" > "$1"; shift; exec "$@"'
    kept = clone.parent / f"{clone.name}.token"
    command = [sys.executable, "-m", "collectivesft", "hub", "loopback"]
    command += ["--root", clone.parent / "hub", "--", "bash", "-c", script, "_", kept]
    command += [snakemake_server.command(), "--cores", "1", "--verbose"]
    command += ["--configfile", "config/tiny.yaml", "--printshellcmds", "--show-failed-logs"]
    # Either target fails with a wrong token: both are to be tried.
    command += ["--keep-going", "--allowed-rules", *RULES, "--", "publish", "publish_data"]
    env = os.environ | {"PYTHONPATH": str(ROOT / "src"), "HF_DEBUG": "1"}
    env["PATH"] = f"{Path(sys.executable).parent}:{env['PATH']}"
    done = subprocess.run(
        [str(part) for part in command], cwd=clone, env=env, capture_output=True, text=True,
        timeout=500, check=False,
    )  # fmt: skip
    return done, kept.read_text()


@pytest.mark.parametrize("token", ["", "HF_TOKEN=hf_tokenthatisnotgood"], ids=["good", "wrong"])
def test_no_log_holds_the_token(finished, token):
    done, used = publish(finished, token)
    assert len(used) > 20
    assert (done.returncode == 0) is (not token), done.stdout + done.stderr
    logs = [path for path in (finished / "logs").rglob("*.log") if path.stat().st_size]
    assert {path.stem for path in logs} >= {"publish", "push-data"}
    assert used not in done.stdout + done.stderr
    places = [finished / name for name in ("logs", "results", ".snakemake")]
    files = [path for place in places for path in place.rglob("*") if path.is_file()]
    assert not [path for path in files if used.encode() in path.read_bytes()]
    if not token:
        assert (finished / "results/tiny/7_hub/tiny/verified.json").is_file()
        assert (finished / "results/tiny/7_hub/tiny/published-data.json").is_file()
