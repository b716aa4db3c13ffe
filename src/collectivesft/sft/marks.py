"""What decides tokens and weights, as digests: what was made by them is used again, else not.

Only what decides them counts. A remark in a model's recipe, or another licence, makes nothing anew.
"""

import ast
import hashlib
from importlib.metadata import version
from pathlib import Path
from typing import Any

from collectivesft.files import dump_json, read_json, sha256
from collectivesft.sft.recipe import FACTS

# Modules of this package, and libraries.
TOKENS = ("chat", "token_files", "tokens"), ("tokenizers", "transformers")
WEIGHTS = (
    (
        "architectures",
        "attention",
        "batch",
        "checkpoint",
        "cpmant",
        "fused",
        "loop",
        "pangu",
        "parallel",
        "plan",
        "rounding",
        "train",
    ),
    ("numpy", "peft", "torch", "transformers"),
)
# Files of a base that no tokenizer reads.
_NO_TOKENIZER = (".safetensors", ".safetensors.index.json", FACTS, "generation_config.json")


def digest(facts: Any) -> str:
    """Of values that JSON can say."""
    return hashlib.sha256(dump_json(facts).encode()).hexdigest()


def software(modules: tuple[str, ...], libraries: tuple[str, ...]) -> str:
    """Digest of modules' code, without comments and layout, and of libraries' versions."""
    paths = (Path(__file__).with_name(f"{name}.py") for name in modules)
    code = [ast.dump(ast.parse(path.read_text(encoding="utf-8"))) for path in paths]
    return digest([code, {name: version(name) for name in libraries}])


def base_weights(base: Path) -> list[Any]:
    """What of a base model decides weights trained from it: its own, configuration, targets."""
    facts = read_json(base / FACTS)
    return [facts["weights"], facts["lora_targets"], sha256(base / "config.json")]


def base_tokens(base: Path) -> list[Any]:
    """What of a base model decides tokens, its chat template apart."""
    files = (path for path in sorted(base.iterdir()) if path.is_file())
    return [[path.name, sha256(path)] for path in files if not path.name.endswith(_NO_TOKENIZER)]
