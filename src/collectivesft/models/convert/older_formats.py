"""Keys that programs built on older libraries read from a model's folder.

transformers 5 writes ``rope_parameters`` only. transformers 4 ignores that key and computes with
the default base of rotary positions, 10,000, without a word; it also does not know the tokenizer
class ``TokenizersBackend``. llama.cpp's converter takes the names of special tokens in a
SentencePiece vocabulary from ``added_tokens_decoder``, which transformers 5 no longer writes.
"""

from pathlib import Path
from typing import Any

from collectivesft.common.files import read_json, write_json

_NEW_CLASS, _OLD_CLASS = "TokenizersBackend", "PreTrainedTokenizerFast"


def rope_keys(rope: dict[str, Any]) -> dict[str, Any]:
    """Return ``rope_theta`` and ``rope_scaling`` of transformers 4 for ``rope_parameters``."""
    scaling = {key: value for key, value in rope.items() if key != "rope_theta"}
    default = scaling.get("rope_type", "default") == "default"
    return {"rope_theta": rope["rope_theta"], "rope_scaling": None if default else scaling}


def add_model_keys(folder: Path) -> None:
    """Add the older keys of rotary positions to ``config.json``.

    Positions that differ by kind of layer (Gemma 3) have other keys and are left as they are.
    """
    path = folder / "config.json"
    config = read_json(path)
    rope = config.get("rope_parameters")
    if isinstance(rope, dict) and "rope_theta" in rope and "rope_theta" not in config:
        write_json(path, config | rope_keys(rope))


def add_tokenizer_keys(folder: Path) -> None:
    """Add the older keys to ``tokenizer_config.json``.

    ``added_tokens_decoder`` holds what ``tokenizer.json`` says of its added tokens.
    """
    path, own = folder / "tokenizer_config.json", folder / "tokenizer.json"
    if not path.is_file() or not own.is_file():
        return
    config = read_json(path)
    if config.get("tokenizer_class") == _NEW_CLASS:
        config["tokenizer_class"] = _OLD_CLASS
    if isinstance(config.get("extra_special_tokens"), list):  # transformers 4 takes no list there
        config["additional_special_tokens"] = config.pop("extra_special_tokens")
    added = read_json(own).get("added_tokens") or []
    config.setdefault(
        "added_tokens_decoder",
        {str(token["id"]): {k: v for k, v in token.items() if k != "id"} for token in added},
    )
    write_json(path, config)
