"""Checks of a base model's folder before hours are spent on it.

transformers loads the folder without its numbers (on torch's ``meta`` device) and reports every
tensor that is missing, unexpected or has a wrong shape; at training it would fill such tensors with
random numbers.
"""

import re
from pathlib import Path
from typing import Any

from collectivesft.common.errors import InputError
from collectivesft.common.files import read_json, write_json

_REMEDY = "The weights and config.json are not of one model; fetch both again"
# Files of a folder that may name code of its repository, under ``auto_map``.
_MAY_NAME_CODE = ("config.json", "generation_config.json", "tokenizer_config.json")


def remove_code(folder: Path) -> None:
    """Remove Python files, and the entries of configurations that ask to run some."""
    for path in folder.rglob("*.py"):
        path.unlink()
    for name in _MAY_NAME_CODE:
        path = folder / name
        content = read_json(path) if path.is_file() else {}
        if isinstance(content, dict) and content.pop("auto_map", None) is not None:
            write_json(path, content)


def check_model(manifest: Path, folder: Path) -> dict[str, Any]:
    """Check that weights and configuration are of one model that this package trains rightly.

    Args:
        manifest: of the raw files, to name in messages.
        folder: holds ``config.json`` and safetensors files.

    Returns:
        ``embeddings``, the rows of the input embedding; ``positions``, the most positions that the
        model knows (None: no limit is stated); ``tied``, whether the output layer is the embedding.

    Raises:
        InputError: tensors are missing, unexpected or have a wrong shape; or attention with a
            softcap, which packed attention has not.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    if not isinstance(read_json(folder / "config.json"), dict):
        raise InputError(manifest, "config.json holds no object", "Fetch config.json again")
    how: dict[str, Any] = {"trust_remote_code": False, "local_files_only": True}
    try:
        config = AutoConfig.from_pretrained(folder, **how)
        model, report = AutoModelForCausalLM.from_pretrained(
            folder,
            config=config,
            dtype=torch.bfloat16,
            device_map="meta",
            output_loading_info=True,
            ignore_mismatched_sizes=True,
            **how,
        )
    except Exception as error:  # a damaged configuration makes transformers fail in many ways
        problem = f"transformers cannot build the model ({first_line(error)})"
        raise InputError(manifest, problem, _REMEDY) from error
    _refuse_other_tensors(manifest, model, report)
    if getattr(config, "attn_logit_softcapping", None):
        problem = f"{config.model_type} caps attention scores, which packed attention does not do"
        raise InputError(manifest, problem, "Choose another base model, such as Gemma 3")
    words, head = model.get_input_embeddings().weight, model.get_output_embeddings()
    inner = config.get_text_config()
    return {
        "embeddings": words.shape[0],
        "positions": getattr(inner, "max_position_embeddings", None),
        "tied": head is not None and bool(getattr(inner, "tie_word_embeddings", False)),
    }


def _refuse_other_tensors(manifest: Path, model: Any, report: dict[str, Any]) -> None:
    """Raise for tensors that the configuration and the weights do not agree on."""
    if missing := sorted(report["missing_keys"]):
        problem = f"{len(missing)} tensors are missing in the weights, such as {missing[0]}"
        raise InputError(manifest, problem, _REMEDY)
    if wrong := sorted(report["mismatched_keys"]):
        name, found, wanted = wrong[0]
        problem = f"tensor {name} is {tuple(found)} where config.json says {tuple(wanted)}"
        raise InputError(manifest, problem, _REMEDY)
    # Layers beyond those that config.json counts; other unexpected tensors are of parts that are
    # not loaded, such as an image encoder.
    known = {re.sub(r"\d+", "N", name) for name in model.state_dict()}
    more = [name for name in report["unexpected_keys"] if re.sub(r"\d+", "N", name) in known]
    if more:
        problem = f"{len(more)} tensors of more layers than config.json says, such as {min(more)}"
        raise InputError(manifest, problem, _REMEDY)


def check_tokenizer(manifest: Path, tokenizer: Any, end: str, rows: int) -> None:
    """Check that the embedding has a row for every token of texts and of the template.

    Added tokens that no template writes may lie beyond it, as Gemma 3's token of images does.

    Args:
        end: the token at the end of a turn.
        rows: of the input embedding.

    Raises:
        InputError: an id has no row.
    """
    ids = {"the vocabulary's last": tokenizer.vocab_size - 1}
    for token in (end, tokenizer.bos_token, tokenizer.eos_token):
        if token is not None:
            ids[token] = tokenizer.convert_tokens_to_ids(token)
    for name, number in ids.items():
        if number >= rows:
            problem = f"the token {name} has the id {number}, the model's embedding {rows} rows"
            raise InputError(manifest, problem, "Fetch model and tokenizer of one revision")


def first_line(error: Exception) -> str:
    """Return the first line of an error's message, or the error's name."""
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
