"""A model that lets packed examples see each other is found before its first step."""

import pytest

from collectivesft.sft.batches.packing_check import keeps_apart
from collectivesft.sft.batches.token_files import Tokens
from collectivesft.sft.distributed.world import World
from collectivesft.sft.kernels import packed_attention

ALONE = World(0, 1, "cpu")
SIZES = {
    "llama": {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2},
    "gpt2": {"n_embd": 32, "n_layer": 2, "n_head": 2},
    "bloom": {"hidden_size": 64, "n_layer": 4, "n_head": 4},
    "falcon": {"hidden_size": 64, "num_hidden_layers": 4, "num_attention_heads": 4},
    "mpt": {"d_model": 64, "n_layers": 4, "n_heads": 4},
}


@pytest.fixture
def tokens(workshop) -> Tokens:
    return Tokens.load(workshop.tokens(workshop.base()), "train")


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize(
    ("kind", "wanted"),
    [("llama", True), ("gpt2", True), ("bloom", False), ("falcon", False), ("mpt", False)],
)
def test_models_are_told_apart_by_what_they_compute(tokens, kind, wanted, precision):
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    heads = {"num_attention_heads": 2, "num_key_value_heads": 1}
    more = heads if kind == "llama" else {}
    config = AutoConfig.for_model(kind, vocab_size=300, **SIZES[kind], **more)
    name = packed_attention.register() if packed_attention.supported(config) else None
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config, attn_implementation=name)
    model = model.to(getattr(torch, precision)).train()
    assert keeps_apart(model, tokens, ALONE) is wanted
    assert model.training


def test_a_model_that_does_not_takes_its_examples_one_by_one(job, monkeypatch, capfd):
    from collectivesft.sft.loop import trainer

    monkeypatch.setattr(trainer, "keeps_apart", lambda *_: False)
    made = job("apart", max_steps=2).run()
    assert "each example gets a forward pass by itself" in capfd.readouterr().err
    monkeypatch.undo()
    together = job("together", max_steps=2).run()
    losses = [[row["loss"] for row in each.history if "loss" in row] for each in (made, together)]
    assert losses[0] == pytest.approx(losses[1], rel=2e-5)
