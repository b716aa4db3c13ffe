"""Progress: where its lines go, and that a terminal which cannot be written ends no work."""

import socket

import pytest

from collectivesft.common import progress


def slow(monkeypatch, terminal) -> None:
    """Work of a minute's length, told to a terminal as well."""
    monkeypatch.setenv(progress.TERMINAL, str(terminal))
    times = iter(range(0, 10_000, 60))
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(times))


def test_long_work_is_told_to_the_terminal_as_well(tmp_path, monkeypatch, capsys):
    slow(monkeypatch, tmp_path / "terminal")
    (tmp_path / "terminal").touch()
    with progress.Reporter("answers", 2) as reporter:
        reporter.advance(2, "loss 1.5")
    lines = (tmp_path / "terminal").read_text("utf-8").splitlines()
    assert lines[0].startswith("    answers: 2/2 in ") and lines[0].endswith(" s loss 1.5")
    assert [line.strip() for line in lines] == capsys.readouterr().err.splitlines()


def test_short_work_is_told_to_the_log_only(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv(progress.TERMINAL, str(tmp_path / "terminal"))
    (tmp_path / "terminal").touch()
    with progress.Reporter("answers", 2) as reporter:
        reporter.advance(2)
    assert (tmp_path / "terminal").read_text("utf-8") == ""
    assert capsys.readouterr().err.startswith("answers: 2/2 in 0 s")


@pytest.mark.parametrize("kind", ["gone", "socket"])
def test_work_goes_on_where_the_terminal_cannot_be_opened(kind, tmp_path, monkeypatch, capsys):
    """A run whose standard error is a socket, as under some CI: it may be written, never opened."""
    slow(monkeypatch, tmp_path / "terminal")
    with socket.socket(socket.AF_UNIX) as other:
        if kind == "socket":
            other.bind(str(tmp_path / "terminal"))
        with progress.Reporter("answers", 2) as reporter:
            reporter.advance(2)
    assert "answers: 2/2" in capsys.readouterr().err


def test_lines_tell_the_time_that_is_left_at_the_speed_of_this_run(monkeypatch, capsys):
    times = iter([0.0, 30.0, 30.0, 60.0, 60.0, 90.0, 90.0, 90.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(times))
    with progress.Reporter("train", 100) as reporter:
        reporter.skip(40, "from the last checkpoint")
        reporter.advance(20, "loss 2.000")
        reporter.advance(40)
    assert capsys.readouterr().err.splitlines()[:2] == [
        "train: 40/100 in 30 s from the last checkpoint",
        "train: 60/100 in 60 s, 0:02:00 left loss 2.000",
    ]


def test_a_note_is_a_line_of_its_own(capsys):
    with progress.Reporter("train", 1) as reporter:
        reporter.note("[a] note")
        reporter.advance()
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "train: [a] note" and lines[1].startswith("train: 1/1 in ")
