"""Estimate memory of each GPU and GPU-hours of a training before it starts.

The estimate reads the recipes and no weights. Its counts agree with torch's on a CPU; it was never
compared with a GPU, and its time is as right as the share of the peak that is assumed. Every
assumption is printed with the numbers.
"""

import math
from dataclasses import dataclass
from pathlib import Path

from collectivesft.common.errors import InputError
from collectivesft.config.experiment import Lora, ModelRecipe, Shape, Training
from collectivesft.sft.distributed.gpu_specs import GPUS
from collectivesft.sft.kernels.fused_cross_entropy import PIECE

GIB = 1 << 30
# Share of the memory that tensors can have: the rest is CUDA's own and fragmentation.
USABLE = 0.9
# Bytes of a trained parameter: weight, gradient and two moments of Adam, each in the same type.
TRAINED = {"float32": 16, "bfloat16": 8}
# Numbers that one token leaves in one layer for the backward pass, in units of its width and of
# the feed-forward layer's: counted on Llama under autocast (tests/sft/test_plan.py).
# Those of attention's scores are not kept (flash or fused kernels).
KEPT_WIDTHS, KEPT_FEEDFORWARD = 16, 4


@dataclass(frozen=True)
class Estimate:
    """Memory and time of a training.

    Attributes:
        memory: name of a part to its bytes on one GPU.
        available: bytes that tensors can have on one GPU.
        steps: optimiser steps.
        tokens: that training reads, all epochs.
        flops: floating-point operations of those, recomputation not counted.
        hours: GPU-hours.
    """

    memory: dict[str, float]
    available: float
    steps: int
    tokens: float
    flops: float
    hours: float

    @property
    def fits(self) -> bool:
        """Return whether one GPU's memory is enough."""
        return sum(self.memory.values()) <= self.available


def estimate(
    path: Path,
    model: ModelRecipe,
    training: Training,
    examples: int,
    mean_tokens: float,
    gpu: str,
    gpus: int,
    mfu: float,
) -> Estimate:
    """Memory and time of a training.

    Args:
        path: of the model's recipe, for messages.
        examples: of one epoch.
        mean_tokens: of an example, after truncation to ``max_length``.
        gpu: a name of ``GPUS``.
        gpus: GPUs that share the examples and, by fsdp, weights, gradients and moments.
        mfu: share of the peak that is used, by the operations of ``flops``.

    Raises:
        InputError: the recipe has no shape.
    """
    if model.shape is None:
        raise InputError(path, "no shape, which the estimate needs", "Add `shape`")
    size, peak = GPUS[gpu]
    steps = number_of_steps(training, examples)
    tokens = steps * training.global_batch_size * min(mean_tokens, training.max_length)
    flops = tokens * flops_per_token(model, model.shape, training, mean_tokens)
    memory = states(model, model.shape, training, gpus) | activations(model.shape, training)
    return Estimate(memory, size * USABLE, steps, tokens, flops, flops / (peak * mfu) / 3600)


def number_of_steps(training: Training, examples: int) -> int:
    """Optimiser steps of the whole training, as ``plan.Plan`` counts them."""
    wanted = max(1, round(math.ceil(examples / training.global_batch_size) * training.epochs))
    return min(wanted, training.max_steps or wanted)


def adapters(shape: Shape, lora: Lora) -> int:
    """Weights of the adapters on the seven matrices of a layer of Llama's kind.

    More than there are on models with fewer matrices (GPT-2, PanGu-alpha, CPM-Ant).
    """
    h, i, k = shape.hidden, shape.intermediate, shape.key_value
    return shape.layers * lora.r * (2 * 2 * h + 2 * (h + k) + 3 * (h + i))


def states(model: ModelRecipe, shape: Shape, training: Training, gpus: int) -> dict[str, float]:
    """Bytes of weights, gradients and moments on one GPU; by ddp each holds all of them."""
    shards = gpus if training.strategy == "fsdp" else 1
    # The layer at work is there in full, and so is the next one, which comes meanwhile; and through
    # all of a pass what belongs to no layer: words and output, counted as two tables. Loading takes
    # less: one layer, or these tables, and otherwise shares of the weights (World.shard).
    table = shape.vocabulary * shape.hidden
    layer = (model.parameters - table) / shape.layers
    width = 4 if training.precision == "float32" else 2
    gathered = 2 * width * (layer + table) if shards > 1 else 0
    if training.method == "full":
        bytes_each = TRAINED[training.master_weights]
        held = {"weights, gradients, moments": bytes_each * model.parameters / shards}
        # autocast keeps a copy of the layers' weights in the lower precision while they are used.
        lowered = width == 2 and training.master_weights == "float32"
        copy = width * model.parameters if shards == 1 and lowered else 0
        return held | {"layers at work": gathered or copy}
    count = adapters(shape, training.lora)
    return {
        "frozen weights": width * model.parameters,
        "adapters, their gradients, moments": TRAINED["float32"] * count,
    }


def activations(shape: Shape, training: Training) -> dict[str, float]:
    """Return the most bytes that one forward pass leaves for the backward pass."""
    tokens = max(training.max_tokens_per_forward, training.max_length)
    width = 4 if training.precision == "float32" else 2
    kept = KEPT_WIDTHS * shape.hidden + KEPT_FEEDFORWARD * shape.intermediate
    layer = width * tokens * kept
    if training.gradient_checkpointing:
        # Activations between layers are float32 where the weights are.
        wide = training.method == "full" and training.master_weights == "float32"
        between = 4 if wide else width
        inside = shape.layers * between * tokens * shape.hidden + layer
    else:
        inside = shape.layers * layer
    # The loss is computed piece by piece (sft.fused): logits in the precision of the pass, in
    # float32 with as much to add them up, and their gradient; then that of the output layer.
    piece = min(tokens * shape.vocabulary, PIECE) * (width + 4 + 4 + width)
    matrix = shape.vocabulary * shape.hidden if training.method == "full" else 0
    return {"activations": inside, "logits": piece + (4 + width) * matrix}


def flops_per_token(
    model: ModelRecipe, shape: Shape, training: Training, mean_tokens: float
) -> float:
    """Operations of one token: forward (2 a weight), and backward.

    Backward is twice forward; with frozen weights once, as they get no gradient. Attention sees
    half of an example on average.
    """
    weights = model.parameters - shape.vocabulary * shape.hidden  # looked up, not multiplied
    passes = 3 if training.method == "full" else 2
    attention = 2 * shape.layers * shape.hidden * min(mean_tokens, training.max_length)
    return passes * 2 * weights + 3 * attention


def render(found: Estimate, gpu: str, gpus: int, mfu: float, trainings: int = 1) -> str:
    """Return the estimate as lines of text, with its assumptions.

    Args:
        trainings: the experiment is trained so many times, once for each of its seeds.
    """
    memory = sum(found.memory.values())
    lines = [f"{gpus} x {gpu}", "memory of each GPU:"]
    lines += [f"  {name:<36}{size / GIB:>8.1f} GiB" for name, size in found.memory.items() if size]
    verdict = "fits" if found.fits else "DOES NOT FIT"
    lines += [
        f"  {'together':<36}{memory / GIB:>8.1f} GiB of {found.available / GIB:.1f}: {verdict}"
    ]
    if not found.fits:
        lines += [
            "  to change: more GPUs, training.gradient_checkpointing, fewer",
            "    training.max_tokens_per_forward, training.master_weights: bfloat16, lora",
        ]
    hours = found.hours / gpus
    speed = found.tokens / (found.hours * 3600)
    return "\n".join(
        [
            *lines,
            "time:",
            f"  {found.steps:,} steps, {found.tokens / 1e6:,.1f} M tokens, {found.flops:.2e} FLOP",
            f"  {found.hours:,.1f} GPU-hours, {hours:,.1f} hours; {speed:,.0f} tokens/s a GPU",
            *([f"  {trainings} seeds: {trainings * found.hours:,.1f} GPU-hours"] * (trainings > 1)),
            "assumed:",
            f"  peak {GPUS[gpu][1] / 1e12:.0f} TFLOP/s (dense bfloat16), {mfu:.0%} of it used",
            "  for the operations above: recomputation by checkpointing is not counted",
            f"  {USABLE:.0%} of the memory for tensors; full passes, every token with loss",
            "  weights, gradients, moments: 16 bytes a weight, or 8 with master_weights: bfloat16",
            "  fsdp shares them among the GPUs, ddp does not",
            "  attention in fused kernels",
            "  validation, checkpoints and the start are not counted",
        ]
    )
