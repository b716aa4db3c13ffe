"""The merged model answers as the trained one does, and loads without peft."""

import stat

import pytest

from collectivesft.common.files import read_json, sha256
from collectivesft.sft.batches.batch import make_batch
from collectivesft.sft.batches.token_files import Tokens
from collectivesft.sft.merge import merge
from collectivesft.sft.train import train

SETTINGS = {
    "lora": {"method": "lora", "lora": {"r": 4, "alpha": 16}, "learning_rate": 1e-2},
    "full": {"method": "full"},
}


@pytest.fixture(scope="module", params=["llama-lora", "llama-full", "gemma3-lora"])
def trained(request, workshop, tmp_path_factory):
    """Base, trained weights, merged model and tokens of a training that changed the model."""
    kind, method = request.param.split("-")
    base = workshop.base(kind, {"llama": "chatml", "gemma3": "gemma"}[kind])
    tokens, recipe = workshop.tokens(base), workshop.recipe(epochs=4, **SETTINGS[method])
    folder = tmp_path_factory.mktemp(request.param)
    out = folder / "trained"
    train(tokens, base, recipe, folder / "checkpoints", folder / "history.jsonl", out, threads=1)
    merge(base, out, recipe, folder / "model")
    merge(base, out, recipe, folder / "again")
    return base, out, folder / "model", tokens


def network(folder, base=None):
    """A model in float32, with the adapter of ``folder`` where a base is given."""
    import torch
    from transformers import AutoModelForCausalLM

    if base is None:
        return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    from peft import PeftModel

    plain = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    return PeftModel.from_pretrained(plain, folder)


def test_logits_are_those_of_the_trained_model_but_for_rounding(trained):
    import torch

    base, out, merged, tokens = trained
    adapter = base if (out / "adapter_config.json").exists() else None
    batch = make_batch(Tokens.load(tokens, "train"), list(range(7)))

    def logits(model):
        with torch.no_grad():
            return model(input_ids=batch.ids, position_ids=batch.positions).logits

    before, wanted, found = (
        logits(network(base)),
        logits(network(out, adapter)),
        logits(network(merged)),
    )
    changed = (wanted - before).abs().mean()
    assert (found - wanted).abs().mean() < 0.05 * changed  # weights have 8 bits of mantissa
    agree = (found.argmax(-1) == wanted.argmax(-1)).float().mean()
    assert agree > 0.95 > (before.argmax(-1) == wanted.argmax(-1)).float().mean()


def test_every_weight_is_the_trained_one_rounded_once(trained):
    import torch
    from safetensors.torch import load_file

    base, out, merged, _ = trained
    found = load_file(merged / "model.safetensors")
    assert {tensor.dtype for tensor in found.values()} == {torch.bfloat16}
    if not (out / "adapter_config.json").exists():
        wanted = load_file(out / "model.safetensors")
    else:
        wanted = dict(load_file(base / "model.safetensors"))
        adapter = load_file(out / "adapter_model.safetensors")
        scale = read_json(out / "adapter_config.json")["lora_alpha"] / 4
        for name in [name for name in adapter if "lora_A" in name]:
            target = name.replace("base_model.model.", "").replace("lora_A.", "")
            low = adapter[name.replace("lora_A", "lora_B")].float() @ adapter[name].float()
            wanted[target] = wanted[target].float() + scale * low
    assert found.keys() == wanted.keys()
    for name, tensor in wanted.items():
        torch.testing.assert_close(found[name].float(), tensor.float(), rtol=2**-8, atol=1e-6)


def test_folder_has_all_that_is_needed_to_talk(trained):
    base, _, merged, _ = trained
    own = {"config.json", "model.safetensors"}
    taken = {
        "tokenizer.json",
        "tokenizer_config.json",
        "training_template.jinja",
        "chat_template.jinja",
        "generation_config.json",
    }
    assert {path.name for path in merged.iterdir()} == own | taken
    for name in taken:
        assert (merged / name).read_bytes() == (base / name).read_bytes()


def test_folder_says_nothing_of_this_machine_and_can_be_read_by_others(trained):
    merged = trained[2]
    for path in merged.glob("*.json"):
        assert "/tmp" not in path.read_text() and str(merged.parent) not in path.read_text()
    modes = {stat.S_IMODE(path.stat().st_mode) for path in merged.iterdir()}
    assert modes == {stat.S_IMODE(merged.stat().st_mode) & 0o666}


def test_same_weights_give_the_same_bytes(trained):
    merged = trained[2]
    for path in merged.iterdir():
        assert sha256(path) == sha256(merged.with_name("again") / path.name), path.name


def test_it_answers_until_the_end_of_turn(workshop, conversations, tmp_path):
    """The whole way: a model that learned two answers by heart gives them and stops."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    base = workshop.base()
    pairs = [conversations[0], conversations[6]]
    from collectivesft.sft.tokenize import tokenize

    recipe = workshop.recipe(
        epochs=60, learning_rate=5e-3, lr_scheduler="constant", warmup_ratio=0, global_batch_size=2
    )
    parts = (workshop.mixture(pairs), workshop.mixture([]))
    tokenize(*parts, base, recipe, tmp_path / "tokens")
    places = [tmp_path / name for name in ("checkpoints", "history.jsonl", "trained")]
    train(tmp_path / "tokens", base, recipe, *places, threads=1)
    merge(base, places[2], recipe, tmp_path / "model")

    model = AutoModelForCausalLM.from_pretrained(tmp_path / "model", dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model")
    for question, answer in pairs:
        inputs = tokenizer.apply_chat_template(
            [{"role": "user", "content": question[1]}],
            add_generation_prompt=True,
            return_tensors="pt",
            return_dict=True,
        )
        with torch.inference_mode():
            output = model.generate(**inputs, max_new_tokens=64)
        text = tokenizer.decode(output[0, inputs["input_ids"].shape[1] :])
        assert text == answer[1] + "<|im_end|>"


def test_log_stays_empty(trained, workshop, tmp_path, capfd, recwarn):
    base, out, _, _ = trained
    method = "lora" if (out / "adapter_config.json").exists() else "full"
    merge(base, out, workshop.recipe(**SETTINGS[method]), tmp_path / "model")
    assert capfd.readouterr().err == ""
    assert [str(w.message) for w in recwarn if w.category is FutureWarning] == []


def test_large_weights_are_cut_into_shards(trained, tmp_path, monkeypatch, workshop):
    import torch

    base, out, merged, _ = trained
    monkeypatch.setattr("collectivesft.sft.merge.MAX_SHARD", "20KB")
    settings = {"method": "lora" if (out / "adapter_config.json").exists() else "full"}
    merge(base, out, workshop.recipe(**settings), tmp_path / "model")
    shards = sorted(tmp_path.glob("model/*.safetensors"))
    index = read_json(tmp_path / "model/model.safetensors.index.json")
    assert len(shards) > 1 and set(index["weight_map"].values()) == {p.name for p in shards}
    one, other = network(merged).state_dict(), network(tmp_path / "model").state_dict()
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("template", ["chatml", "gemma", "gemma_base"])
def test_the_marked_template_gives_the_labels_of_the_training(
    workshop, conversations, tmp_path, template
):
    """``return_assistant_tokens_mask`` of a merged model, as TRL's assistant_only_loss reads it."""
    from transformers import AutoTokenizer

    from collectivesft.sft.batches.token_files import Tokens

    base, recipe = workshop.base(template=template), workshop.recipe(max_steps=1)
    tokens, places = workshop.tokens(base), [tmp_path / n for n in ("checkpoints", "h", "trained")]
    train(tokens, base, recipe, *places, threads=1)
    merge(base, places[2], recipe, tmp_path / "model")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model")
    assert "generation %}" not in tokenizer.chat_template.replace("add_generation_prompt -%}", "")
    marked = (tmp_path / "model/training_template.jinja").read_text("utf-8")
    trained_on = Tokens.load(tokens, "train")
    kept = 0
    for number, turns in enumerate(conversations):
        messages = [{"role": role, "content": content} for role, content in turns]
        how = {"return_dict": True, "return_assistant_tokens_mask": True}
        found = tokenizer.apply_chat_template(messages, chat_template=marked, **how)
        assert (
            found["input_ids"]
            == tokenizer.apply_chat_template(messages, return_dict=True)["input_ids"]
        )
        assert 0 < sum(found["assistant_masks"]) < len(found["input_ids"])
        if len(found["input_ids"]) > 256:  # cut by the recipe
            continue
        start, end = trained_on.offsets[number : number + 2]
        assert found["input_ids"] == trained_on.ids[start:end].tolist()
        assert found["assistant_masks"] == trained_on.mask[start:end].tolist()
        kept += 1
    assert kept > 3
