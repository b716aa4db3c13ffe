"""`sft plan` predicts the memory that the tracker of torch counts, within 10 %."""

import json
from pathlib import Path

import pytest

from collectivesft.config.experiment import ModelRecipe, Shape, Training, read_model
from collectivesft.sft.plan import peak_memory

ROOT = Path(__file__).parents[2]
ROWS = json.loads((ROOT / "benchmarks/results/plan_memory.json").read_text(encoding="utf-8"))
# Real widths, few layers.
SHAPE = Shape(layers=3, hidden=1024, intermediate=4096, key_value=512, vocabulary=32000)
LLAMA = {"model_type": "llama", "head_dim": 128, "num_attention_heads": 8}
LORA = {"method": "lora", "lora": {"r": 64, "alpha": 128}}
WIDE, AGAIN = {"precision": "float32"}, {"gradient_checkpointing": True}


@pytest.fixture
def memory():
    """The benchmark, imported when a test runs: it imports torch."""
    from benchmarks import plan_memory

    return plan_memory


def recipe(shape: Shape) -> ModelRecipe:
    """A recipe with the number of weights that a network of this shape has."""
    layer = 2 * shape.hidden * (shape.hidden + shape.key_value)
    layer += 3 * shape.hidden * shape.intermediate
    return ModelRecipe(
        title="Small",
        parameters=shape.layers * layer + 2 * shape.vocabulary * shape.hidden,
        licence="MIT",
        source={},
        chat_template="chatml",
        shape=shape,
    )


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['model']} {row['settings']}")
def test_the_plan_is_within_ten_percent_of_what_was_tracked(row):
    model = read_model(ROOT / f"config/models/{row['model']}.yaml")
    planned = sum(peak_memory(model, model.shape, Training(**row["settings"]), 1).values())
    assert planned / row["tracked"] == pytest.approx(1, abs=0.1)
    assert row["planned"] == pytest.approx(planned, abs=9)  # the table is of this code


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        {},
        AGAIN | {"max_tokens_per_forward": 16384},
        {"master_weights": "bfloat16"},
        WIDE,
        WIDE | {"max_tokens_per_forward": 4096},
        LORA,
        LORA | WIDE | {"max_tokens_per_forward": 4096},
    ],
    ids=str,
)
def test_the_engine_takes_the_memory_that_is_planned(settings, memory):
    model, training = recipe(SHAPE), Training(**settings)
    tracked = memory.tracked(model, training, **LLAMA)
    assert sum(memory.planned(model, training).values()) / tracked == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("kept", ["float32", "bfloat16"])
def test_each_layer_takes_flash_attention_in_bfloat16(kept, memory, monkeypatch):
    """Weights in float32 give queries in float32, which that attention does not take."""
    import torch

    from collectivesft.sft.kernels import packed_attention

    seen, real = [], packed_attention._flash

    def watched(query, key, value, *more):
        seen.append({each.dtype for each in (query, key, value)})
        return real(query, key, value, *more)

    monkeypatch.setattr(packed_attention, "_flash", watched)
    training = Training(master_weights=kept, max_tokens_per_forward=2048)
    memory.tracked(recipe(SHAPE), training, **LLAMA)
    assert seen == [{torch.bfloat16}] * SHAPE.layers


@pytest.mark.slow
def test_the_tracker_counts_what_torch_allocates(memory):
    """The same step with data: the profiler adds up what torch's allocator gave and took."""
    import torch

    shape = Shape(layers=2, hidden=256, intermediate=1024, key_value=128, vocabulary=4000)
    training = Training(precision="float32", max_tokens_per_forward=1024, max_length=512)

    def made():
        model = memory.network(recipe(shape), training, **LLAMA | {"num_attention_heads": 2})
        return memory.trainer(model, training)

    run = made()
    weights = sum(4 * weight.numel() for weight in run.parameters)
    activities = [torch.profiler.ProfilerActivity.CPU]
    with torch.profiler.profile(profile_memory=True, activities=activities) as profile:
        memory.step(run)
    events = profile.profiler.kineto_results.events()
    most = now = weights
    for event in sorted(events, key=lambda event: event.start_ns()):
        if event.name() == "[memory]":
            now += event.nbytes()
            most = max(most, now)
    run, tracker = made(), memory.Tracker()
    tracker.track_external(run.model)
    with tracker:
        memory.step(run)
    (found,) = tracker.get_tracker_snapshot("peak").values()
    assert found["Total"] == pytest.approx(most, rel=0.01)
    assert most > 8 * weights  # not of weights and moments only
