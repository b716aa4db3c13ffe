"""A GGUF copy in a release: listed, described, pushed, verified, and not loaded by ask."""

import os
from pathlib import Path

import pytest

from collectivesft.common.errors import UserError
from collectivesft.common.files import read_json, sha256, write_json
from collectivesft.hub import ask
from collectivesft.hub import verify as module
from collectivesft.hub.card.model_card import metadata
from collectivesft.hub.client import download
from collectivesft.hub.evidence.ro_crate import _form
from collectivesft.hub.verify import verify
from tests.helpers.release_folder import Folder

NAME = "Model-7B-Q8_0.gguf"
REPO = "me/Model-7B"
AGREEMENT = {"question": "问？", "tokens": 18, "same": 17, "logprob_difference": 0.11,
             "divergence": 0.0013}  # fmt: skip
TOKENIZER = {"model": "llama", "pre": "default", "marks": 2, "prompt": True}


def copy_of(folder: Path, name: str = NAME, content: bytes = b"GGUF weights", **more) -> Path:
    """The report of `hub gguf` with its file beside it."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_bytes(content)
    facts = {"size": path.stat().st_size, "sha256": sha256(path)}
    about = {"note": "", "template": "问：{{ .Prompt }}\n", "stops": ["<eos>"], "limit": 0.05}
    about |= {"agreement": AGREEMENT, "tokenizer": TOKENIZER}
    report = {"file": name, "type": "q8_0", **facts, **about, **more}
    write_json(path.with_suffix(".json"), report)
    return path.with_suffix(".json")


@pytest.fixture
def released(tmp_path):
    """A release with a copy; keywords are of the copy."""

    def run(**more) -> Folder:
        made = Folder(tmp_path / "run")
        report = copy_of(tmp_path / "gguf", **more)
        return made.release(files=made.root / "files", more={"gguf": report}, tag="v1")

    return run


def push(made: Folder, tag: str = "v1") -> dict:
    return made.publish(tag, receipt=made.root / "published.json")


@pytest.fixture
def published(hub, released, monkeypatch) -> Folder:
    said = {"question": "问？", "answer": "好。", "note": "as recorded"}
    monkeypatch.setattr(module, "_ask", lambda version, folder, base: said)
    made = released()
    push(made)
    return made


def test_the_manifest_lists_and_describes_it(released, tmp_path):
    made = released()
    path = made.root / "files" / NAME
    assert made.manifest["files"][NAME] == {"size": 12, "sha256": sha256(path)}
    assert made.manifest["gguf"] == read_json(tmp_path / "gguf/Model-7B-Q8_0.json")
    assert os.path.samefile(path, tmp_path / "gguf" / NAME), "weights are not there twice"
    assert NAME not in made.manifest["model"]["files"]


def test_the_card_says_how_to_run_it_and_how_near_it_is(released):
    text = released().text.partition("## GGUF\n")[2].partition("\n## ")[0]
    assert f"`{NAME}` (0 MB) is a copy of the weights as q8_0" in text
    assert "for llama.cpp and Ollama, made by llama.cpp's own converter. Read back" in text
    assert "the same for 17 of 18" in text and "differs by 0.11 nats" in text
    assert "by 0.0013 nats on average" in text and "Its scores were not measured." in text
    assert "Each of the 2 marks of the chat" in text and "(tokenizer `llama`, `default`)" in text
    assert "the file's tokenizer makes the same tokens of the fixed prompt." in text
    assert f"hf download {REPO} {NAME} --revision v1 --local-dir ." in text
    assert f'llama-cli -m {NAME} --jinja --temp 0 --single-turn -p "' in text
    modelfile = f'FROM ./{NAME}\nTEMPLATE """问：{{{{ .Prompt }}}}\n"""\n'
    assert modelfile in text and 'PARAMETER stop "<eos>"' in text
    assert "ollama create model-7b -f Modelfile" in text
    assert "Neither program is run by this release's own checks." in text


def test_the_card_says_what_quantised_a_copy_of_four_bits(released):
    text = released(type="q4_0", quantiser={"name": "gguf", "version": "0.19.0"}).text
    assert (
        "as q4_0 for llama.cpp and Ollama, converted by llama.cpp's own converter and quantised by "
        "the gguf package 0.19.0 (embeddings and output layer to eight bits)."
    ) in text
    assert "made by llama.cpp's own" not in text


def test_a_copy_that_was_not_compared_is_said_to_be_so(released):
    text = released(agreement=None, note="not verified: transformers does not read it back").text
    assert "were not compared with the model's own (not verified: transformers" in text
    assert "nats" not in text


def test_a_tokenizer_that_was_not_read_is_said_to_be_so(released):
    text = released(tokenizer=TOKENIZER | {"prompt": None}).text
    assert "its other tokens were not compared: transformers does not read them." in text
    assert "makes the same tokens" not in text


def test_the_notice_names_it(released):
    made = released()
    assert f"{NAME} holds the same weights" in (made.root / "files/NOTICE").read_text("utf-8")


def test_without_a_copy_nothing_speaks_of_one(tmp_path):
    made = Folder(tmp_path / "run")
    made.release(files=made.root / "files")
    assert "gguf" not in made.manifest
    for text in (made.text, (made.root / "files/NOTICE").read_text("utf-8")):
        assert "gguf" not in text.lower()
    assert "gguf" not in metadata(made.manifest).lower()


def test_another_file_than_the_report_describes_is_refused(released):
    with pytest.raises(UserError, match=r"is not what .*Model-7B-Q8_0\.json describes"):
        released(sha256="0" * 64)


def test_it_is_pushed_and_a_copy_of_before_is_taken_away(hub, published):
    assert hub.files("v1", REPO)[NAME] == b"GGUF weights"
    other = copy_of(published.root.parent / "gguf", "Model-7B-F16.gguf", b"GGUF others")
    published.release(files=published.root / "files", more={"gguf": other}, tag="v2")
    push(published, "v2")
    names = set(hub.files("main", REPO))
    assert "Model-7B-F16.gguf" in names and NAME not in names


def test_verify_downloads_and_compares_it(hub, published):
    report = verify(
        f"{REPO}@v1", published.root / "manifest.json", published.root / "published.json"
    )
    assert report["files"][NAME] == published.manifest["files"][NAME]["sha256"]
    assert hub.asked("GET", rf"/resolve/.*/{NAME}") == 1
    record = hub.record(REPO)
    blob = hub.store.blob(record["commits"][record["refs"]["main"]]["files"][NAME]["oid"])
    blob.write_bytes(b"GGUF weighty")
    with pytest.raises(UserError, match=f"{NAME} differ from the published files"):
        verify(f"{REPO}@v1", published.root / "manifest.json")


def test_verify_refuses_a_copy_that_the_manifest_does_not_list(hub, published):
    from huggingface_hub import HfApi

    place = {"path_in_repo": "strange.gguf", "repo_id": REPO}
    HfApi().upload_file(path_or_fileobj=b"GGUF strange", **place)
    with pytest.raises(UserError, match=r"strange\.gguf: not in the manifest"):
        verify(f"{REPO}@main", published.root / "manifest.json")


def test_ask_does_not_download_it_and_does_not_miss_it(hub, published):
    for _ in range(2):
        folder = ask._fetched(download.pin(f"{REPO}@v1"))
        assert not (folder / NAME).exists()
        assert (folder / "model.safetensors").is_file()
    assert hub.asked("GET", rf"/resolve/.*/{NAME}") == 0


def test_ask_compares_a_copy_that_somebody_downloaded(hub, published):
    version = download.pin(f"{REPO}@v1")
    ask._fetched(version)
    folder = download.download(version)  # whole, into the same cache
    assert (folder / NAME).is_file()
    assert ask._fetched(version) == folder
    mark = ask._marks(folder) / f"{version.commit}.json"
    assert NAME in read_json(mark)


def test_the_crate_calls_it_bytes():
    assert _form(NAME)["encodingFormat"] == "application/octet-stream"
