"""The table of claims runs: each command, its outcome and its time."""

from pathlib import Path

import artifact
import pytest

PAGE = """| claim | command | time | expected |
|---|---|---|---|
| It holds | `test -f there && collectivesft-stand-in` | 14 min | exit 0 |
| It fails | `false` | 5 s | exit 0 |
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "there").touch()
    program = tmp_path / ".venv/bin/collectivesft-stand-in"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\nsleep 0.1\n", encoding="utf-8")
    program.chmod(0o755)
    return tmp_path


def test_each_command_runs_in_the_clone_with_its_environment(root):
    assert [(one.number, one.held) for one in artifact.run(PAGE, set(), root)] == [
        (1, True),
        (2, False),
    ]
    assert [one.claim for one in artifact.run(PAGE, {2}, root)] == ["It fails"]
    with pytest.raises(ValueError, match="rows 1 to 2, not 7"):
        list(artifact.run(PAGE, {7}, root))


def test_times_of_commands_that_held_are_written_and_no_others(root):
    outcomes = [artifact.Outcome(1, "", True, 601.0), artifact.Outcome(2, "", False, 1.0)]
    text = artifact.with_times(PAGE, outcomes)
    assert "stand-in` | 10 min | exit 0 |" in text and "| 5 s | exit 0 |" in text
    assert artifact.duration(0.2) == "1 s" and artifact.duration(89.4) == "89 s"


def test_the_page_has_a_command_in_every_row():
    page = artifact.PAGE.read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| ")][1:]
    assert len(rows) == len(list(artifact.ROW.finditer(page))) > 5
