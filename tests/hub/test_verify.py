"""What was published is fetched anew and compared byte by byte; any difference is found."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from collectivesft.errors import UserError
from collectivesft.files import read_json, write_json
from collectivesft.hub import verify as module
from collectivesft.hub.verify import verify

ROOT = Path(__file__).parents[2]


@pytest.fixture
def published(hub, release, monkeypatch):
    """A published release whose model is not asked anything, as it is none."""
    monkeypatch.setattr(module, "ask", lambda folder, question, new_tokens: f"{question} 好。")
    release.publish()
    return release


def check(release) -> dict:
    return verify(release.receipt, release.paths["manifest"], release.folder / "verified.json")


def refused(release) -> str:
    with pytest.raises(UserError) as error:
        check(release)
    text = str(error.value)
    assert "\n" not in text and "hf_" not in text
    assert not (release.folder / "verified.json").exists()
    return text


def test_report_says_what_was_compared_and_answered(published):
    report = check(published)
    receipt = read_json(published.receipt)
    assert report == read_json(published.folder / "verified.json")
    assert report == receipt | {"question": module.QUESTION, "answer": f"{module.QUESTION} 好。"}
    assert set(report["files"]) == set(published.content)


def test_every_file_is_downloaded_into_an_empty_cache(hub, published, monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir()
    for _ in range(2):
        hub.seen.clear()
        check(published)
        for name in published.content:
            assert hub.asked("GET", f"/resolve/.*/{name}") == 1
    assert list((tmp_path / "cache").iterdir()) == []  # it is cleaned up


def test_the_tagged_revision_is_compared_and_not_the_newest(hub, published):
    from huggingface_hub import HfApi

    HfApi().upload_file(path_or_fileobj=b"new", path_in_repo="config.json", repo_id=published.repo)
    assert check(published)["tag"] == "v1"


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "README.md", "manifest.json"])
def test_a_damaged_file_of_the_right_size_is_found(hub, published, name):
    record = hub.record()
    entry = record["commits"][record["refs"]["main"]]["files"][name]
    blob = hub.store.blob(entry["oid"])
    blob.write_bytes(blob.read_bytes()[:-1] + b"?")
    text = refused(published)
    assert text.startswith(f"demo/model@v1: {name} differ from what was published.")


def test_a_file_that_is_cut_off_is_one_message(hub, published):
    record = hub.record()
    entry = record["commits"][record["refs"]["main"]]["files"]["model.safetensors"]
    blob = hub.store.blob(entry["oid"])
    blob.write_bytes(blob.read_bytes()[:-100])
    assert refused(published).startswith("demo/model")


def test_a_file_that_is_missing_is_named(hub, published):
    record = hub.record()
    del record["commits"][record["refs"]["main"]]["files"]["config.json"]
    hub.store.save("models", published.repo, record)
    assert refused(published).startswith("demo/model@v1: config.json differ")


def test_a_tag_that_was_moved_to_other_content_is_found(hub, published):
    from huggingface_hub import HfApi

    HfApi().upload_file(path_or_fileobj=b"new", path_in_repo="config.json", repo_id=published.repo)
    record = hub.record()
    record["tags"]["v1"] = record["refs"]["main"]
    hub.store.save("models", published.repo, record)
    assert refused(published).startswith("demo/model@v1: config.json differ")


def test_a_manifest_of_another_release_is_found(published):
    """The local manifest says what the weights must be, whatever the receipt says."""
    manifest = read_json(published.paths["manifest"])
    manifest["model"]["files"]["model.safetensors"]["sha256"] = "0" * 64
    write_json(published.paths["manifest"], manifest)
    assert "model.safetensors" in refused(published)


def test_a_private_repository_is_not_found_without_the_token(published, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    text = refused(published)
    assert "the Hub answered 404" in text
    assert "Check hub.repo in the configuration and that the token may see it" in text


def test_a_public_repository_needs_no_token(hub, release, published, monkeypatch):
    release.repo, release.private = "demo/open", False
    release.publish()
    monkeypatch.delenv("HF_TOKEN")
    assert check(release)["repo"] == "demo/open"


def test_a_wrong_token_is_one_message(published, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_wrongtoken")
    assert "the Hub answered 401" in refused(published)


def test_a_tag_that_is_gone_is_one_message(hub, published):
    hub.store.save("models", published.repo, hub.record() | {"tags": {}})
    assert "404" in refused(published)


STEPS = {
    "info": ("GET", "/api/models/"),
    "head": ("HEAD", "/resolve/"),
    "file": ("GET", r"/resolve/.*/model\.safetensors"),
}


@pytest.mark.parametrize("method, path", STEPS.values(), ids=list(STEPS))
@pytest.mark.parametrize("what", [{"status": 503}, {"cut": "before"}, {"cut": "after"}], ids=str)
def test_an_error_that_goes_away_is_passed_over(hub, published, method, path, what):
    hub.fault(method, path, **what)
    check(published)
    assert hub.faults == []


@pytest.mark.parametrize("method, path", STEPS.values(), ids=list(STEPS))
@pytest.mark.parametrize("what", [{"status": 503}, {"cut": "before"}], ids=str)
def test_an_error_that_stays_is_one_message(hub, published, method, path, what):
    hub.fault(method, path, times=200, **what)
    assert refused(published).startswith("demo/model: download: the Hub ")


def test_published_fetched_and_asked_with_a_real_model(release, tmp_path):
    """The command lines in processes of their own, beside `hub loopback`."""
    from collectivesft.sft.chat import plain_template
    from collectivesft.sft.random_model import byte_tokenizer, write_random_model

    model = release.paths["model"]
    for path in model.iterdir():
        path.unlink()
    tiny = {"hidden_size": 16, "intermediate_size": 16, "num_attention_heads": 2}
    write_random_model({**tiny, "model_type": "llama", "num_hidden_layers": 1}, model)
    tokenizer = byte_tokenizer()
    tokenizer.chat_template = plain_template("chatml")
    tokenizer.save_pretrained(model)
    release.describe()

    python = f"{sys.executable} -m collectivesft"
    names = {"receipt": release.receipt, "manifest": release.paths["manifest"]}
    options = " ".join(f"--{name} {path}" for name, path in names.items())
    report = release.folder / "verified.json"
    script = (
        f"{python} {' '.join(release.options)} && {python} hub verify {options} --report {report}"
    )
    command = [*python.split(), "hub", "loopback", "--root", tmp_path / "hub", "--"]
    done = subprocess.run(
        [*command, "sh", "-c", f"{script} && {python} hub show --report {report}"],
        env=os.environ | {"PYTHONPATH": str(ROOT / "src"), "HF_TOKEN": "hf_mine"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[0].startswith("demo/model@v1 (commit ")
    assert f"  all {len(release.content)} files have the bytes that were published" in lines
    assert f"  asked:    {module.QUESTION}" in lines
    server = tmp_path / "hub/server/models/demo/model/repository.json"
    assert read_json(server)["tags"] == {"v1": read_json(release.receipt)["commit"]}
