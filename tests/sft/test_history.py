"""The curve of a training lies in its working folder while it runs, and follows its restarts."""

import os

import pytest

from collectivesft.common.errors import explain_os_error
from collectivesft.common.files import json_line, write_jsonl
from collectivesft.sft.loop.history import History

ROWS = [{"step": n, "loss": 1 / n, "epoch": 0.1 * n} for n in (1, 2, 3, 4)]


def lines(path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines(keepends=True)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "checkpoints/history.jsonl"


def test_a_row_is_in_the_file_as_soon_as_it_is_added(path):
    history = History(path)
    history.begin([])
    assert lines(path) == []
    for count, row in enumerate(ROWS, start=1):
        history.add(row)
        assert lines(path) == [json_line(row) for row in ROWS[:count]]
    assert history.rows == ROWS


def test_the_file_has_the_bytes_of_the_result(path, tmp_path):
    history = History(path)
    history.begin(ROWS[:1])
    for row in ROWS[1:]:
        history.add(row)
    write_jsonl(tmp_path / "result.jsonl", history.rows)
    assert path.read_bytes() == (tmp_path / "result.jsonl").read_bytes()


@pytest.mark.parametrize("left", [0, 2, 4])
def test_what_a_killed_try_added_after_its_checkpoint_is_cut_off(path, left):
    """Also half a line, and in place: whoever follows the file goes on following it."""
    killed = History(path)
    killed.begin([])
    for row in ROWS:
        killed.add(row)
    with open(path, "a", encoding="utf-8") as handle:
        handle.write(json_line(ROWS[0])[:7])
    file = path.stat().st_ino
    again = History(path)
    again.begin(ROWS[:left])
    assert lines(path) == [json_line(row) for row in ROWS[:left]]
    for row in ROWS[left:]:
        again.add(row)
    assert lines(path) == [json_line(row) for row in ROWS]
    assert path.stat().st_ino == file


@pytest.mark.parametrize("found", [b"", b'{"step": 9}\n', b"\xff"])
def test_a_file_that_is_not_of_the_checkpoint_is_written_anew(path, found):
    path.parent.mkdir()
    path.write_bytes(found)
    History(path).begin(ROWS)
    assert lines(path) == [json_line(row) for row in ROWS]


def test_processes_that_do_not_report_keep_rows_alone():
    history = History(None)
    history.begin(ROWS[:1])
    history.add(ROWS[1])
    assert history.rows == ROWS[:2]


def test_a_full_disk_is_told_with_the_name_of_the_file(path):
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full here")
    path.parent.mkdir()
    path.symlink_to("/dev/full")
    with pytest.raises(OSError) as caught:
        History(path).add(ROWS[0])
    assert explain_os_error(caught.value).startswith(f"{path}: no space left on the disk")
