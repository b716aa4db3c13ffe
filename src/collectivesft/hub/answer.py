"""A model's greedy answer: recorded at the release, compared by whoever downloads it, streamed."""

from pathlib import Path
from typing import Any

from collectivesft.common.errors import UserError
from collectivesft.common.files import write_json
from collectivesft.hub.evidence.known_answer import NEW_TOKENS, QUESTION, _adapted, generate, load
from collectivesft.hub.evidence.template_limits import rendering


def _check_folder(folder: Path, base: str | Path | None) -> None:
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder. Name the folder of a model, or owner/name.")
    adapter = (folder / "adapter").is_dir()
    if not adapter and not (folder / "config.json").is_file():
        below = sorted(path.parent.name for path in folder.glob("*/config.json"))
        hint = f" Did you mean {folder / below[0]}?" if below else ""
        raise UserError(f"{folder}: holds no config.json, so it is no model's folder.{hint}")


def _loaded(folder: Path, base: str | Path | None) -> tuple[Any, Any]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    safe = {"trust_remote_code": False}
    if not any(folder.glob("*.safetensors")):
        model = _adapted(folder, base, safe)
    else:
        model = AutoModelForCausalLM.from_pretrained(folder, use_safetensors=True, **safe)
    return AutoTokenizer.from_pretrained(folder, **safe), model


def prompt_tokens(tokenizer: Any, question: str) -> Any:
    """Return the question as tokens by the model's own chat template: tensors of shape (1, tokens).

    Raises:
        UserError: the template has a fault, or takes longer or more memory than ``rendering`` lets.
    """
    messages = [{"role": "user", "content": question}]
    with rendering():
        return tokenizer.apply_chat_template(
            messages, add_generation_prompt=True, return_tensors="pt", return_dict=True
        )


def record(
    model: Path,
    out: Path,
    question: str = QUESTION,
    new_tokens: int = NEW_TOKENS,
    threads: int | None = None,
) -> None:
    """Write the model's answer: ``{"question", "answer", "tokens", "margins", "new_tokens"}``.

    Args:
        threads: of the CPU; their number is part of the result to the last bit.
    """
    import torch

    if threads:
        torch.set_num_threads(threads)
    tokenizer, network = load(model)
    ids, margins = generate(tokenizer, network, question, new_tokens)
    text = tokenizer.decode(ids, skip_special_tokens=True)
    content = {"question": question, "answer": text, "tokens": ids, "margins": margins}
    write_json(out, content | {"new_tokens": new_tokens})
