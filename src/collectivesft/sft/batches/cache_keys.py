"""Cache keys of tokens and trained weights: a hash over every input that can change the result.

Nothing more is hashed. A remark or a licence in a model's recipe invalidates no cache.
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
    """Return the parts of a base model that trained weights depend on."""
    facts = read_json(base / FACTS)
    return [facts["weights"], facts["lora_targets"], sha256(base / "config.json")]


def base_tokens(base: Path) -> list[Any]:
    """Return the parts of a base model that tokens depend on, without its chat template."""
    files = (path for path in sorted(base.iterdir()) if path.is_file())
    return [[path.name, sha256(path)] for path in files if not path.name.endswith(_NO_TOKENIZER)]
