"""A release arrives whole, once, under its tag; what goes wrong ends in one message."""

import os
import signal

import pytest
from huggingface_hub import constants

from collectivesft.common.errors import UserError
from collectivesft.common.files import read_json, sha256


def one_line(error: pytest.ExceptionInfo) -> str:
    text = str(error.value)
    assert "\n" not in text
    assert "hf_" not in text  # no token
    return text


def test_repository_holds_exactly_the_release(hub, release):
    receipt = release.publish()
    assert hub.files() == hub.files("v1") == release.content
    assert hub.messages() == ["Release v1", "initial commit"]
    assert hub.record()["tags"] == {"v1": receipt["commit"]}
    assert hub.record()["private"] is True
    assert receipt == read_json(release.receipt)
    names = {**{name: release.paths["model"] / name for name in release.content}}
    names |= {"README.md": release.paths["card"], "manifest.json": release.paths["manifest"]}
    assert receipt["files"] == {name: sha256(path) for name, path in sorted(names.items())}
    assert (receipt["repo"], receipt["tag"]) == (release.repo, "v1")


def test_weights_go_through_lfs_and_texts_do_not(hub, release):
    release.publish()
    commit = hub.record()["commits"][hub.record()["refs"]["main"]]
    assert {path for path, entry in commit["files"].items() if entry["lfs"]} == {
        "model.safetensors"
    }


def test_public_when_asked(hub, release):
    release.private = False
    release.publish()
    assert hub.record()["private"] is False


def test_a_private_repository_that_should_be_public_is_told(hub, release, capsys):
    """It is not opened: that is for its owner. Said at each push, at its end."""
    release.publish()
    told = "warning: demo/model: is still private. Open it in its settings on the Hub.\n"
    assert capsys.readouterr().err == ""
    release.tag, release.private = "v2", False
    for _ in range(2):
        release.publish()
        assert capsys.readouterr().err.endswith(told)
    assert hub.record()["private"] is True
    release.publish(dry_run=True)
    assert told.removeprefix("warning: ") in capsys.readouterr().out


def test_weights_of_a_base_without_a_licence_stay_private(hub, release):
    release.describe(base={"licence": "not stated by the repository"})
    release.private = False
    with pytest.raises(UserError, match="the base model states no licence") as error:
        release.publish()
    assert "hub.private" in one_line(error) and hub.seen == []
    release.private = True
    release.publish()
    assert hub.record()["private"] is True


def test_second_push_of_the_same_files_changes_nothing(hub, release):
    first = release.publish()
    record = hub.record()
    uploads = hub.asked("PUT", "/lfs/")
    assert release.publish() == first
    assert hub.record() == record
    assert hub.asked("PUT", "/lfs/") == uploads


def test_second_tag_for_the_same_files_names_the_same_commit(hub, release):
    first = release.publish()
    release.tag = "v2"
    assert release.publish()["commit"] == first["commit"]
    assert hub.record()["tags"] == {"v1": first["commit"], "v2": first["commit"]}
    assert hub.messages() == ["Release v1", "initial commit"]


def test_a_new_release_leaves_the_old_tag_where_it_was(hub, release):
    before = (release.publish(), release.content)
    release.tag = "v2"
    release.change(model__safetensors="better" * 30_000).publish()
    assert hub.files("v1") == before[1]
    assert hub.files("v2") == hub.files("main") == release.content


def test_publishing_an_old_release_again_finds_its_tag(hub, release):
    first = release.publish()
    old = (release.paths["model"] / "model.safetensors").read_text()
    release.tag = "v2"
    release.change(model__safetensors="better").publish()
    newest = hub.record()
    release.tag = "v1"
    assert release.change(model__safetensors=old).publish() == first
    assert hub.record() == newest


@pytest.mark.parametrize("change", ["model__safetensors", "config__json"])
def test_a_tag_that_names_other_content_is_refused_before_anything_is_pushed(hub, release, change):
    release.publish()
    record = hub.record()
    with pytest.raises(UserError) as error:
        release.change(**{change: "other"}).publish()
    assert "the tag v1 names other content already. Choose a different hub.tag" in one_line(error)
    assert hub.record() == record


def test_weights_of_an_earlier_release_do_not_stay_beside_new_ones(hub, release):
    """transformers would load a model.safetensors of v1 and not the shards of v2."""
    release.publish()
    release.tag = "v2"
    parts = {f"model-0000{n}-of-00002__safetensors": f"part {n}" for n in (1, 2)}
    release.change(model__safetensors=None, model__safetensors__index__json="{}", **parts).publish()
    assert hub.files("v2") == release.content


def test_files_that_somebody_else_added_stay(hub, release):
    from huggingface_hub import HfApi

    release.publish()
    HfApi().upload_file(path_or_fileobj=b"terms", path_in_repo="NOTICE", repo_id=release.repo)
    release.tag = "v2"
    release.change(config__json='{"a": 1}').publish()
    assert hub.files("v2") == release.content | {"NOTICE": b"terms"}


def test_a_file_that_differs_from_the_manifest_is_not_pushed(hub, release):
    (release.paths["model"] / "config.json").write_text('{"edited": true}')
    with pytest.raises(UserError, match=r"config\.json: differs from .*manifest\.json") as error:
        release.publish()
    assert "hub release" in one_line(error)
    assert hub.seen == []


def test_a_file_that_the_manifest_does_not_list_is_not_pushed(hub, release):
    (release.paths["model"] / ".snakemake_timestamp").write_text("")
    release.publish()
    assert ".snakemake_timestamp" not in hub.files()


def test_a_file_that_is_gone_is_named(hub, release):
    (release.paths["model"] / "config.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"config\.json"):
        release.publish()
    assert hub.seen == []


class TestToken:
    def test_wrong_token_is_one_message_without_it(self, hub, release, monkeypatch):
        monkeypatch.setenv("HF_TOKEN", "hf_wrongtoken")
        with pytest.raises(UserError) as error:
            release.publish()
        assert "the Hub answered 401" in one_line(error)
        assert "HF_TOKEN" in str(error.value)
        assert not release.receipt.exists()

    def test_no_token_is_one_message(self, hub, release, monkeypatch):
        monkeypatch.delenv("HF_TOKEN")
        with pytest.raises(UserError) as error:
            release.publish()
        assert "hf auth login" in one_line(error)

    def test_token_of_a_login_is_used(self, hub, release, monkeypatch):
        from pathlib import Path

        path = Path(constants.HF_TOKEN_PATH)
        path.parent.mkdir(parents=True)
        path.write_text(os.environ["HF_TOKEN"])
        monkeypatch.delenv("HF_TOKEN")
        release.publish()
        assert hub.files("v1") == release.content

    def test_command_line_says_the_commit_and_the_address(self, hub, start, release):
        process = start(*release.options)
        output, errors = process.communicate(timeout=500)
        assert (process.returncode, errors) == (0, "")
        commit = read_json(release.receipt)["commit"][:12]
        address = f"{hub.url}/demo/model/tree/v1"
        assert output == f"published: demo/model@v1 (commit {commit}), {address}\n"
        assert hub.files("v1") == release.content

    def test_command_line_prints_one_line_and_no_token(self, start, release):
        process = start(*release.options, token="hf_wrongtoken")
        _, errors = process.communicate(timeout=500)
        assert process.returncode == 1
        assert "hf_wrong" not in errors
        assert [line[:7] for line in errors.splitlines()] == ["error: "]


CREATE, COMMIT, TAG = "/api/repos/create", "/commit/main", "/tag/"
STEPS = {
    "create": ("POST", CREATE),
    "card": ("POST", "/api/validate-yaml"),
    "tree": ("GET", "/tree/"),
    "preupload": ("POST", "/preupload/"),
    "batch": ("POST", "/lfs/objects/batch"),
    "upload": ("PUT", "/lfs/"),
    "commit": ("POST", COMMIT),
    "refs": ("GET", "/refs"),
    "tag": ("POST", TAG),
}


@pytest.mark.parametrize("method, path", STEPS.values(), ids=list(STEPS))
@pytest.mark.parametrize("what", [{"status": 503}, {"status": 429}, {"cut": "before"}], ids=str)
def test_an_error_that_goes_away_is_passed_over(hub, release, method, path, what):
    hub.fault(method, path, **what)
    release.publish()
    assert hub.faults == []
    assert hub.files("v1") == release.content
    assert hub.messages() == ["Release v1", "initial commit"]


@pytest.mark.parametrize("method, path", STEPS.values(), ids=list(STEPS))
def test_an_answer_that_is_lost_does_nothing_twice(hub, release, method, path):
    hub.fault(method, path, cut="after")
    release.publish()
    assert hub.faults == []
    assert hub.files("v1") == release.content
    assert hub.messages() == ["Release v1", "initial commit"]


@pytest.mark.parametrize("method, path", STEPS.values(), ids=list(STEPS))
@pytest.mark.parametrize("what", [{"status": 503}, {"cut": "before"}], ids=str)
def test_an_error_that_stays_is_one_message(hub, release, method, path, what):
    hub.fault(method, path, times=60, **what)
    with pytest.raises(UserError) as error:
        release.publish()
    text = one_line(error)
    assert text.startswith(f"{release.repo}: ")
    assert "run again" in text.lower()
    assert not release.receipt.exists()
    hub.faults.clear()
    release.publish()  # and it goes on from there
    assert hub.files("v1") == release.content
    assert hub.messages() == ["Release v1", "initial commit"]


def test_an_error_of_the_request_is_not_tried_again(hub, release):
    hub.fault("POST", CREATE, status=400)
    with pytest.raises(UserError, match="the Hub answered 400"):
        release.publish()
    assert hub.asked("POST", CREATE) == 1


def test_a_branch_that_moved_on_is_tried_again(hub, release):
    hub.fault("POST", COMMIT, status=412)
    release.publish()
    assert hub.files("v1") == release.content


def test_no_network_is_one_message(hub, release, monkeypatch):
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{port}")
    with pytest.raises(UserError) as error:
        release.publish()
    assert "the Hub could not be reached" in one_line(error)


def test_offline_mode_is_one_message(hub, release, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    from huggingface_hub.utils import close_session

    close_session()
    with pytest.raises(UserError) as error:
        release.publish()
    assert "HF_HUB_OFFLINE" in one_line(error)
    close_session()


NO_REPOS = ("no-owner/with/slash", "demo/..", "demo/a--b", "../..", "demo", "", "demo/model\n",
            "de mo/model", "demo/.model", f"demo/{'m' * 92}")  # fmt: skip
NO_TAGS = ("v 1", "-x", "v" * 300, "main", "v1\n", "a..b", "v1.lock", "v1/x", "", "refs", "v1.",
           "0" * 40)  # fmt: skip


@pytest.mark.parametrize("name", NO_REPOS, ids=range(len(NO_REPOS)))
def test_a_repository_that_cannot_be_is_refused_before_the_first_byte(hub, release, name):
    release.repo = name
    for dry_run in (False, True):
        with pytest.raises(UserError, match=r"hub\.repo") as error:
            release.publish(dry_run)
        one_line(error)
    assert hub.seen == []


@pytest.mark.parametrize("tag", NO_TAGS, ids=range(len(NO_TAGS)))
def test_a_tag_that_cannot_be_is_refused_before_the_first_byte(hub, release, tag):
    release.tag = tag
    for dry_run in (False, True):
        with pytest.raises(UserError, match=r"hub\.tag") as error:
            release.publish(dry_run)
        assert len(one_line(error)) < 300
    assert hub.seen == []


def test_a_tag_that_is_a_branch_is_refused_before_anything_is_sent(hub, release):
    release.publish()
    record = hub.record()
    record["refs"]["next"] = record["refs"]["main"]
    hub.store.save("models", release.repo, record)
    release.tag = "next"
    with pytest.raises(UserError, match="next is a branch there"):
        release.change(config__json='{"a": 1}').publish()
    assert hub.record() == record


# Files of an earlier release on another base, or of somebody's: what stays, and what is taken away.
LEFT = {
    "tokenizer.model": False,
    "special_tokens_map.json": False,
    "chat_template.jinja": False,
    "generation_config.json": False,
    "vocab.txt": False,
    "merges.txt": False,
    "scores/old.json": False,
    "measurements.json": False,
    "ro-crate-metadata.json": False,
    "LICENSE": True,
    "LICENSE.md": True,
    "Gemma_Terms_of_Use.txt": True,
    "licences/COPYING.txt": True,
    "NOTICE": True,
}


def test_what_an_earlier_base_left_is_taken_away_and_licences_stay(hub, release, tmp_path):
    """Each release is accepted by its own `hub verify`, whatever base came before it."""
    from huggingface_hub import HfApi

    from collectivesft.hub.client import download
    from collectivesft.hub.client.manifest import listed, read_manifest

    release.publish()
    for name in LEFT:
        HfApi().upload_file(path_or_fileobj=b"old", path_in_repo=name, repo_id=release.repo)
    release.tag = "v2"
    release.change(config__json='{"base": "another"}').publish()
    seen = {name: name in hub.files("v2") for name in LEFT}
    assert seen == LEFT
    version = download.pin("demo/model@v2")
    folder = download.download(version, tmp_path / "cache")
    download.check(version, folder, listed(read_manifest(folder / "manifest.json")), None)


def test_the_plan_names_what_would_be_taken_away(hub, release, capsys):
    from huggingface_hub import HfApi

    release.publish()
    place = {"path_in_repo": "tokenizer.model", "repo_id": release.repo}
    HfApi().upload_file(path_or_fileobj=b"old", **place)
    release.tag = "v2"
    release.publish(dry_run=True)
    assert "  - tokenizer.model" in capsys.readouterr().out


def test_an_upload_that_the_storage_says_is_over_is_asked_about_again(hub, release):
    """The client repeats a last request whose answer was lost; the storage knows it no more."""
    hub.fault("PUT", "/lfs/", status=404)
    release.publish()
    assert hub.faults == []
    assert hub.files("v1") == release.content


PLACES = {"upload": ("PUT", "/lfs/"), "commit": ("POST", COMMIT), "tag": ("POST", TAG)}


@pytest.mark.parametrize("method, path", PLACES.values(), ids=list(PLACES))
def test_killed_and_run_again_it_succeeds(hub, release, start, method, path):
    fault = hub.fault(method, path, stall=True)
    process = start(*release.options)
    assert fault.reached.wait(500), process.communicate(timeout=1)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not release.receipt.exists()
    fault.release.set()
    release.publish()
    assert hub.files("v1") == release.content
    assert hub.record()["tags"]["v1"] == hub.record()["refs"]["main"]
    assert hub.messages() == ["Release v1", "initial commit"]
