"""Failed jobs through the real workflow: each is named with its log and the end of that log."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
# Three readers of a lab: a fault in the code, a death by a signal, a bad file.
BODIES = {
    "ward_fault": ('row = {"question": "疼吗？"}', 'yield row["answer"]'),
    "ward_killed": (
        "import os, signal, sys",
        'print("reading the 1,024th row", file=sys.stderr, flush=True)',
        "os.kill(os.getpid(), signal.SIGKILL)",
        "yield",
    ),
    "ward_bad": (
        "from collectivesft.common.errors import InputError",
        'raise InputError("q.json", "no answer", "Add one", 3)',
        "yield",
    ),
}
HEAD = '''"""Questions of a ward."""

from collectivesft.sources.spec import RawFile, Source

SOURCE = Source(
    name="{name}", title="Ward", homepage="https://example.org", licence="none", citation="none",
    files=(RawFile("q.json"),), rows=1,
)


def read(raw):
    """Yield its examples."""
'''


@pytest.fixture
def lab(clone) -> Path:
    """A clone with three datasets of a lab, none of which can be read."""
    (clone / "src").unlink()
    shutil.copytree(ROOT / "src", clone / "src", ignore=shutil.ignore_patterns("__pycache__"))
    for name, body in BODIES.items():
        text = HEAD.format(name=name) + "".join(f"    {line}\n" for line in body)
        (clone / f"src/collectivesft/datasets/{name}.py").write_text(text, encoding="utf-8")
        (clone / "raw" / name).mkdir(parents=True)
        (clone / "raw" / name / "q.json").write_text("[]", encoding="utf-8")
    overlay = yaml.safe_load((clone / "config/tiny.yaml").read_text("utf-8"))
    overlay |= {"datasets": list(BODIES)}
    overlay["sources"] = {f"datasets/{name}": {"folder": f"raw/{name}"} for name in BODIES}
    (clone / "config/tiny.yaml").write_text(yaml.safe_dump(overlay), encoding="utf-8")
    return clone


@pytest.mark.slow
def test_every_failed_job_is_named_with_its_log_and_its_cause(lab):
    targets = [f"results/tiny/2_curated/{name}/read.parquet" for name in BODIES]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["workflow/bin/run", "config/tiny.yaml", "--cores", "2", "--keep-going", "--", *targets],
        cwd=lab, env=os.environ | {"PATH": path}, capture_output=True, text=True, check=False,
        timeout=300,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout
    logs = {name: f"logs/tiny/2_curated/{name}/read.log" for name in BODIES}
    told = {
        name: done.stderr.split(f"error: curated_read {name} failed\n")[1].partition("\n\n")[0]
        for name in BODIES
    }
    first, _, told["ward_killed"] = told["ward_killed"].partition("\n")
    assert first == "  ended by SIGKILL: the kernel does so where memory is short"
    for name, text in told.items():
        assert text.splitlines()[0].strip() == f"log: {logs[name]}"
        assert f"failed: curated_read {name}" in done.stderr
    line = 1 + HEAD.count("\n") + BODIES["ward_fault"].index('yield row["answer"]')
    assert told["ward_fault"].splitlines()[1:] == [
        f"    error: KeyError: 'answer' (datasets/ward_fault.py, line {line})."
        f" This is a fault in the code; the traceback is in {logs['ward_fault']}."
    ]
    assert told["ward_killed"].splitlines()[1:] == ["    reading the 1,024th row"]
    assert told["ward_bad"].splitlines()[1:] == ["    error: q.json, row 3: no answer. Add one."]
    assert "Traceback" not in done.stdout + done.stderr
    log = (lab / logs["ward_fault"]).read_text("utf-8")
    assert "Traceback (most recent call last):\n" in log and 'yield row["answer"]' in log
