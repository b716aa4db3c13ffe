"""A download that is killed leaves nothing that the next one trips over or that stays for ever."""

import os
import signal
import tempfile
import threading
from pathlib import Path

import pytest

from collectivesft.common.errors import UserError
from collectivesft.hub import ask
from collectivesft.hub.client import download
from collectivesft.hub.client import temp_folder as module
from collectivesft.hub.client.temp_folder import scratch
from tests.helpers.hub_helpers import Fault, point_client

REQUESTS = 12  # more than a download makes


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """The system's folder for temporary files."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    return tmp_path / "tmp"


def _verify(url: str, home: str, temporary: str, name: str) -> None:
    """In a process of its own."""
    from collectivesft.hub.verify import verify

    tempfile.tempdir = temporary
    point_client(pytest.MonkeyPatch(), url, Path(home))
    verify(name)


def _fetch(url: str, home: str, temporary: str, name: str) -> None:
    point_client(pytest.MonkeyPatch(), url, Path(home))
    ask._fetched(download.pin(name))


def killed(hub, processes, fault, function, *arguments) -> bool:
    """Run a function in a process of its own, killed where the fault stalls; whether it was."""
    process = processes.Process(target=function, args=(hub.url, *map(str, arguments)))
    process.start()
    while not fault.reached.wait(0.01) and process.is_alive():
        pass
    if fault.reached.is_set():
        os.kill(process.pid, signal.SIGKILL)
    process.join()
    fault.release.set()
    return process.exitcode == -signal.SIGKILL


@pytest.mark.parametrize("number", range(REQUESTS))
def test_verify_killed_at_any_request_goes_on(
    hub,
    release,
    processes,
    tmp_path,
    temporary,
    number,
):
    from collectivesft.hub.verify import verify

    release.publish()
    fault = Fault("", "", stall=True)
    hub.number = {number: fault}
    was = killed(hub, processes, fault, _verify, tmp_path / "home", temporary, "demo/model@v1")
    assert was == fault.reached.is_set()
    # The first request comes before there is anything to keep.
    assert bool(list(temporary.glob("collectivesft-*/*"))) is (was and number > 0)
    found = verify("demo/model@v1")
    assert found["note"] == "no answer was recorded"
    assert list(temporary.iterdir()) == []


def test_a_download_killed_in_the_users_cache_leaves_no_part(
    hub,
    release,
    processes,
    tmp_path,
):
    release.publish()
    fault = hub.fault("GET", r"/resolve/.*/model\.safetensors", stall=True)
    assert killed(hub, processes, fault, _fetch, tmp_path / "home", "", "demo/model@v1")
    cache = tmp_path / "home/hub"
    assert list(cache.rglob("*.incomplete"))
    folder = ask._fetched(download.pin("demo/model@v1"))
    assert (folder / "model.safetensors").read_bytes() == release.content["model.safetensors"]
    assert list(cache.rglob("*.incomplete")) == []


def test_a_part_that_somebody_is_still_downloading_stays(hub, release, tmp_path):
    from filelock import FileLock

    release.publish()
    folder = download.download(download.pin("demo/model@v1"))
    blobs = folder.parents[1] / "blobs"
    for name in ("aa.1.incomplete", "bb.2.incomplete"):
        (blobs / name).write_bytes(b"part")
    locks = folder.parents[2] / ".locks" / folder.parents[1].name
    with FileLock(locks / "aa.lock"):
        # By another process, as a lock of this one could be taken twice.
        thread = threading.Thread(target=download.clear_remains, args=(folder,))
        thread.start()
        thread.join()
    assert [path.name for path in blobs.glob("*.incomplete")] == ["aa.1.incomplete"]


def test_folders_of_living_processes_stay(temporary):
    with scratch() as first:
        (first / "large").write_bytes(b"mine")
        with scratch() as second:
            assert first.is_dir() and second.is_dir() and first != second
        assert (first / "large").read_bytes() == b"mine" and not second.exists()
    assert list(temporary.iterdir()) == []


def test_a_parent_of_somebody_else_is_one_message(temporary, monkeypatch):
    monkeypatch.setattr(module.os, "getuid", lambda: 12345)
    (temporary / "collectivesft-12345").mkdir()
    with pytest.raises(UserError, match="belongs to somebody else"), scratch():
        pass


def test_what_went_wrong_inside_is_told_and_cleaned(temporary):
    with pytest.raises(ValueError, match="inside"), scratch() as folder:
        (folder / "x").write_text("x")
        raise ValueError("inside")
    assert list(temporary.iterdir()) == []
