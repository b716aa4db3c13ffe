"""``kill -9`` of stage curated's commands, then again: the same bytes, and nothing left over."""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from collectivesft.cli import app
from collectivesft.schema.item import dump_item
from tests.helpers.curated_examples import item, qa, save

# Runs the command of its arguments; kills itself at the NTH call of NAME's method or function.
KILLED = """
import importlib, os, signal, sys
module, owner, name, nth = sys.argv[1:5]
place = importlib.import_module(module)
place = getattr(place, owner) if owner else place
calls, original = [], getattr(place, name)
def wrapped(*arguments, **options):
    calls.append(name)
    if len(calls) == int(nth):
        os.kill(os.getpid(), signal.SIGKILL)
    return original(*arguments, **options)
setattr(place, name, wrapped)
sys.argv[1:] = sys.argv[5:]
from collectivesft.cli import main
main()
"""
SPILL = ("collectivesft.curated.storage.disk_array", "DiskArray", "write")
KEEP = ("collectivesft.curated.storage.parquet", "Results", "keep")
RENAME = ("os", "", "replace")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Rows with copies, near copies and a benchmark's item."""
    generator, signs = random.Random(0), [chr(0x4E00 + n) for n in range(1500)]
    texts = []
    for _ in range(45):  # each text and a near copy of it: no two pairs have a template in common
        text = "".join(generator.choices(signs, k=80))
        texts += [text, f"{text[:40]}头{text[41:]}"]
    rows = [qa(f"a:{n}", text, f"建议休息{n}天后复查") for n, text in enumerate(texts)]
    rows += [qa(f"b:{n}", texts[n], f"建议休息{n}天后复查") for n in range(0, 90, 9)]
    (tmp_path / "items").write_text(dump_item(item("1", texts[5])) + "\n", encoding="utf-8")
    return save(tmp_path / "in.parquet", rows)


def command(step: str, source: Path, folder: Path) -> list[str]:
    names = {"--out": "kept", "--dropped": "dropped", "--ledger": "ledger"}
    parts = ["curated", step, "--examples", str(source)]
    parts += [part for option, name in names.items() for part in (option, str(folder / name))]
    if step == "decontaminate":
        parts += ["--items", str(source.with_name("items")), "--report", str(folder / "report")]
    return parts


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.mark.parametrize(
    ("step", "place", "nth"),
    [
        ("dedup", SPILL, 40),
        ("dedup", KEEP, 1),
        ("dedup", RENAME, 2),  # one file of two has its name
        ("decontaminate", KEEP, 1),
    ],
)
def test_the_next_run_ends_as_if_nothing_had_been(step, place, nth, source, tmp_path, run_command):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    run_command(command(step, source, whole))
    arguments = [sys.executable, "-c", KILLED, *place, str(nth), *command(step, source, killed)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(arguments, env=environment, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert "ledger" not in names_in(killed), "nothing looks finished"
    run_command(command(step, source, killed))
    assert contents(killed) == contents(whole)
    assert not [name for name in names_in(killed) if name.startswith(".")]


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.fixture
def run_command():
    """The command in this process."""
    from typer.testing import CliRunner

    def run(arguments: list[str]) -> None:
        result = CliRunner().invoke(app, arguments, catch_exceptions=False)
        assert result.exit_code == 0, result.output

    return run
