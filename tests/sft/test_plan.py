"""The estimate of memory and time agrees with what torch, peft and the plan count."""

import re
from pathlib import Path

import pytest

from collectivesft.common.errors import InputError
from collectivesft.config.experiment import (
    Lora,
    ModelRecipe,
    Shape,
    Training,
    read_experiment,
    read_model,
)
from collectivesft.sft import plan as module
from collectivesft.sft.batches.packing import Plan
from collectivesft.sft.plan import estimate

CONFIG = Path(__file__).parents[2] / "config"
PAPER = CONFIG / "models/internlm2_5-7b.yaml"
SHAPE = Shape(layers=4, hidden=256, intermediate=640, key_value=64, vocabulary=64)


def network(layers: int = SHAPE.layers):
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        hidden_size=SHAPE.hidden,
        intermediate_size=SHAPE.intermediate,
        num_hidden_layers=layers,
        num_attention_heads=8,
        num_key_value_heads=2,
        vocab_size=SHAPE.vocabulary,
    )
    return LlamaForCausalLM(config).train()


def adapted(model, rank: int = 8):
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(r=rank, target_modules="all-linear", task_type="CAUSAL_LM")
    return get_peft_model(model, config)


def recipe(model) -> ModelRecipe:
    return ModelRecipe(
        title="Tiny",
        parameters=sum(p.numel() for p in model.parameters()),
        licence="MIT",
        source={},
        chat_template="chatml",
        shape=SHAPE,
    )


def kept(model, tokens: int) -> int:
    """Bytes that a forward pass keeps for the backward pass, weights and their copies left out."""
    import torch

    weights = {p.untyped_storage().data_ptr() for p in model.parameters()}
    sizes = {tuple(sorted(p.shape)) for p in model.parameters()}
    seen = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        copy = tuple(sorted(tensor.shape)) in sizes  # of a weight, in the lower precision
        if storage.data_ptr() not in weights and not copy:
            seen[storage.data_ptr()] = (storage.nbytes(), tensor)  # held, so that no other is there
        return tensor

    hooks = torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor)
    with hooks, torch.autocast("cpu", torch.bfloat16):
        ids = torch.randint(SHAPE.vocabulary, (1, tokens))
        model(input_ids=ids, position_ids=torch.arange(tokens)[None], use_cache=False)
    return sum(size for size, _ in seen.values())


@pytest.mark.parametrize("method", ["full", "lora"])
def test_activations_are_those_that_torch_keeps(method):
    import torch

    models = [network(layers) for layers in (2, 4)]
    if method == "lora":
        models = [adapted(model.to(torch.bfloat16)) for model in models]
    tokens = 384
    two_layers = kept(models[1], tokens) - kept(models[0], tokens)
    training = Training(method=method, max_tokens_per_forward=tokens, max_length=16)
    assumed = 2 * tokens * module.kept(SHAPE, training)
    assert two_layers / assumed == pytest.approx(1, abs=0.2)


@pytest.mark.parametrize("method", ["full", "lora"])
def test_operations_are_those_that_torch_counts(method):
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    model = network()
    found = recipe(model)
    if method == "lora":
        model = adapted(model)
    tokens = 64
    with FlopCounterMode(display=False) as counter:
        ids = torch.randint(SHAPE.vocabulary, (1, tokens))
        model(input_ids=ids, use_cache=False).logits.sum().backward()
    assumed = tokens * module.flops_per_token(found, SHAPE, Training(method=method), tokens)
    assert counter.get_total_flops() / assumed == pytest.approx(1, abs=0.15)


def test_adapters_are_those_of_peft():
    model = adapted(network(), 6)
    count = sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert module.adapters(SHAPE, Lora(r=6)) == count


@pytest.mark.parametrize(
    "examples, changes", [(1000, {}), (10, {"epochs": 0.1}), (999, {"max_steps": 5})]
)
def test_steps_are_those_of_the_plan(examples, changes):
    import numpy as np

    training = Training(**changes)
    assert module.number_of_steps(training, examples) == Plan(np.ones(examples), training).steps


def test_full_states_are_16_bytes_a_weight_shared_among_gpus():
    model = read_model(PAPER)
    training = read_experiment(CONFIG / "experiments/collective.yaml").training
    one, eight = (module.states(model, model.shape, training, gpus) for gpus in (1, 8))
    name = "weights, gradients, moments"
    assert one[name] == 16 * model.parameters == 8 * eight[name]


def test_bfloat16_alone_takes_half(job):
    """8 bytes a weight, no copies of it, and less between layers; a checkpoint has 6 of the 8."""
    model = read_model(PAPER)
    wide = read_experiment(CONFIG / "experiments/collective.yaml").training
    half = wide.model_copy(update={"master_weights": "bfloat16"})
    found = [module.states(model, model.shape, each, 1) for each in (wide, half)]
    name = "weights, gradients, moments"
    assert found[1] == {name: 8 * model.parameters}
    assert found[0][name] == 2 * found[1][name]
    ends = [module.moments(model, model.shape, each, 1)[0] for each in (wide, half)]
    kept_here = [end["activations"] for end in ends]
    assert kept_here[1] < kept_here[0]
    tiny = job("tiny", max_steps=1, precision="bfloat16", master_weights="bfloat16").run()
    files = list((tiny.folder / "checkpoints/step-00000001").glob("*.safetensors"))
    weights = sum(p.numel() for p in loaded(tiny.folder / "trained").parameters())
    assert sum(path.stat().st_size for path in files) / weights == pytest.approx(6, rel=0.2)


def loaded(folder):
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder)


@pytest.mark.parametrize("name", sorted(path.stem for path in (CONFIG / "models").glob("*.yaml")))
@pytest.mark.parametrize("kept", ["float32", "bfloat16"])
def test_what_fits_can_be_loaded(name, kept):
    """While shards are made, one layer is there in full, or what no layer has (World.shard)."""
    model, training = read_model(CONFIG / f"models/{name}.yaml"), Training(master_weights=kept)
    shape, width = model.shape, {"float32": 4, "bfloat16": 2}[kept]
    tables = 2 * shape.vocabulary * shape.hidden
    layer = model.parameters / shape.layers
    for gpus in (2, 8, 64, 512):
        loading = width * (model.parameters / gpus + max(layer, tables))
        found = module.peak_memory(model, shape, training, gpus)
        assert loading < sum(found.values())


def test_what_no_layer_has_is_there_in_full_during_a_pass():
    model = read_model(PAPER)
    found = module.at_work(model, model.shape, Training(), 8)[0]
    tables = 2 * 2 * model.shape.vocabulary * model.shape.hidden
    layer = 2 * model.parameters / model.shape.layers
    assert tables + layer < found < tables + 2 * layer


def test_by_ddp_every_gpu_holds_everything():
    model = read_model(PAPER)
    lora = read_experiment(CONFIG / "experiments/collective-lora.yaml").training
    whole = Training(method="full", distributed="ddp")
    for training in (lora, whole):
        one, eight = (module.states(model, model.shape, training, gpus) for gpus in (1, 8))
        assert one == eight


def paper(experiment: str, gpus: int, gpu: str = "h100-80gb"):
    training = read_experiment(CONFIG / f"experiments/{experiment}.yaml").training
    return estimate(PAPER, read_model(PAPER), training, 4_270_000, 250, gpu, gpus, 0.35)


def test_the_papers_run_fits_eight_gpus_and_lora_one():
    assert paper("collective", 8).fits
    assert not paper("collective", 1).fits
    assert paper("collective-lora", 1).fits
    assert not paper("collective-lora", 1, "rtx4090-24gb").fits


def test_time_is_operations_over_what_the_gpus_do():
    found = paper("collective", 8)
    assert found.steps == 3 * 16_680
    assert found.tokens == found.steps * 256 * 250
    assert found.hours == pytest.approx(found.flops / (989e12 * 0.35) / 3600)
    assert found.flops / found.tokens == pytest.approx(6 * 7.36e9, rel=0.02)
    speed = found.tokens / found.hours / 3600
    assert 5_000 < speed < 9_000  # torchtitan reports 5,762 for Llama-3.1-8B at 8,192 tokens


MODELS = ["internlm2_5-7b", "internlm2_5-1_8b", "qwen2.5-0.5b", "qwen2.5-1.5b", "qwen2.5-7b"]


@pytest.mark.parametrize("name", MODELS)
def test_shapes_of_the_repository_make_up_their_parameters(name):
    model = read_model(CONFIG / f"models/{name}.yaml")
    shape = model.shape
    layer = 2 * shape.hidden**2 + 2 * shape.hidden * shape.key_value
    layer += 3 * shape.hidden * shape.intermediate
    table = shape.vocabulary * shape.hidden
    counts = [shape.layers * layer + tables * table for tables in (1, 2)]
    assert any(model.parameters == pytest.approx(count, rel=0.002) for count in counts)


def test_every_model_of_the_repository_has_a_shape():
    assert all(read_model(path).shape for path in (CONFIG / "models").glob("*.yaml"))


def test_command_says_what_fits_and_what_was_assumed(start):
    arguments = ["--model", PAPER, "--recipe", CONFIG / "experiments/collective.yaml"]
    arguments += ["--examples", 4_270_000, "--mean-tokens", 250, "--gpu", "h100-80gb"]
    for gpus, verdict in ((8, ": fits"), (1, ": DOES NOT FIT")):
        process = start("sft", "plan", *arguments, "--gpus", gpus)
        out, errors = process.communicate(timeout=500)
        assert process.returncode == 0, errors
        assert verdict in out
        assert "GPU-hours" in out and "989 TFLOP/s (dense bfloat16), 35% of it used" in out


def test_model_without_a_shape_is_refused(workshop):
    path = workshop.model()
    with pytest.raises(InputError, match="no shape, which the estimate needs"):
        estimate(path, read_model(path), Training(), 10, 10, "h100-80gb", 1, 0.35)


def test_seeds_are_counted_once_each(workshop, start):
    recipe = workshop.yaml({"title": "Mine", "base": "internlm2_5-7b", "seeds": [42, 1, 2]})
    arguments = ["--model", PAPER, "--recipe", recipe, "--examples", 256_000]
    process = start("sft", "plan", *arguments, "--mean-tokens", 250, "--gpu", "h100-80gb")
    out, errors = process.communicate(timeout=500)
    assert process.returncode == 0, errors
    (one,) = re.findall(r"([\d.]+) GPU-hours,", out)
    (three,) = re.findall(r"3 seeds: ([\d.]+) GPU-hours", out)
    assert float(three) == pytest.approx(3 * float(one), abs=0.2)


def test_the_plan_knows_how_many_numbers_the_rounding_optimiser_works_on_at_once():
    from collectivesft.sft.kernels import stochastic_adamw
    from collectivesft.sft.plan import ROUNDED

    assert ROUNDED == stochastic_adamw.PIECE
