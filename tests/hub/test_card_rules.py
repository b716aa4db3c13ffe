"""A card that the Hub would not take is refused before anything is sent; ours passes."""

from pathlib import Path

import httpx2
import pytest
import yaml

from collectivesft.common.errors import UserError
from collectivesft.hub import data
from collectivesft.hub.client import card_rules, sync
from tests.helpers.release_folder import Folder

ROOT = Path(__file__).parents[2]
MODELS = sorted((ROOT / "config/models").glob("*.yaml"))
RESULT = {
    "task": {"type": "question-answering"},
    "dataset": {"type": "cmb", "name": "CMB"},
    "metrics": [{"type": "accuracy", "value": 72.5}],
}


def card(**head) -> str:
    return f"---\n{yaml.safe_dump(head)}---\n\n# Model\n"


def index(**change) -> dict:
    return {"model-index": [{"name": "Model", "results": [RESULT | change]}]}


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_our_card_passes_for_every_base_model(path, tmp_path):
    model = yaml.safe_load(path.read_text(encoding="utf-8"))
    base = {key: model.get(key) for key in ("licence", "licence_url", "homepage", "title")}
    base["source"] = {"kind": "hub", "repo": "org/base-7b", "revision": "0" * 40}
    made = Folder(tmp_path / "run", base=base).release()
    assert card_rules.problems(made.text) == []
    head = yaml.safe_load(made.text.split("---")[1])
    assert len(head["model-index"][0]["results"]) == 2  # each has the metrics of its protocol


def test_a_tokenizer_of_words_is_said_in_the_card(tmp_path):
    words = {"vocabulary": "spiece.model", "eos_token": "<eod>"}
    text = Folder(tmp_path / "run", base={"word_tokenizer": words}).release().text
    assert "vLLM and llama.cpp (GGUF) cannot load this model" in text
    assert "vllm serve" not in text and "transformers needs none of it" not in text


@pytest.mark.parametrize("made_up", [False, True])
def test_our_data_card_passes(made_up):
    found = {"datasets": {}, "predictions": {}}
    assert card_rules.problems(data._card("me/data", found, made_up)) == []


@pytest.mark.parametrize(
    "head",
    [
        {"license": "mit"},
        {"license": ["cc-by-nc-sa-3.0", "deepfloyd-if-license", "cc-by-nc-2.0"]},
        {"license": "other", "license_name": "own-1.0", "license_link": "LICENSE"},
        {"license": ["mit", "apache-2.0"], "language": ["zh", "en", "yue", "code"]},
        {"base_model": ["a/b", "c/d"], "datasets": "a/b"},
        {"model-index": [{"name": "Model", "results": []}]},
        index(),
    ],
    ids=str,
)
def test_what_the_hub_takes_passes(head):
    assert card_rules.problems(card(**head)) == []


BROKEN = {
    "licence": (card(license="Apache-2.0"), "\"license\" 'Apache-2.0' is none that the Hub knows"),
    "own licence": (card(license="other"), '"license_name" is missing'),
    "licence name": (card(license="other", license_name="Own (1)"), "\"license_name\" 'Own (1)'"),
    "language": (card(language=["zh-CN"]), "\"language\" 'zh-CN' is no code"),
    "languages": (card(language=["zh", "chinese"]), "\"language\" 'chinese'"),
    "tags": (card(tags="medical"), '"tags" must be a list'),
    "tag": (card(tags=["a", 1]), '"tags" must be a list of texts'),
    "many": (card(tags=["a"] * 1001), '"tags" has 1,001 entries, at most 1,000'),
    "base": (card(base_model="/here/models/base"), "\"base_model\" '/here/models/base'"),
    "task": (card(pipeline_tag=["x"]), '"pipeline_tag" must be a text'),
    "index": (card(**{"model-index": {}}), '"model-index" must be a list'),
    "name": (card(**{"model-index": [{"results": []}]}), '"model-index[0].name"'),
    "results": (card(**{"model-index": [{"name": "x"}]}), '"model-index[0].results"'),
    "dataset": (card(**index(dataset={"type": "cmb"})), "results[0].dataset.name"),
    "metrics": (card(**index(metrics=[])), "results[0].metrics"),
    "value": (card(**index(metrics=[{"type": "a"}])), "results[0].metrics[0].value"),
    "yaml": ("---\na: [\n---\n", "its head is no YAML"),
    "list": ("---\n- a\n---\n", "its head is no mapping"),
    "none": ("# Model\n", "no YAML head"),
}


@pytest.mark.parametrize("text, message", BROKEN.values(), ids=list(BROKEN))
def test_a_broken_card_is_one_message_before_anything_is_sent(hub, release, text, message):
    release.paths["card"].write_text(text, encoding="utf-8")
    for dry_run in (False, True):
        with pytest.raises(UserError) as error:
            release.publish(dry_run=dry_run)
        said = str(error.value)
        assert "README.md: the Hub would not take it: " in said and message in said
        assert "\n" not in said
    assert hub.seen == []


def test_what_only_the_hub_refuses_is_one_message_too(hub, release, monkeypatch):
    """Its rules may be others than those that are known here."""
    monkeypatch.setattr(sync, "check_before", lambda target, files: sync.no_secrets(files))
    release.paths["card"].write_text(card(license="own", tags="x"), encoding="utf-8")
    with pytest.raises(UserError) as error:
        release.publish()
    said = str(error.value)
    assert said.startswith("demo/model: upload: the Hub does not take the card: \"license\" 'own'")
    assert '"tags" must be a list of texts. Correct its YAML head.' in said and "\n" not in said
    assert hub.asked("POST", "/commit/") == 0 and hub.record()["tags"] == {}


def test_the_loopback_answers_as_the_hub_does(hub):
    headers = {"Authorization": "Bearer hf_loopbacktoken"}
    with httpx2.Client(base_url=hub.url, headers=headers, trust_env=False) as client:
        for text, status in ((card(license="mit"), 200), (card(license="x"), 400)):
            body = {"content": text, "repoType": "model"}
            answer = client.post("/api/validate-yaml", json=body)
            assert answer.status_code == status
            assert bool(answer.json()["errors"]) is (status == 400)
            assert answer.json()["warnings"] == []
