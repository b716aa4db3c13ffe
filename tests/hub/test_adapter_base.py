"""An adapter alone is verified and asked on the base that it was trained on, and on no other."""

import shutil
from pathlib import Path

import pytest

from collectivesft.common.errors import UserError
from collectivesft.common.files import read_json, sha256
from collectivesft.hub import answer as answers
from collectivesft.hub import ask
from collectivesft.hub.client import download
from collectivesft.hub.evidence import adapter_base as bases
from collectivesft.hub.verify import verify
from tests.hub.test_verify import tiny_model


def facts(folder: Path) -> dict:
    return {
        name: {"size": (folder / name).stat().st_size, "sha256": sha256(folder / name)}
        for name in download.names(folder)
    }


@pytest.fixture
def base(tmp_path):
    """A tiny model that other folders are made from."""
    tiny_model(tmp_path / "base")
    return tmp_path / "base"


@pytest.fixture
def adapter(hub, release, base):
    """A published release of an adapter alone; its manifest lists its base."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    model = release.paths["model"]
    shutil.rmtree(model)
    model.mkdir()
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copy(base / name, model / name)
    files = release.folder / "files"
    network = AutoModelForCausalLM.from_pretrained(base)
    lora = LoraConfig(r=2, target_modules=["q_proj"])
    get_peft_model(network, lora).save_pretrained(files / "adapter")
    listed = {f"adapter/{n}": f for n, f in facts(files / "adapter").items() if "README" not in n}
    (files / "adapter/README.md").unlink()
    # What an untrained adapter answers is what its base answers.
    answers.record(base, release.folder / "answer.json", new_tokens=2)
    release.describe(
        answer=read_json(release.folder / "answer.json"),
        files=listed,
        base={
            "name": "tiny",
            "source": {"repo": "demo/base", "revision": "0" * 40},
            "files": facts(base),
        },
    )
    release.publish()
    return release


def refused(call, *arguments, **options) -> str:
    with pytest.raises(UserError) as error:
        call(*arguments, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_its_base_is_compared_and_reported(adapter, base):
    found = verify("demo/model@v1", base=str(base))
    assert found["note"] == "as recorded"
    listed = {"config.json", "generation_config.json", "model.safetensors"}
    assert found["base"] == {name: sha256(base / name) for name in listed}


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_another_base_is_named_with_both_digests(adapter, base, name):
    """Even one that answers the same to the fixed question."""
    was = sha256(base / name)
    (base / name).write_bytes((base / name).read_bytes() + b" ")
    text = refused(verify, "demo/model@v1", base=str(base))
    wanted = f"{name} has sha256 {sha256(base / name)}, the release was made from {was}"
    assert text.startswith(f"base {base}: {wanted}. ") and "--base" in text
    assert text == refused(ask.ask, "问", "demo/model@v1", 2, str(base))


def test_a_file_that_is_missing_or_strange_is_named(adapter, base):
    (base / "adapter_config.json").write_text("{}")
    assert "adapter_config.json is no file of the base" in refused(
        verify, "demo/model@v1", base=str(base)
    )
    (base / "adapter_config.json").unlink()
    (base / "model.safetensors").unlink()
    text = refused(verify, "demo/model@v1", base=str(base))
    assert "model.safetensors is not there, the release was made from" in text


def test_what_loading_does_not_read_may_differ(adapter, base):
    (base / "README.md").write_text("mine")
    (base / "tokenizer.json").unlink()
    assert verify("demo/model@v1", base=str(base))["note"] == "as recorded"


def test_a_folder_that_is_not_there_is_one_message(adapter, base):
    assert "no such folder" in refused(verify, "demo/model@v1", base=str(base / "none"))


def test_without_a_base_it_is_asked_for(adapter):
    assert "Name its base model with --base" in refused(verify, "demo/model@v1")


def push_base(hub, base) -> str:
    from huggingface_hub import HfApi

    HfApi().create_repo("demo/base", exist_ok=True)
    HfApi().upload_folder(repo_id="demo/base", folder_path=base)
    return hub.record("demo/base")["refs"]["main"]


def test_a_base_on_the_hub_is_taken_at_the_releases_commit(hub, adapter, base, tmp_path):
    commit = push_base(hub, base)
    content = read_json(adapter.paths["manifest"])
    want = bases.wanted(
        content | {"base": content["base"] | {"source": {"repo": "demo/base", "revision": commit}}}
    )
    (base / "generation_config.json").write_text('{"max_length": 1}')
    push_base(hub, base)
    place = bases.folder("demo/base", want, tmp_path / "cache")
    assert set(bases.check(place, want)) == set(want.files)
    assert not (place / "tokenizer.json").exists()
    newest = bases.folder("demo/base@main", want, tmp_path / "cache")
    assert "generation_config.json has sha256" in refused(bases.check, newest, want)


def test_asked_again_it_is_not_compared_again(adapter, base, monkeypatch, capsys):
    calls, check = [], bases.check
    monkeypatch.setattr(bases, "check", lambda *given: calls.append(1) or check(*given))
    for _ in range(2):
        ask.ask("问", "demo/model@v1", 2, str(base))
    assert calls == [1]
    path = base / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    refused(ask.ask, "问", "demo/model@v1", 2, str(base))
    assert calls == [1, 1] and "manifest" not in capsys.readouterr().err


def test_a_manifest_that_does_not_list_the_base_is_said(adapter, base, capsys):
    assert bases.wanted({"base": {"name": "x"}}) is None and bases.wanted({}) is None
    folder = download.download(download.pin("demo/model@v1"))
    copy = shutil.copytree(folder, base.parent / "copy")
    (copy / "manifest.json").unlink()
    ask.ask("问", str(copy), 2, str(base))
    assert "it cannot be compared" in capsys.readouterr().err
