"""Hold the memory that `sft plan` predicts against the one that torch's memory tracker counts.

    PYTHONPATH=src python benchmarks/plan_memory.py [--only PART_OF_A_NAME]

A step of the real engine runs on fake tensors, which have shapes and types and no data: no GPU and
no memory of that size is needed. The paths are those of a GPU: flash attention, the loss inside the
output layer, AdamW over all tensors at once. `torch.distributed._tools.mem_tracker` adds up what is
alive. Memory inside of CUDA's kernels, and CUDA's own, is not seen. Writes
benchmarks/results/plan_memory.md and .json.
"""

import argparse
import dataclasses
import functools
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.distributed._tools.mem_tracker import MemTracker
from torch.utils._python_dispatch import TorchDispatchMode

from collectivesft.common.files import dump_json, read_json, write_json, write_text
from collectivesft.config.experiment import ModelRecipe, Training, read_model
from collectivesft.sft import plan
from collectivesft.sft.batches import batch as batches
from collectivesft.sft.batches.token_files import Tokens
from collectivesft.sft.distributed.world import World
from collectivesft.sft.kernels import packed_attention
from collectivesft.sft.loop import trainer as loop
from collectivesft.sft.train import prepare

HERE = Path(__file__).parent
RESULTS, MODELS = HERE / "results", HERE.parent / "config/models"
GIB = 1 << 30
WORLD = World(0, 1, "cpu")
# Of each model, what its recipe's shape does not say.
NETWORKS: dict[str, dict[str, Any]] = {
    "internlm2_5-1_8b": {"model_type": "llama", "head_dim": 128, "num_attention_heads": 16},
    "internlm2_5-7b": {"model_type": "llama", "head_dim": 128, "num_attention_heads": 32},
    "qwen2.5-0.5b": {
        "model_type": "qwen2", "head_dim": 64, "num_attention_heads": 14,
        "tie_word_embeddings": True,
    },
    "qwen2.5-7b": {"model_type": "qwen2", "head_dim": 128, "num_attention_heads": 28},
    "gemma-3-270m": {
        "model_type": "gemma3_text", "head_dim": 256, "num_attention_heads": 4,
        "tie_word_embeddings": True, "sliding_window": 512,
    },
}  # fmt: skip
FULL, LORA = {"method": "full"}, {"method": "lora", "lora": {"r": 64, "alpha": 128}}
HALF, WIDE = {"master_weights": "bfloat16"}, {"precision": "float32"}
AGAIN = {"gradient_checkpointing": True}
CASES: list[tuple[str, dict[str, Any]]] = [
    *(("gemma-3-270m", FULL | kind | {"max_tokens_per_forward": 2048}) for kind in ({}, WIDE)),
    *(
        ("gemma-3-270m", kind | {"max_tokens_per_forward": 16384})
        for kind in (FULL, LORA, LORA | WIDE)
    ),
    *(
        ("internlm2_5-1_8b", FULL | kind | {"max_tokens_per_forward": size})
        for kind in ({}, AGAIN)
        for size in (4096, 16384)
    ),
    ("internlm2_5-1_8b", FULL | HALF),
    ("internlm2_5-1_8b", FULL | WIDE),
    *(("qwen2.5-7b", LORA | kind | {"max_tokens_per_forward": 4096}) for kind in ({}, AGAIN, WIDE)),
    ("qwen2.5-7b", LORA | {"max_tokens_per_forward": 16384}),
    ("internlm2_5-7b", FULL | HALF | AGAIN),
    ("qwen2.5-0.5b", FULL),
]  # fmt: skip


class Tracker(MemTracker):
    """torch's tracker of live storages without its account by module, which takes minutes."""

    def __init__(self) -> None:
        super().__init__()
        self._mod_tracker = mock.MagicMock(is_bw=False, parents=())


class Ones(TorchDispatchMode):
    """Let every number that is read from a fake tensor be 1."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run one operation of torch."""
        if func is torch.ops.aten._local_scalar_dense.default:
            return 1.0
        return func(*args, **kwargs or {})


def full_pass(training: Training) -> Tokens:
    """Return the examples of one forward pass, each as long as may be, all of it with loss."""
    size = min(training.max_length, training.max_tokens_per_forward)
    count = max(1, training.max_tokens_per_forward // size)
    mask = np.ones(count * size, np.uint8)
    mask[::size] = 0
    return Tokens(np.zeros(count * size, np.int32), mask, np.arange(count + 1) * size)


def network(recipe: ModelRecipe, training: Training, **more: Any) -> Any:
    """Return a model of the recipe's shape with random weights, ready to train."""
    from transformers import AutoConfig, AutoModelForCausalLM

    shape = recipe.shape
    assert shape
    config = AutoConfig.for_model(
        hidden_size=shape.hidden,
        intermediate_size=shape.intermediate,
        num_hidden_layers=shape.layers,
        num_key_value_heads=shape.key_value // more["head_dim"],
        vocab_size=shape.vocabulary,
        max_position_embeddings=32768,
        **{"tie_word_embeddings": False} | more,
    )
    kept = training.master_weights if training.method == "full" else training.precision
    model = AutoModelForCausalLM.from_config(
        config, dtype=getattr(torch, kept), attn_implementation=packed_attention.register()
    )
    return prepare(model, training, WORLD, None)


@contextmanager
def like_a_gpu(training: Training, fake: FakeTensorMode) -> Iterator[None]:
    """Within, the engine takes the paths of a GPU on fake tensors."""
    real = batches.make_batch
    flash = training.precision == "bfloat16"

    def make_batch(*given: Any) -> batches.Batch:
        made = real(*given)
        names = ("ids", "positions", "predictors", "labels", "bounds")
        tensors = {name: fake.from_tensor(getattr(made, name)) for name in names}
        if not flash:  # the bounds are read as numbers, which fake ones have not
            tensors["bounds"] = np.arange(0, made.ids.shape[1] + 1, made.longest)
        return dataclasses.replace(made, **tensors)

    with ExitStack() as stack:
        for place, name, value in (
            (loop, "make_batch", make_batch),
            (loop, "loss_sum", functools.partial(batches.loss_sum, fuse=True)),
            (packed_attention, "_has_flash", lambda query: query.dtype.itemsize == 2),
            (torch.optim, "AdamW", functools.partial(torch.optim.AdamW, foreach=True)),
            # Fake parameters cannot be moved in place, and are where they should be.
            (torch.nn.Module, "to", lambda module, *given, **more: module),
        ):
            stack.enter_context(mock.patch.object(place, name, value))
        stack.enter_context(fake)
        yield


def trainer(model: Any, training: Training) -> loop.Trainer:
    """Return the engine with one full pass a step."""
    tokens = full_pass(training)
    training = training.model_copy(update={"global_batch_size": len(tokens.lengths)})
    folder, costs = SimpleNamespace(folder=Path()), SimpleNamespace()
    with mock.patch.object(loop, "keeps_apart", lambda *given: True):
        return loop.Trainer(model, training, tokens, tokens, folder, WORLD, None, costs)  # type: ignore[arg-type]


def step(run: loop.Trainer) -> None:
    """Take the last pass of a step and the step: gradients and moments are there."""
    for weight in run.parameters:
        weight.grad = torch.zeros_like(weight)
    run.optimizer.step()
    run._gradients(0)
    run._update(0, 1.0, 0)


def tracked(recipe: ModelRecipe, training: Training, **more: Any) -> int:
    """Return the most bytes that tensors take in a step on a GPU, by torch's tracker."""
    with like_a_gpu(training, FakeTensorMode()):
        run = trainer(network(recipe, training, **more), training)
        tracker = Tracker()
        tracker.track_external(run.model)
        with tracker, Ones():
            step(run)
        (found,) = tracker.get_tracker_snapshot("peak").values()
    return found["Total"]


def planned(recipe: ModelRecipe, training: Training) -> dict[str, float]:
    """Return what `sft plan` predicts for one GPU."""
    assert recipe.shape
    parts = plan.peak_memory(recipe, recipe.shape, training, 1)
    return {name: round(size) for name, size in parts.items()}


def measure(name: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Return a row of the table."""
    recipe, training = read_model(MODELS / f"{name}.yaml"), Training(**settings)
    found, parts = tracked(recipe, training, **NETWORKS[name]), planned(recipe, training)
    return {
        "model": name,
        "settings": settings,
        "method": training.method,
        "precision": training.precision,
        "master_weights": training.master_weights if training.method == "full" else "",
        "gradient_checkpointing": training.gradient_checkpointing,
        "max_tokens_per_forward": training.max_tokens_per_forward,
        "tracked": found,
        "planned": round(sum(parts.values())),
        "parts": parts,
    }


def table(rows: list[dict[str, Any]]) -> str:
    """Return the results as Markdown."""
    lines = [
        "# Memory of a training step on one GPU: `sft plan` against torch's memory tracker",
        "",
        f"By `benchmarks/plan_memory.py`, torch {torch.__version__.partition('+')[0]}.",
        "",
        "| model | method | precision | master weights | checkpointing | tokens a pass "
        "| tracker, GiB | plan, GiB | plan / tracker |",
        "| --- | --- | --- | --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for row in rows:
        words = [row[key] for key in ("model", "method", "precision", "master_weights")]
        words += ["yes" if row["gradient_checkpointing"] else "no"]
        words += [f"{row['max_tokens_per_forward']:,}"]
        words += [f"{row[key] / GIB:.2f}" for key in ("tracked", "planned")]
        words += [f"{row['planned'] / row['tracked']:.3f}"]
        lines.append("| " + " | ".join(words) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--only", default="", help="cases whose text holds this; results of others stay"
    )
    only = parser.parse_args().only
    keep()
    for name, settings in CASES:
        if only in f"{name} {settings}":
            row = measure(name, settings)
            keep(row)
            print(table([row]).splitlines()[-1], flush=True)


def keep(*new: dict[str, Any]) -> None:
    """Put rows into the results, in place of older ones of these cases; plan all of them anew."""
    path = RESULTS / "plan_memory.json"
    rows = read_json(path) if path.exists() else []
    known = {key(each): each for each in [*rows, *new]}
    order = [key({"model": name, "settings": settings}) for name, settings in CASES]
    rows = [known[each] for each in order if each in known]
    for row in rows:
        recipe = read_model(MODELS / f"{row['model']}.yaml")
        row["parts"] = planned(recipe, Training(**row["settings"]))
        row["planned"] = round(sum(row["parts"].values()))
    write_json(path, rows)
    write_text(RESULTS / "plan_memory.md", table(rows))


def key(row: dict[str, Any]) -> str:
    """Return what tells a case from all others."""
    return dump_json([row["model"], row["settings"]])


if __name__ == "__main__":
    main()
