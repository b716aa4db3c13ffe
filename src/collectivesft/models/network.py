"""Load a base model's network for a measure, and read its hidden states."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from collectivesft.models.quiet_transformers import quiet
from collectivesft.models.registry import register


def load_network(base: Path, threads: int) -> Any:
    """Return a base model in evaluation mode, float32 on a CPU, bfloat16 on the first GPU.

    Args:
        base: folder of the base model.
        threads: CPU threads; they decide the last bits.
    """
    import torch
    from transformers import AutoModelForCausalLM

    quiet()
    register()
    torch.set_num_threads(threads)
    cuda = torch.cuda.is_available()
    network = AutoModelForCausalLM.from_pretrained(
        base, dtype=torch.bfloat16 if cuda else torch.float32, trust_remote_code=False
    )
    return network.eval().to("cuda" if cuda else "cpu")


class _Reached(Exception):
    """Ends a forward pass before the output layer: logits of a large vocabulary cost most."""


def mean_state(network: Any, ids: Sequence[int]) -> np.ndarray:
    """Return the mean over a text's tokens of the state that the output layer reads.

    It is the last hidden state, after the final norm where a model has one. The output layer's
    own input is taken because every architecture has it, whatever it calls its parts.

    Args:
        ids: token ids of one text.

    Returns:
        float64 of shape (hidden,).
    """
    import torch

    kept: list[Any] = []

    def reached(_: Any, given: tuple[Any, ...]) -> None:
        kept.append(given[0])
        raise _Reached

    hook = network.get_output_embeddings().register_forward_pre_hook(reached)
    try:
        with torch.inference_mode():
            network(input_ids=torch.tensor([list(ids)], device=network.device), use_cache=False)
    except _Reached:
        pass
    finally:
        hook.remove()
    (states,) = kept
    return states[0].double().mean(dim=0).cpu().numpy()
