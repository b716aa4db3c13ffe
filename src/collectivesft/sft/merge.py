"""The trained model as one plain folder that loads without peft."""

import shutil
from pathlib import Path
from typing import Any

from collectivesft.common.files import atomic_path, share
from collectivesft.config.experiment import read_experiment
from collectivesft.models import chat
from collectivesft.models.convert.older_formats import add_model_keys
from collectivesft.models.quiet_transformers import quiet
from collectivesft.models.registry import register
from collectivesft.models.word_vocabulary import WORD_VOCABULARY

# Files that a model's folder takes over from its base.
_FROM_BASE = ("tokenizer", "special_tokens", "chat_template", "generation_config", "added_tokens")
_FROM_BASE += (WORD_VOCABULARY, chat.OWN)


# A larger file cannot be taken up again in the middle, and weights are read a file at a time.
MAX_SHARD = "5GB"


def merge(base: Path, trained: Path, recipe: Path, out: Path) -> None:
    """Write weights (bfloat16 safetensors), configuration, tokenizer and generation settings.

    An adapter is added to the base's weights in float32 before they are rounded.
    """
    import torch

    quiet()
    register()
    model = _trained(base, trained, read_experiment(recipe).training.method)
    with atomic_path(out) as partial:
        model.to(torch.bfloat16).save_pretrained(partial, max_shard_size=MAX_SHARD)
        for path in sorted(base.iterdir()):
            if path.name.startswith(_FROM_BASE):
                shutil.copy(path, partial / path.name)
        add_model_keys(partial)
        share(partial)


def _trained(base: Path, trained: Path, method: str) -> Any:
    import torch
    from transformers import AutoModelForCausalLM

    how = {"dtype": torch.float32, "trust_remote_code": False}
    if method == "full":
        return AutoModelForCausalLM.from_pretrained(trained, **how)
    from peft import PeftModel

    model = AutoModelForCausalLM.from_pretrained(base, **how)
    return PeftModel.from_pretrained(model, trained).merge_and_unload()
