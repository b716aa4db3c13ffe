"""A base whose files are not of one model ends in one line, before anything is trained."""

import json
from pathlib import Path

import pytest

from collectivesft.common.errors import InputError
from collectivesft.common.files import read_json
from collectivesft.models import chat
from collectivesft.models.convert.base_check import check_model, check_tokenizer, remove_code
from collectivesft.sft.base import make_base


@pytest.fixture
def raw(workshop) -> dict[str, bytes]:
    kept = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")
    return {name.replace(".", "__"): (workshop.base() / name).read_bytes() for name in kept}


@pytest.fixture
def make(workshop, raw, tmp_path):
    """Make a base; the arguments change its configuration, ``files`` replace its files."""

    def run(files: dict[str, bytes] | None = None, recipe: dict | None = None, **config) -> Path:
        changed = json.loads(raw["config__json"]) | config
        chosen = raw | {"config__json": json.dumps(changed).encode()} | (files or {})
        source = {"source": {"kind": "folder", "path": "x"}, "architecture": None}
        model = workshop.model(**source | (recipe or {}))
        make_base(model, workshop.manifest(**chosen), tmp_path / "base")
        return tmp_path / "base"

    return run


def weights(workshop, change) -> dict[str, bytes]:
    """The raw weights after ``change``, which edits name to tensor in place."""
    from safetensors.torch import load, save

    tensors = load((workshop.base() / "model.safetensors").read_bytes())
    change(tensors)
    return {"model__safetensors": save(tensors, {"format": "pt"})}


def test_a_missing_tensor_is_named(make, workshop):
    files = weights(workshop, lambda tensors: tensors.pop("model.layers.1.mlp.up_proj.weight"))
    with pytest.raises(InputError, match=r"1 tensors are missing .*model\.layers\.1\.mlp\.up_proj"):
        make(files)


def test_a_tensor_of_another_name_is_named(make, workshop):
    def rename(tensors):
        tensors["model.layers.1.mlp.up.weight"] = tensors.pop("model.layers.1.mlp.up_proj.weight")

    with pytest.raises(InputError, match=r"tensors are missing .*layers\.1\.mlp\.up_proj"):
        make(weights(workshop, rename))


def test_a_tensor_of_another_shape_is_named(make, workshop):
    import torch

    def cut(tensors):
        tensors["model.norm.weight"] = torch.ones(3)

    with pytest.raises(InputError, match=r"tensor model\.norm\.weight is \(3,\) where config"):
        make(weights(workshop, cut))


def test_more_layers_than_the_configuration_says_are_refused(make):
    with pytest.raises(InputError, match="tensors of more layers than config"):
        make(num_hidden_layers=1)


def test_fewer_layers_than_the_configuration_says_are_refused(make):
    with pytest.raises(InputError, match="tensors are missing in the weights"):
        make(num_hidden_layers=9)


def test_a_list_in_the_configuration_is_refused(make):
    with pytest.raises(InputError, match="Fetch config"):
        make({"config__json": b"[1]"})


def test_a_cut_gguf_is_refused(workshop, tmp_path):
    source = {"source": {"kind": "folder", "path": "x"}, "architecture": None}
    manifest = workshop.manifest(model__gguf=b"GGUF\x03\0\0\0")
    with pytest.raises(InputError, match=r"model\.gguf: transformers cannot read it"):
        make_base(workshop.model(**source), manifest, tmp_path / "base")
    assert list(tmp_path.iterdir()) == []


def test_a_softcap_on_attention_is_refused(tmp_path):
    from transformers import AutoConfig, AutoModelForCausalLM

    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2, "head_dim": 8}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 1, "vocab_size": 40}
    config = AutoConfig.for_model("gemma2", **sizes, **heads)
    AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path)
    with pytest.raises(InputError, match="gemma2 caps attention scores"):
        check_model(tmp_path / "manifest.json", tmp_path)


def test_a_token_without_a_row_is_refused(workshop):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(workshop.base())
    check_tokenizer(Path("m"), tokenizer, chat.END_OF_TURN["chatml"], len(tokenizer))
    with pytest.raises(InputError, match="the vocabulary's last has the id"):
        check_tokenizer(Path("m"), tokenizer, chat.END_OF_TURN["chatml"], len(tokenizer) - 1)


def test_an_adapter_on_a_tied_output_layer_is_refused(workshop, raw, make):
    base = workshop.base("gpt2")
    files = {
        name.replace(".", "__"): (base / name).read_bytes()
        for name in ("config.json", "model.safetensors")
    }
    with pytest.raises(InputError, match="Remove lm_head from lora_targets"):
        make(files, recipe={"lora_targets": ["c_attn", "lm_head"]})


def test_code_of_a_repository_is_neither_copied_nor_named(tmp_path):
    (tmp_path / "modeling_x.py").write_text("raise SystemExit\n")
    for name in ("config.json", "tokenizer_config.json"):
        (tmp_path / name).write_text('{"auto_map": {"AutoConfig": "modeling_x.X"}, "a": 1}')
    remove_code(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "config.json",
        "tokenizer_config.json",
    ]
    assert read_json(tmp_path / "config.json") == {"a": 1}


def test_a_tokenizer_that_names_code_is_never_offered(make, raw, monkeypatch):
    """With a terminal transformers would ask, and ``y`` would run the code."""
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("asked"))
    settings = json.loads(raw["tokenizer_config__json"]) | {
        "auto_map": {"AutoTokenizer": ["tokenization_x.X", None]}
    }
    folder = make({"tokenizer_config__json": json.dumps(settings).encode()})
    assert "auto_map" not in read_json(folder / "tokenizer_config.json")


def test_the_folder_holds_the_keys_of_older_programs(make, workshop):
    from transformers import AutoTokenizer

    folder = make()
    settings = read_json(folder / "tokenizer_config.json")
    assert settings["tokenizer_class"] == "PreTrainedTokenizerFast"
    assert "<|im_end|>" in settings["additional_special_tokens"]
    assert "extra_special_tokens" not in settings
    tokenizer = AutoTokenizer.from_pretrained(folder)
    end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    assert settings["added_tokens_decoder"][str(end)]["content"] == "<|im_end|>"
    assert settings["added_tokens_decoder"][str(end)]["special"] is True
    text = "<|im_start|>user\n头痛<|im_end|>"
    assert (
        tokenizer(text).input_ids == AutoTokenizer.from_pretrained(workshop.base())(text).input_ids
    )


@pytest.mark.parametrize(
    ("rope", "old"),
    [
        ({"rope_type": "default", "rope_theta": 1e6}, {"rope_theta": 1e6, "rope_scaling": None}),
        (
            {"rope_type": "dynamic", "rope_theta": 5e5, "factor": 2.0},
            {"rope_theta": 5e5, "rope_scaling": {"rope_type": "dynamic", "factor": 2.0}},
        ),
    ],
)
def test_rotary_positions_have_both_spellings(tmp_path, rope, old):
    from collectivesft.models.convert.older_formats import add_model_keys

    config = {"model_type": "llama", "rope_parameters": rope}
    (tmp_path / "config.json").write_text(json.dumps(config))
    add_model_keys(tmp_path)
    assert read_json(tmp_path / "config.json") == config | old
    by_layer = {"rope_parameters": {"full_attention": rope, "sliding_attention": rope}}
    (tmp_path / "config.json").write_text(json.dumps(by_layer))
    add_model_keys(tmp_path)
    assert read_json(tmp_path / "config.json") == by_layer
