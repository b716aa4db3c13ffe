"""Estimate memory of each GPU and GPU-hours of a training before it starts.

The estimate reads the recipes and no weights. Its memory agrees with torch's memory tracker within
10 % (benchmarks/plan_memory.py). It was never compared with a GPU, and its time is as right as the
share of the peak that is assumed. Every assumption is printed with the numbers.
"""

import math
from dataclasses import dataclass
from pathlib import Path

from collectivesft.common.errors import InputError
from collectivesft.config.experiment import Lora, ModelRecipe, Shape, Training
from collectivesft.sft.distributed.gpu_specs import GPUS
from collectivesft.sft.kernels.fused_cross_entropy import PIECE

# Numbers that ``sft.kernels.stochastic_adamw`` works on at once: importing it would import torch.
ROUNDED = 1 << 24

GIB = 1 << 30
# Share of the memory that tensors can have: the rest is CUDA's own and fragmentation.
USABLE = 0.9
# Bytes of a trained parameter: weight, gradient and two moments of Adam, each in the same type.
TRAINED = {"float32": 16, "bfloat16": 8}
# Adam over all tensors at once has the square roots of all second moments: float32.
ROOTS = 4


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
    memory = peak_memory(model, model.shape, training, gpus)
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
    return shape.layers * lora.r * (2 * (h + queries(shape)) + 2 * (h + k) + 3 * (h + i))


def queries(shape: Shape) -> int:
    """Width of all queries of a token."""
    return shape.query or shape.hidden


def peak_memory(
    model: ModelRecipe, shape: Shape, training: Training, gpus: int
) -> dict[str, float]:
    """Return the parts of one GPU's memory at the moment of a step that needs the most."""
    later = moments(model, shape, training, gpus)
    return states(model, shape, training, gpus) | max(later, key=lambda parts: sum(parts.values()))


def states(model: ModelRecipe, shape: Shape, training: Training, gpus: int) -> dict[str, float]:
    """Bytes of weights, gradients and moments on one GPU; by ddp each holds all of them."""
    shards = gpus if training.strategy == "fsdp" else 1
    width = widths(training)[0]
    if training.method == "full":
        bytes_each = TRAINED[training.master_weights]
        return {"weights, gradients, moments": bytes_each * model.parameters / shards}
    count = adapters(shape, training.lora)
    return {
        "frozen weights": width * model.parameters,
        "adapters, their gradients, moments": TRAINED["float32"] * count,
    }


def before_activations(model: ModelRecipe, shape: Shape, training: Training, gpus: int) -> float:
    """Bytes on one GPU that no shorter pass saves: states, and weights put together or lowered."""
    together, copies, _ = at_work(model, shape, training, gpus)
    return sum(states(model, shape, training, gpus).values()) + together + copies


def widths(training: Training) -> tuple[int, int]:
    """Bytes of a number inside of a layer, and between layers: float32 where the weights are."""
    width = 4 if training.precision == "float32" else 2
    wide = training.method == "full" and training.master_weights == "float32"
    return width, 4 if wide else width


def moments(
    model: ModelRecipe, shape: Shape, training: Training, gpus: int
) -> list[dict[str, float]]:
    """Return what a step has in addition to its states, at each moment that may need the most.

    At the end of the forward pass, when the loss goes back, when the last layer goes back, and in
    the optimiser's step.
    """
    tokens = max(training.max_tokens_per_forward, training.max_length)
    width, between = widths(training)
    full = training.method == "full"
    again = training.gradient_checkpointing
    layer = tokens * kept(shape, training)
    # A layer goes back: gradients of three tensors inside of the feed-forward layer, and of two
    # between layers.
    work = tokens * (3 * width * shape.intermediate + 2 * between * shape.hidden)
    outer = tokens * shape.hidden * (4 + between + width)  # the last norm and the loss's rows
    inside = shape.layers * (between * tokens * shape.hidden if again else layer) + outer
    # The loss is computed piece by piece (sft.fused): logits of a piece in float32, and lowered,
    # while those of the piece before, if there is one, are still there. The gradient of the output
    # layer is added up in float32; then it is scaled and lowered.
    count = tokens * shape.vocabulary
    held = 1 if count <= PIECE else 2
    pieces = held * min(count, PIECE) * (4 if width == 4 else 4 + width)
    matrix = shape.vocabulary * shape.hidden if full else 0
    work_here, copies, copy = at_work(model, shape, training, gpus)
    logits = pieces + (4 + width) * matrix
    back = (8 + (width if width < 4 else 0)) * matrix
    end = {"activations": inside, "logits": logits, "layers at work": work_here + copies}
    loss = {"activations": inside, "logits": back}
    loss["layers at work"] = work_here + (0 if again else copies)
    last = {"activations": inside + work + (layer if again else 0)}
    last["layers at work"] = work_here + (copy if again else copies)
    return [end, loss, last, optimiser(model, shape, training, gpus)]


def at_work(
    model: ModelRecipe, shape: Shape, training: Training, gpus: int
) -> tuple[float, float, float]:
    """Bytes of sharded weights that are put together; of all lowered copies, and of a layer's.

    With fsdp the layer at work is there in full, and so is the next one, which comes meanwhile; and
    through all of a pass what belongs to no layer: words and output, counted as two tables. Loading
    takes less: one layer, or these tables, and otherwise shares of the weights (World.shard).
    Without fsdp autocast keeps a lowered copy of float32 weights while they are used.
    """
    table = shape.vocabulary * shape.hidden
    layer = (model.parameters - table) / shape.layers
    width, between = widths(training)
    if gpus > 1 and training.strategy == "fsdp":
        return 2 * width * (layer + table), 0, 0
    if training.method == "lora" or width == between:
        return 0, 0, 0
    # A table of words is looked up. The output's, which may be the same one, is lowered.
    return 0, width * (model.parameters - (tables(model, shape) - 1) * table), width * layer


def tables(model: ModelRecipe, shape: Shape) -> int:
    """Return 1 where words and output share one table, else 2."""
    h, q = shape.hidden, queries(shape)
    layer = 2 * h * (q + shape.key_value) + 3 * h * shape.intermediate
    rest = model.parameters - shape.layers * layer
    return 1 if rest < 1.5 * shape.vocabulary * h else 2


def optimiser(model: ModelRecipe, shape: Shape, training: Training, gpus: int) -> dict[str, float]:
    """Bytes of the optimiser's step, when no activations are left."""
    shards = gpus if training.strategy == "fsdp" else 1
    if training.method == "lora":
        return {"optimiser's step": ROOTS * adapters(shape, training.lora)}
    if training.master_weights == "float32":
        return {"optimiser's step": ROOTS * model.parameters / shards}
    return {"optimiser's step": 6 * 4 * min(model.parameters / shards, ROUNDED)}


def kept(shape: Shape, training: Training) -> float:
    """Bytes that one token leaves in one layer for the backward pass.

    Counted on Llama, Qwen2 and Gemma 3 (benchmarks/plan_memory.py). Attention's scores are not kept
    (flash or fused kernels).
    """
    h, i, k, q = shape.hidden, shape.intermediate, shape.key_value, queries(shape)
    width, between = widths(training)
    full = training.method == "full"
    # A norm works in float32. Its result is kept for its own gradient, and as a layer's input.
    norm = 4 + (between if full else 0)
    norms = norm * (shape.norms * h + shape.head_norms * (q + k))
    # Attention keeps what it takes and gives. In float32 it repeats keys and values for all heads,
    # and joins its examples.
    attention = width * (5 * q if width == 4 else 2 * (q + k))
    # What is lowered for a matrix is lowered for each again: three of attention, two of the rest;
    # by an adapter also the input of attention's output.
    lowers = width < between or (not full and width < 4)
    inputs = 5 * h + (0 if full else q) if lowers else 2 * h
    ranks = 0 if full else 7 * training.lora.r
    return norms + attention + width * (inputs + 4 * i + ranks)


def flops_per_token(
    model: ModelRecipe, shape: Shape, training: Training, mean_tokens: float
) -> float:
    """Operations of one token: forward (2 a weight), and backward.

    Backward is twice forward; with frozen weights once, as they get no gradient. Attention sees
    half of an example on average.
    """
    weights = model.parameters - shape.vocabulary * shape.hidden  # looked up, not multiplied
    passes = 3 if training.method == "full" else 2
    attention = 2 * shape.layers * queries(shape) * min(mean_tokens, training.max_length)
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
