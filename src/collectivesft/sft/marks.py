"""What decides tokens and weights, as digests: what was made by them is used again, else not.

Only what decides them counts. A remark in a model's recipe, or another licence, makes nothing anew.
"""

from pathlib import Path
from typing import Any

from collectivesft.files import read_json, sha256
from collectivesft.sft.recipe import FACTS

# Modules, and libraries.
TOKENS = ("sft/chat", "sft/token_files", "sft/tokens"), ("tokenizers", "transformers")
WEIGHTS = (
    (
        "sft/architectures",
        "sft/attention",
        "sft/batch",
        "sft/checkpoint",
        "sft/cpmant",
        "sft/fused",
        "sft/loop",
        "sft/pangu",
        "sft/parallel",
        "sft/plan",
        "sft/rounding",
        "sft/train",
    ),
    ("numpy", "peft", "torch", "transformers"),
)
# Files of a base that no tokenizer reads.
_NO_TOKENIZER = (".safetensors", ".safetensors.index.json", FACTS, "generation_config.json")


def base_weights(base: Path) -> list[Any]:
    """What of a base model decides weights trained from it: its own, configuration, targets."""
    facts = read_json(base / FACTS)
    return [facts["weights"], facts["lora_targets"], sha256(base / "config.json")]


def base_tokens(base: Path) -> list[Any]:
    """What of a base model decides tokens, its chat template apart."""
    files = (path for path in sorted(base.iterdir()) if path.is_file())
    return [[path.name, sha256(path)] for path in files if not path.name.endswith(_NO_TOKENIZER)]
