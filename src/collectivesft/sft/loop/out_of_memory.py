"""A training that does not fit the device's memory ends with what to change."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from collectivesft.common.errors import UserError
from collectivesft.config.experiment import Training

_CPU = "can't allocate memory"  # how torch's allocator of main memory begins its message


@contextmanager
def enough_memory(recipe: Path, training: Training) -> Iterator[None]:
    """Say what to change where memory is too small: at loading, in a step, at saving.

    Args:
        recipe: of the experiment, for the message.

    Raises:
        UserError: it is too small.
    """
    import torch

    try:
        yield
    except (MemoryError, RuntimeError) as error:
        full = isinstance(error, (MemoryError, torch.OutOfMemoryError)) or _CPU in str(error)
        if not full:
            raise
        remedy = "Lower training.max_tokens_per_forward, or turn on training.gradient_checkpointing"
        if training.method == "full":
            remedy += "; if the weights alone do not fit, take more GPUs"
            if training.master_weights == "float32":
                remedy += ", training.master_weights: bfloat16"
            remedy += " or training.method: lora"
        problem = f"{recipe}: the device's memory is too small ({error}). {remedy}."
        raise UserError(problem) from error
