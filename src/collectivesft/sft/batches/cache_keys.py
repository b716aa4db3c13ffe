"""What decides tokens and weights, as digests: what was made by them is used again, else not.

Only what decides them counts. A remark in a model's recipe, or another licence, makes nothing anew.
"""

from pathlib import Path
from typing import Any

from collectivesft.common.files import read_json, sha256
from collectivesft.config.experiment import FACTS

# Modules, and libraries.
TOKENS = (
    (
        "models/chat",
        "models/jieba_tokenizer",
        "sft/batches/token_files",
        "sft/batches/truncate",
        "sft/tokenize",
    ),
    ("jieba", "sentencepiece", "tokenizers", "transformers"),
)
WEIGHTS = (
    (
        "models/registry",
        "sft/kernels/packed_attention",
        "sft/batches/batch",
        "sft/loop/checkpoint",
        "models/cpm_ant",
        "sft/kernels/fused_cross_entropy",
        "sft/loop/trainer",
        "sft/batches/packing_check",
        "models/pangu",
        "sft/distributed/world",
        "sft/batches/packing",
        "sft/kernels/stochastic_adamw",
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
