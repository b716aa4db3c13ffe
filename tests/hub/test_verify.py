"""A published release is fetched again and compared byte by byte; any difference is found."""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from collectivesft.common.errors import UserError
from collectivesft.common.files import read_json, write_json
from collectivesft.hub import ask
from collectivesft.hub import verify as module
from collectivesft.hub.answer import record
from collectivesft.hub.client import download
from collectivesft.hub.evidence import known_answer
from collectivesft.hub.verify import verify

ROOT = Path(__file__).parents[2]


@pytest.fixture
def published(hub, release, monkeypatch):
    """A published release whose model is not asked anything, as it is none."""
    said = {"question": "问？", "answer": "好。", "note": "as recorded"}
    monkeypatch.setattr(module, "_ask", lambda version, folder, base: said)
    release.publish()
    return release


def tiny_model(folder: Path) -> None:
    """A Llama of a few kB with random weights, a tokenizer of bytes and a chat template."""
    from collectivesft.models.chat import plain_template
    from collectivesft.models.convert.random_model import byte_tokenizer, write_random_model

    tiny = {"hidden_size": 16, "intermediate_size": 16, "num_attention_heads": 2}
    write_random_model({**tiny, "model_type": "llama", "num_hidden_layers": 1}, folder)
    tokenizer = byte_tokenizer()
    tokenizer.chat_template = plain_template("chatml")
    tokenizer.save_pretrained(folder)


def check(release) -> dict:
    report = release.folder / "verified.json"
    return verify(f"{release.repo}@v1", release.paths["manifest"], release.receipt, report)


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
    assert report == receipt | {"question": "问？", "answer": "好。", "note": "as recorded"}
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
    assert text.startswith(f"demo/model@v1: {name} differ from the published files.")


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
    assert "The tag was moved: do not use it" in refused(published)


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
    assert "Check its name and version, and that your token may" in text


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
    text = refused(published)
    assert text.startswith("demo/model@v1: ") and ": the Hub " in text


def test_published_fetched_and_asked_with_a_real_model(release, tmp_path):
    """The command lines in a process of their own, beside `hub loopback`."""
    model = release.paths["model"]
    for path in model.iterdir():
        path.unlink()
    tiny_model(model)
    record(model, tmp_path / "answer.json", new_tokens=4)
    release.describe(answer=read_json(tmp_path / "answer.json"))

    names = [("--receipt", release.receipt), ("--manifest", release.paths["manifest"])]
    options = [str(text) for pair in names for text in pair]
    calls = [
        release.options,
        ["hub", "verify", "demo/model@v1", *options],
        ["ask", "头痛怎么办？", "--model", "demo/model", "--new-tokens", "3"],
    ]
    # In one process, as each would load torch anew.
    script = (
        f"from collectivesft.cli import app\nfor call in {calls}: app(call, standalone_mode=False)"
    )
    python = [sys.executable, "-m", "collectivesft"]
    command = [*python, "hub", "loopback", "--root", tmp_path / "hub", "--"]
    done = subprocess.run(
        [*command, sys.executable, "-c", script],
        env=os.environ | {"PYTHONPATH": str(ROOT / "src"), "HF_TOKEN": "hf_mine"},
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    commit = read_json(release.receipt)["commit"]
    head = f"model: demo/model@v1 (commit {commit[:12]})"
    assert done.stderr.splitlines() == [head, ask.DISCLAIMER, ""]
    said, *lines = done.stdout.splitlines()
    assert said.startswith(f"published: demo/model@v1 (commit {commit[:12]}), http://")
    assert lines[0] == f"demo/model@v1 (commit {commit[:12]})"
    assert f"  all {len(release.content)} files have the bytes that were published" in lines
    assert f"  asked:    {known_answer.QUESTION}" in lines
    assert "  answer:   as recorded" in lines
    server = tmp_path / "hub/server/models/demo/model/repository.json"
    assert read_json(server)["tags"] == {"v1": commit}


def test_a_body_damaged_on_the_way_is_fetched_again(hub, published):
    """Right size, wrong bytes, once: the client does not notice, the check does."""
    hub.fault("GET", r"/resolve/.*/model\.safetensors", flip=True)
    assert check(published)["note"] == "as recorded"
    assert hub.faults == []
    assert hub.asked("GET", r"/resolve/.*/model\.safetensors") == 2


def test_a_body_damaged_each_time_is_one_message(hub, published):
    hub.fault("GET", r"/resolve/.*/model\.safetensors", times=9, flip=True)
    assert "model.safetensors differ from the published files" in refused(published)


@pytest.mark.parametrize("name", ["model-2.safetensors", "chat_template.jinja"])
def test_a_file_that_the_manifest_does_not_list_is_found(hub, published, name):
    from huggingface_hub import HfApi

    place = {"path_in_repo": name, "repo_id": published.repo}
    HfApi().upload_file(path_or_fileobj=b"strange", **place)
    HfApi().delete_tag(published.repo, tag="v1")
    HfApi().create_tag(published.repo, tag="v1")
    with pytest.raises(UserError, match=f"{re.escape(name)}: not in the manifest"):
        verify("demo/model@v1", published.paths["manifest"])


def test_what_a_run_publishes_beside_its_manifest_is_compared_and_no_stranger(
    hub, release, monkeypatch
):
    """The extras of rule hub_publish: their bytes are in the receipt, not in the manifest."""
    rules = (ROOT / "workflow/rules/7_hub.smk").read_text(encoding="utf-8")
    rule = rules.partition("rule hub_publish:")[2].partition("\nrule ")[0]
    keys = re.findall(r"--extra \{input\.(\w+)\}", rule)
    paths = dict(re.findall(r'^ +(\w+)=(?:f|own\()?"([^"]+)"\)?,$', rule, re.MULTILINE))
    names = [Path(paths[key]).name for key in keys]
    assert "Snakefile" in names and len(names) >= 3
    for name in names:
        (release.folder / name).write_text(f"{name} of this run", encoding="utf-8")
    release.extras = tuple(release.folder / name for name in names)
    said = {"question": "问？", "answer": "好。", "note": "as recorded"}
    monkeypatch.setattr(module, "_ask", lambda version, folder, base: said)
    release.publish()
    assert set(names) <= set(check(release)["files"])
    assert verify("demo/model@v1", release.paths["manifest"])["note"] == "as recorded"


def test_without_a_copy_the_manifest_of_the_repository_is_the_measure(hub, published):
    found = verify("demo/model@v1")
    wanted = read_json(published.receipt)["files"]
    assert found["files"] == {k: v for k, v in wanted.items() if k != "README.md"}


def test_a_version_without_a_manifest_is_no_release(hub, published):
    from huggingface_hub import HfApi

    HfApi().delete_file("manifest.json", published.repo)
    with pytest.raises(UserError, match=r"demo/model@main: holds no manifest\.json"):
        verify("demo/model@main")


def test_the_newest_version_is_taken_by_its_numbers(hub, published):
    for tag in ("v1.9.0", "v1.10.0", "nightly"):
        published.tag = tag
        published.publish()
    assert download.pin("demo/model").revision == "v1.10.0"


@pytest.mark.parametrize(
    "tags, wanted",
    [
        (["v1.0.0-rc.1", "v1.0.0"], "v1.0.0"),
        (["v1.0.0", "v1.1.0-rc.1"], "v1.0.0"),  # who asks for nothing gets what is finished
        (["v1.0.0-rc.2", "v1.0.0-rc.10", "v1.0.0-beta.11"], "v1.0.0-rc.10"),
        (["v1.0.0-alpha", "v1.0.0-alpha.1", "v1.0.0-alpha.beta"], "v1.0.0-alpha.1"),
        (["v1.9.0", "1.10.0", "v1.2"], "1.10.0"),
        (["v2", "v1.99.99"], "v2"),
        (["v0.1.0+build.5", "v0.0.9"], "v0.1.0+build.5"),
        (["nightly", "2-go", "v1.x"], None),
        (["nightly", "release-1"], None),
        ([], None),
    ],
)
def test_versions_are_ordered_by_their_numbers(tags, wanted):
    assert download.newest(tags) == download.newest(reversed(tags)) == wanted


RECORDED = {"tokens": [5, 6, 7], "margins": [3.0, 0.1, 2.0]}


def test_an_answer_may_part_only_at_a_near_tie():
    assert known_answer.compare(RECORDED, [5, 6, 7]) is None
    assert "token 2 of 3, a near tie (0.1 logits)" in known_answer.compare(RECORDED, [5, 9, 9])
    for other in ([9, 6, 7], [5, 6, 9], [5, 6]):
        with pytest.raises(UserError, match="which was no near tie"):
            known_answer.compare(RECORDED, other)


def test_a_folder_without_safetensors_is_not_loaded(tmp_path):
    from collectivesft.models.convert.random_model import byte_tokenizer

    byte_tokenizer().save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    (tmp_path / "pytorch_model.bin").write_bytes(b"a pickle")
    with pytest.raises(UserError, match="no weights in safetensors"):
        known_answer.load(tmp_path)


def test_an_adapter_alone_answers_with_its_base(tmp_path):
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    base, folder = tmp_path / "base", tmp_path / "release"
    tiny_model(base)
    model = AutoModelForCausalLM.from_pretrained(base)
    get_peft_model(model, LoraConfig(r=2, target_modules=["q_proj"])).save_pretrained(
        folder / "adapter"
    )
    for path in base.glob("*token*"):
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "chat_template.jinja").write_bytes((base / "chat_template.jinja").read_bytes())
    with pytest.raises(UserError, match="Name its base model with --base"):
        known_answer.load(folder)
    ids, margins = known_answer.generate(*known_answer.load(folder, base), "问", 3)
    assert len(ids) == len(margins) <= 3
    pieces = []
    known_answer.stream(*known_answer.load(folder, base), "问", 3, pieces.append)
    assert "".join(pieces).endswith("\n")


def test_the_default_model_is_what_the_configuration_publishes():
    import yaml

    hub = yaml.safe_load((ROOT / "config/config.yaml").read_text("utf-8"))["hub"]
    assert "{repo_id}@{tag}".format(**hub) == ask.MODEL


def test_a_download_cut_in_the_middle_goes_on(hub, published):
    hub.fault("GET", r"/resolve/.*/model\.safetensors", times=2, cut="middle")
    assert check(published)["note"] == "as recorded"
    assert hub.faults == []


def test_a_download_cut_each_time_is_one_message(hub, published):
    hub.fault("GET", r"/resolve/.*/model\.safetensors", times=99, cut="middle")
    assert refused(published).startswith("demo/model@v1: download: ")
