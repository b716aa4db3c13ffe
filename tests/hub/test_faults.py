"""Faults between two machines: each case ends well after a retry, or in one message.

No case leaves a tag on half a release, and none shows the token.
"""

import os
import signal
from pathlib import Path

import pytest

from collectivesft.common.errors import UserError
from tests.helpers.hub_helpers import TOKEN, Fault, point_client

REQUESTS = 14  # more than a push makes; a number beyond its last one is passed over


def count(hub, release) -> int:
    """Return the number of requests of a push."""
    release.publish()
    return len(hub.seen)


def tagged_is_whole(hub, release) -> None:
    """Every tag names a commit that holds the whole release."""
    try:
        record = hub.record(release.repo)
    except Exception as error:
        assert "not found" in str(error)
        return
    for tag in record["tags"]:
        assert hub.files(tag, release.repo) == release.content


def searched_for_token(folder: Path, *texts: str) -> None:
    """No file below the folder and no text holds the token."""
    assert not [text for text in texts if TOKEN in text]
    files = (path for path in folder.rglob("*") if path.is_file())
    assert not [path for path in files if TOKEN.encode() in path.read_bytes()]


def test_a_push_makes_few_requests_and_a_second_one_only_reads(hub, release):
    first = count(hub, release)
    assert first < REQUESTS
    hub.seen.clear()
    release.publish()
    assert hub.seen and {line.split()[0] for line in hub.seen} == {"GET"}


def test_dry_run_shows_every_change_and_makes_none(hub, release, capsys):
    release.publish(dry_run=True)
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == "demo/model (model): not there; would be created private"
    sizes = {name: len(content) for name, content in release.content.items()}
    assert shown[1:-2] == [f"  + {n} ({size:,} bytes)" for n, size in sorted(sizes.items())]
    assert {line.split()[0] for line in hub.seen} == {"GET"}
    release.publish()
    before, release.tag = hub.record(), "v2"
    hub.seen.clear()
    release.change(config__json='{"a": 1}', model__safetensors=None, other__safetensors="x")
    release.publish(dry_run=True)
    shown = capsys.readouterr().out.splitlines()
    names = [line.split(" (")[0] for line in shown]
    assert "  + other.safetensors" in names and "  ~ config.json" in names
    assert "  - model.safetensors" in names
    assert shown[-2:] == ["  = 2 files are there already", "tag v2: would be set on the new commit"]
    assert hub.record() == before
    assert {line.split()[0] for line in hub.seen} == {"GET"}


def test_dry_run_of_what_is_there(hub, release, capsys):
    release.publish()
    release.publish(dry_run=True)
    text = capsys.readouterr().out
    assert "  + " not in text and "  ~ " not in text and "  - " not in text
    assert "tag v1: is there, on the same content; nothing would change" in text


@pytest.mark.parametrize("number", range(REQUESTS))
@pytest.mark.parametrize("status", [429, 500, 503])
def test_an_error_at_any_request_is_passed_over(hub, release, status, number):
    hub.number = {number: Fault("", "", status=status)}
    release.publish()
    assert hub.files("v1") == release.content
    assert hub.messages() == ["Release v1", "initial commit"]
    searched_for_token(release.folder)


@pytest.mark.parametrize("number", range(REQUESTS))
@pytest.mark.parametrize("cut", ["before", "after"])
def test_a_connection_cut_at_any_request_is_passed_over(hub, release, cut, number):
    hub.number = {number: Fault("", "", cut=cut)}
    release.publish()
    assert hub.files("v1") == release.content
    assert hub.messages() == ["Release v1", "initial commit"]


def _forked(url: str, home: str, release) -> None:
    """In a process of its own: point the client at the loopback, push."""
    patch = pytest.MonkeyPatch()
    point_client(patch, url, Path(home))
    release.publish()


@pytest.mark.parametrize("number", range(REQUESTS))
@pytest.mark.parametrize("cut", ["before", "after"])
def test_killed_at_any_request_it_goes_on(hub, release, processes, tmp_path, cut, number):
    fault = Fault("", "", stall=True, cut=cut)
    hub.number = {number: fault}
    process = processes.Process(target=_forked, args=(hub.url, str(tmp_path / "home"), release))
    process.start()
    while not fault.reached.wait(0.01) and process.is_alive():
        pass
    if fault.reached.is_set():
        os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert process.exitcode == (-signal.SIGKILL if fault.reached.is_set() else 0)
    tagged_is_whole(hub, release)
    fault.release.set()
    release.publish()
    tagged_is_whole(hub, release)
    assert hub.files("v1") == release.content
    assert hub.messages() == ["Release v1", "initial commit"]
    assert not list(release.folder.rglob("*.partial"))


def test_somebody_who_pushes_meanwhile_is_noticed(hub, release, monkeypatch):
    """Between comparing and committing another commit arrives: 412, compared anew, both stay."""
    from huggingface_hub import CommitOperationAdd, HfApi

    release.publish()
    release.tag = "v2"
    release.change(config__json='{"a": 2}')
    commit, theirs = HfApi.create_commit, []

    def first_theirs(self, repo, operations, **options):
        if not theirs:
            theirs.append(1)
            other = CommitOperationAdd("NOTICE", b"terms")
            commit(self, repo, [other], commit_message="theirs")
        return commit(self, repo, operations, **options)

    monkeypatch.setattr(HfApi, "create_commit", first_theirs)
    release.publish()
    assert hub.messages()[:3] == ["Release v2", "theirs", "Release v1"]
    assert hub.asked("POST", "/commit/main") == 4  # v1, theirs, refused, again
    assert hub.files("v2") == release.content | {"NOTICE": b"terms"}


def test_a_tag_that_somebody_sets_meanwhile_is_one_message(hub, release):
    """Its 409 does not pass for our own tag whose answer was lost."""
    from huggingface_hub import HfApi

    create = HfApi.create_tag
    with pytest.MonkeyPatch.context() as patch:

        def first_theirs(self, repo, **options):
            parent = hub.record()["commits"][options["revision"]]["parent"]
            create(self, repo, tag=options["tag"], revision=parent)
            return create(self, repo, **options)

        patch.setattr(HfApi, "create_tag", first_theirs)
        with pytest.raises(UserError, match="Somebody else set it meanwhile"):
            release.publish()
    assert not release.receipt.exists()


def test_waits_as_long_as_it_is_told(hub, release, monkeypatch):
    waits = []
    monkeypatch.setattr("time.sleep", waits.append)
    headers = ((b"retry-after", b"7"),)
    hub.number = {0: Fault("", "", status=429, headers=headers)}
    release.publish()
    assert max(waits) >= 7


class TestRefused:
    def message(self, release, **options) -> str:
        with pytest.raises(UserError) as error:
            release.publish(**options)
        text = str(error.value)
        assert "\n" not in text and "hf_" not in text
        assert not release.receipt.exists()
        return text

    def test_a_token_that_may_only_read(self, hub, release, monkeypatch):
        hub.loopback.readers.add("hf_reader")
        monkeypatch.setenv("HF_TOKEN", "hf_reader")
        assert "the Hub answered 403" in self.message(release)
        assert "may write there" in self.message(release)

    def test_a_namespace_of_somebody_else(self, hub, release):
        hub.loopback.namespaces = {"somebody"}
        text = self.message(release)
        assert "create: the Hub answered 403" in text and "namespace demo" in text

    def test_a_public_repository_where_private_is_asked(self, hub, release):
        release.private = False
        release.publish()
        release.receipt.unlink()
        release.tag, release.private = "v2", True
        assert "is public, hub.private asks for private" in self.message(release)

    def test_a_file_that_holds_the_token(self, hub, release):
        release.change(config__json=f'{{"token": "{TOKEN}"}}')
        text = self.message(release)
        assert text.endswith("config.json: holds your access token. Take it out, then run again.")
        assert hub.seen == []

    def test_a_gated_repository(self, hub, release, monkeypatch, tmp_path):
        from collectivesft.hub.verify import verify

        release.private = False
        release.publish()
        hub.store.save("models", release.repo, hub.record() | {"gated": "manual"})
        monkeypatch.delenv("HF_TOKEN")
        with pytest.raises(UserError, match="Ask for access on its page") as error:
            verify("demo/model@v1")
        assert "\n" not in str(error.value)


def test_the_token_is_nowhere(hub, release, start, tmp_path):
    """Not in output, files, or the list of processes, even where the client is asked to talk."""
    fault = hub.fault("PUT", "/lfs/", stall=True)
    process = start(*release.options, env={"HF_DEBUG": "1", "HF_HUB_VERBOSITY": "debug"})
    assert fault.reached.wait(500)
    listed = Path(f"/proc/{process.pid}/cmdline").read_bytes()
    fault.release.set()
    output, errors = process.communicate(timeout=500)
    assert process.returncode == 0, errors
    assert TOKEN.encode() not in listed
    searched_for_token(tmp_path, output, errors)
