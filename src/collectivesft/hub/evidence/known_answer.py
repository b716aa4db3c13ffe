"""Generate a model's greedy answer and compare it with a recorded one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from collectivesft.common.errors import UserError
from collectivesft.hub.evidence.template_limits import rendering
from collectivesft.models.quiet_transformers import quiet

QUESTION = "高血压患者日常饮食应注意什么？"


NEW_TOKENS = 32


# Another processor rounds otherwise: where the two best tokens were nearer than this (in logits),
# a different choice says nothing about the weights. bfloat16 has 8 bits: a logit of 20 moves by
# 0.06.
TIE = 0.25


def load(folder: Path, base: str | Path | None = None) -> tuple[Any, Any]:
    """Tokenizer and model of a folder: safetensors only, and no code from the folder.

    Args:
        base: the base model, where the folder holds only an adapter.

    Raises:
        UserError: the folder holds no model, no weights in safetensors or no chat template, or its
            files are damaged.
    """
    from collectivesft.models.registry import register

    _check_folder(folder, base)
    quiet()
    register()
    try:
        tokenizer, model = _loaded(folder, base)
    except UserError:
        raise
    except Exception as error:  # tokenizers and safetensors have no common class of errors
        problem = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(
            f"{folder}: cannot be loaded ({problem}). A file is damaged or missing: download it "
            "again, or name the folder of a whole model."
        ) from error
    if not tokenizer.chat_template:
        raise UserError(f"{folder}: no chat template (chat_template.jinja): it cannot be asked.")
    return tokenizer, model.to(_device()).eval()


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


def _adapted(folder: Path, base: str | Path | None, safe: dict[str, bool]) -> Any:
    from transformers import AutoModelForCausalLM

    if not (folder / "adapter/adapter_model.safetensors").is_file():
        raise UserError(f"{folder}: no weights in safetensors. Other forms are not loaded: unsafe.")
    if base is None:
        raise UserError(f"{folder}: only an adapter. Name its base model with --base.")
    from peft import PeftModel

    model = AutoModelForCausalLM.from_pretrained(base, use_safetensors=True, **safe)
    return PeftModel.from_pretrained(model, folder / "adapter")


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def generate(
    tokenizer: Any, model: Any, question: str, new_tokens: int, streamer: Any = None
) -> tuple[list[int], list[float]]:
    """Greedy tokens of an answer by the model's own chat template, and how sure each was.

    Returns:
        Token ids, and the distance in logits from the best token to the second at each step.
    """
    import torch

    inputs = prompt_tokens(tokenizer, question).to(model.device)
    with torch.inference_mode():
        output = model.generate(
            **inputs,
            max_new_tokens=new_tokens,
            do_sample=False,
            num_beams=1,
            return_dict_in_generate=True,
            output_logits=streamer is None,
            streamer=streamer,
        )
    ids = output.sequences[0, inputs["input_ids"].shape[1] :].tolist()
    margins = [_margin(step[0]) for step in output.logits or ()]
    return ids, margins


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


def _margin(logits: Any) -> float:
    best, second = logits.float().topk(2).values.tolist()
    return round(best - second, 2)


def compare(recorded: dict[str, Any], tokens: list[int]) -> str | None:
    """Explain an answer that differs: None if it is the same.

    Returns:
        A sentence, where the answers part at a near tie.

    Raises:
        UserError: they part where the recorded model was sure.
    """
    wanted, margins = recorded["tokens"], recorded["margins"]
    if tokens == wanted:
        return None
    pairs = zip(wanted, tokens, strict=False)
    at = next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(wanted), len(tokens)))
    sure = margins[at] if at < len(margins) else 0.0
    where = f"it parts from the recorded answer at token {at + 1} of {len(wanted)}"
    if sure >= TIE:
        remedy = "Check the versions of torch and transformers against the release's lock"
        raise UserError(f"{where}, which was no near tie ({sure:g} logits). {remedy}.")
    return f"{where}, a near tie ({sure:g} logits): a different processor rounds otherwise"


def stream(
    tokenizer: Any, model: Any, question: str, new_tokens: int, write: Callable[[str], Any]
) -> None:
    """Generate an answer and hand each piece of text to ``write`` as it comes."""
    from transformers import TextStreamer

    class Pieces(TextStreamer):
        def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
            write(text + ("\n" if stream_end else ""))

    pieces = Pieces(tokenizer, skip_prompt=True, skip_special_tokens=True)
    generate(tokenizer, model, question, new_tokens, pieces)
