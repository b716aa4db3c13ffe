"""Register this package's architectures with transformers, and inspect loaded models."""

import inspect
from typing import Any

from collectivesft.common.errors import UserError


def register() -> None:
    """Make this package's own architectures known to transformers' Auto classes."""
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, CpmAntConfig

    from collectivesft.models.cpm_ant import CausalCpmAnt
    from collectivesft.models.jieba_tokenizer import JiebaTokenizer
    from collectivesft.models.pangu import PanguConfig, PanguForCausalLM

    AutoConfig.register(PanguConfig.model_type, PanguConfig, exist_ok=True)
    AutoModelForCausalLM.register(CpmAntConfig, CausalCpmAnt, exist_ok=True)
    AutoModelForCausalLM.register(PanguConfig, PanguForCausalLM, exist_ok=True)
    # A folder's tokenizer_config.json names the class, for other architectures too.
    AutoTokenizer.register(PanguConfig, JiebaTokenizer, exist_ok=True)


def packable(model: Any) -> bool:
    """Return whether positions keep the examples of one row apart.

    A model that asks for no positions, such as CPM-Ant, would let them see each other.
    """
    return "position_ids" in inspect.signature(model.forward).parameters


def blocks(model: Any) -> list[Any]:
    """The layers of a model, in order: what its class names as never to be split.

    Raises:
        UserError: it names none, and whole it would have to be on every GPU.
    """
    kinds = set(model._no_split_modules or ())
    found = [module for module in model.modules() if type(module).__name__ in kinds]
    if not found:
        problem = f"{type(model).__name__} does not name its layers, which fsdp shares out"
        raise UserError(f"{problem}. Set training.distributed to ddp, or training.method to lora.")
    return found
