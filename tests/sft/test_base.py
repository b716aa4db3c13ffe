"""A base model becomes one plain folder with chat template and facts, or nothing at all."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from collectivesft.common.errors import InputError
from collectivesft.common.files import read_json, sha256
from collectivesft.models import chat
from collectivesft.sft.base import count_parameters, make_base
from tests.helpers.internlm2_upstream import write_model


def text_of(path: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in path.iterdir()}


@pytest.fixture(scope="module")
def raw(workshop) -> dict[str, bytes]:
    """The files of a model as they lie on the Hub: no chat template, no facts."""
    kept = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")
    folder = workshop.base()
    return {name.replace(".", "__"): (folder / name).read_bytes() for name in kept}


@pytest.fixture
def make(workshop, raw, tmp_path):
    """Make a base from raw files; the arguments replace files (None: not there)."""

    def run(template: str = "chatml", licence: str = "Apache-2.0", **files: bytes | None) -> Path:
        chosen = {name: content for name, content in (raw | files).items() if content is not None}
        source = {"kind": "folder", "path": "somewhere"}
        model = workshop.model(template=template, licence=licence, source=source, architecture=None)
        manifest = workshop.manifest(**chosen)
        before = text_of(manifest.parent / "files")
        try:
            make_base(model, manifest, tmp_path / "base")
        finally:
            assert text_of(manifest.parent / "files") == before  # raw files are never written to
        return tmp_path / "base"

    return run


def test_facts_say_what_the_model_is(workshop):
    from transformers import AutoModelForCausalLM

    path = workshop.base("gemma3", "gemma")
    facts = read_json(path / "base.json")
    network = AutoModelForCausalLM.from_pretrained(path)
    assert facts.pop("name").isdigit()  # the recipe's file name
    assert facts == {
        "title": "Tiny gemma3",
        "licence": "Apache-2.0",
        "licence_url": None,
        "homepage": None,
        "notes": "",
        "chat_template": "gemma",
        "lora_targets": None,
        "positions": 2048,
        "parameters": sum(p.numel() for p in network.parameters()),
        "weights": {"model.safetensors": sha256(path / "model.safetensors")},
    }


def test_a_template_in_a_file_gives_the_tokens_of_the_same_text(workshop, conversations):
    from transformers import AutoTokenizer

    from collectivesft.sft.tokenize import tokenize

    ours, own = workshop.base(), workshop.folder / "own"
    (workshop.folder / "mine.jinja").write_text(chat.training_template("chatml"), "utf-8")
    recipe = workshop.model(template="mine.jinja", end_of_turn="<|im_end|>")
    make_base(recipe, workshop.manifest(), own)
    assert read_json(own / "base.json")["chat_template"] == "mine.jinja"
    assert AutoTokenizer.from_pretrained(own).chat_template == chat.plain_template("chatml")
    parts = (workshop.mixture(conversations), workshop.mixture(conversations[:2]))
    for name, base in (("a", ours), ("b", own)):
        tokenize(*parts, base, workshop.recipe(), workshop.folder / f"tokens-{name}")
    pairs = [
        {path.name: path.read_bytes() for path in (workshop.folder / f"tokens-{name}").glob("*.*")}
        for name in "ab"
    ]
    assert pairs[0] == pairs[1] and len(pairs[0]) > 2


def test_a_template_s_variables_are_expanded_by_the_caller(workshop, monkeypatch):
    """An image has none of the machine's variables."""
    monkeypatch.delenv("TEMPLATES", raising=False)
    (workshop.folder / "mine.jinja").write_text(chat.training_template("chatml"), "utf-8")
    recipe = workshop.model(template="$TEMPLATES/mine.jinja", end_of_turn="<|im_end|>")
    out = workshop.folder / "own"
    make_base(recipe, workshop.manifest(), out, workshop.folder / "mine.jinja")
    assert (out / chat.OWN).is_file()


@pytest.mark.parametrize("template", ["chatml", "gemma"])
def test_folder_loads_with_the_chat_template_and_its_end_of_turn(make, template):
    from transformers import AutoTokenizer, GenerationConfig

    folder = make(template=template)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert tokenizer.chat_template == chat.plain_template(template)
    end = tokenizer.convert_tokens_to_ids(chat.END_OF_TURN[template])
    settings = GenerationConfig.from_pretrained(folder)
    assert settings.eos_token_id == sorted([tokenizer.eos_token_id, end])
    assert settings.pad_token_id == tokenizer.pad_token_id
    assert settings.do_sample is False


def test_weights_are_those_of_the_raw_files(make, raw):
    folder = make()
    assert (folder / "model.safetensors").read_bytes() == raw["model__safetensors"]
    assert json.loads((folder / "config.json").read_text()) == json.loads(raw["config__json"])


def test_own_settings_of_the_raw_model_are_replaced(make):
    folder = make(
        generation_config__json=b'{"do_sample": true, "temperature": 0.7}',
        chat_template__jinja=b"{{ 'mine' }}",
    )
    assert "temperature" not in read_json(folder / "generation_config.json")
    assert (folder / "chat_template.jinja").read_text() == chat.plain_template("chatml")


def test_random_model_is_the_same_every_time(workshop, tmp_path):
    from collectivesft.common.files import dump_json

    again = tmp_path / "again"
    make_base(workshop.model(), workshop.manifest(), again)
    for name, content in text_of(workshop.base()).items():
        if name != "base.json":  # has the recipe's name, here a number
            assert (again / name).read_bytes() == content, name
    facts = [read_json(folder / "base.json") | {"name": ""} for folder in (again, workshop.base())]
    assert dump_json(facts[0]) == dump_json(facts[1])


def test_files_can_be_read_by_others(make, workshop):
    for folder in (make(), workshop.base()):
        modes = {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
        assert modes == {stat.S_IMODE(folder.stat().st_mode) & 0o666}


def test_weights_are_counted_over_all_shards(workshop, tmp_path):
    from transformers import AutoModelForCausalLM

    network = AutoModelForCausalLM.from_pretrained(workshop.base())
    network.save_pretrained(tmp_path, max_shard_size="20KB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 1
    assert count_parameters(tmp_path) == sum(p.numel() for p in network.parameters())


def test_weights_in_torchs_own_format_become_safetensors(workshop, make, tmp_path):
    """As CPM-Generate's: one .bin, with the tied output layer once more and the masks."""
    import torch
    from transformers import AutoModelForCausalLM

    base = workshop.base("gpt2")
    network = AutoModelForCausalLM.from_pretrained(base)
    state = dict(network.state_dict())
    assert state["lm_head.weight"].data_ptr() == state["transformer.wte.weight"].data_ptr()
    torch.save(state | {"transformer.h.0.attn.bias": torch.ones(1)}, tmp_path / "weights")
    weights = (tmp_path / "weights").read_bytes()
    (tmp_path / "weights").unlink()
    config = (base / "config.json").read_bytes()
    folder = make(model__safetensors=None, pytorch_model__bin=weights, config__json=config)
    assert not list(folder.glob("*.bin"))
    again = AutoModelForCausalLM.from_pretrained(folder).state_dict()
    assert all(torch.equal(again[name], state[name]) for name in again)


def test_tokenizer_without_the_end_of_turn_is_refused(make, raw, tmp_path):
    tokenizer = json.loads(raw["tokenizer__json"])
    tokenizer["added_tokens"] = [
        t for t in tokenizer["added_tokens"] if "im_end" not in t["content"]
    ]
    del tokenizer["model"]["vocab"]["<|im_end|>"]
    settings = json.loads(raw["tokenizer_config__json"])
    settings["additional_special_tokens"].remove("<|im_end|>")
    del settings["added_tokens_decoder"]
    with pytest.raises(InputError) as caught:
        make(
            tokenizer__json=json.dumps(tokenizer).encode(),
            tokenizer_config__json=json.dumps(settings).encode(),
        )
    assert "the tokenizer has no token <|im_end|> of the chat template chatml" in str(caught.value)
    assert "Choose another chat_template" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


WRONG = {
    "no weights": ({"model__safetensors": None}, "no weights among config.json, tokenizer.json"),
    "no configuration": ({"config__json": None}, "config.json is needed"),
    "unknown architecture": (
        {"config__json": b'{"model_type": "baichuan"}'},
        "transformers has no architecture 'baichuan'",
    ),
    "no tokenizer": (
        {"tokenizer__json": None, "tokenizer_config__json": None},
        "transformers cannot load the tokenizer",
    ),
    "weights cut off": (
        {"model__safetensors": b"\x10"},
        "model.safetensors: not a safetensors file",
    ),
}


@pytest.mark.parametrize("files, message", WRONG.values(), ids=list(WRONG))
def test_what_is_no_model_is_refused_and_leaves_nothing(make, tmp_path, files, message):
    with pytest.raises(InputError) as caught:
        make(**files)
    assert message in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_tokenizer_that_asks_for_another_package_is_refused(make, tmp_path):
    """CPM's, which cuts text into words with rjieba."""
    write_model(tmp_path / "spiece", model_type="unigram", byte_fallback=False, vocab_size=300)
    spiece = (tmp_path / "spiece").read_bytes()
    (tmp_path / "spiece").unlink()
    config = b'{"model_type": "gpt2", "tokenizer_class": "CpmTokenizer"}'
    none = {"tokenizer__json": None, "tokenizer_config__json": None}
    with pytest.raises(InputError) as caught:
        make(config__json=config, spiece__model=spiece, **none)
    assert "transformers cannot load the tokenizer" in str(caught.value)
    assert "rjieba" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_random_model_without_an_architecture_is_refused(workshop, tmp_path):
    recipe = workshop.model(architecture=None)
    with pytest.raises(InputError, match=r"architecture\.model_type: missing for source"):
        make_base(recipe, workshop.manifest(), tmp_path / "base")
    assert list(tmp_path.iterdir()) == []


def test_bars_of_other_programs_stay_out_of_the_log():
    """Also those that tqdm shows itself, such as the reader's of GGUF files."""
    code = (
        "import collectivesft.sft.base as base;"
        "base.quiet();"
        "from tqdm.auto import tqdm;"
        "from transformers.utils import logging;"
        "print(sum(tqdm(range(3))) + sum(logging.tqdm(range(3))))"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    environment.pop("TQDM_DISABLE", None)
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("6\n", "")
