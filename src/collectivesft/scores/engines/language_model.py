"""A causal language model as scoring needs it: greedy answers and probabilities of letters."""

import contextlib
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from collectivesft.common.errors import UserError
from collectivesft.common.files import sha256
from collectivesft.models.registry import register

# Modules that decide a model's answer to a prompt, here or at a server.
CODE = (
    "scores/engines/decode",
    "scores/engines/language_model",
    "scores/engines/openai_server",
    "scores/engines/replies",
    "models/jieba_tokenizer",
    "models/registry",
    "models/cpm_ant",
    "models/pangu",
)

# Nothing is downloaded, and no code of a repository is run.
_SAFE: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}


@dataclass(frozen=True, slots=True)
class LanguageModel:
    """A loaded model.

    Attributes:
        network: transformers' model in evaluation mode, float32 on a CPU, bfloat16 on a GPU; None
            where a server has it.
        tokenizer: its tokenizer.
        stops: ids of the tokens that end an answer.
        longest: most tokens of prompt and answer together, None if the model names no limit.
        together: read the prompts of a batch in one pass, as a GPU does best; on a CPU one at a
            time is as fast, and the same to the bit at any batch size.
    """

    network: Any
    tokenizer: Any
    stops: tuple[int, ...]
    longest: int | None
    together: bool = False


def digest(folder: Path) -> str:
    """Hex sha256 over names and contents of a model folder's files, without hidden ones.

    Weights count in full: a model that is trained again has the same names and sizes.

    Raises:
        UserError: no config.json there.
    """
    folder = Path(folder)
    if not (folder / "config.json").is_file():
        raise UserError(
            f"{folder}: no config.json, so not a model folder. Run the step that makes it."
        )
    total = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.is_file() and not path.name.startswith("."):
            total.update(f"{path.name}\0{sha256(path)}\n".encode())
    return total.hexdigest()


def versions() -> dict[str, str]:
    """Return facts that numbers depend on besides the model: libraries, device, number format."""
    import torch
    import transformers

    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
    return {"torch": torch.__version__, "transformers": transformers.__version__, "device": device}


def load(folder: Path, threads: int) -> LanguageModel:
    """Load a model from a local folder, on the first GPU if there is one.

    Args:
        threads: CPU threads; their number decides the rounding.

    Raises:
        UserError: transformers cannot load it, or weights are missing in it.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    register()
    logging.disable_progress_bar()  # progress is reported by questions
    cuda = torch.cuda.is_available()
    torch.set_num_threads(threads)
    if not cuda:
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.utils.deterministic.fill_uninitialized_memory = False  # would cost time
    with _explained(folder):
        tokenizer = AutoTokenizer.from_pretrained(folder, **_SAFE)
        network, report = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=torch.bfloat16 if cuda else torch.float32,
            **_SAFE,
            output_loading_info=True,
        )
    if report["missing_keys"]:
        missing = sorted(report["missing_keys"])
        raise UserError(
            f"{folder}: {len(missing)} weights are missing, such as {missing[0]}. Make it again."
        )
    network.eval().to("cuda" if cuda else "cpu")
    stops = _stops(network, tokenizer)
    _greedy(network)
    longest = _longest(network.config, tokenizer)
    return LanguageModel(network, tokenizer, stops, longest, together=cuda)


def load_tokenizer(folder: Path) -> LanguageModel:
    """Load the parts of a served model that prompts need: its tokenizer and longest text.

    Raises:
        UserError: transformers cannot load it.
    """
    from transformers import AutoConfig, AutoTokenizer

    register()
    with _explained(folder):
        tokenizer = AutoTokenizer.from_pretrained(folder, **_SAFE)
        config = AutoConfig.from_pretrained(folder, **_SAFE)
    return LanguageModel(None, tokenizer, (), _longest(config, tokenizer))


@contextlib.contextmanager
def _explained(folder: Path) -> Iterator[None]:
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        reason = str(error).strip().split("\n")[0]
        raise UserError(
            f"{folder}: transformers cannot load the model ({reason}). Make the folder again."
        ) from error


def _stops(network: Any, tokenizer: Any) -> tuple[int, ...]:
    """The tokenizer's end token and all that the generation config names."""
    named = network.generation_config.eos_token_id
    named = named if isinstance(named, list) else [named]
    return tuple(sorted({stop for stop in [tokenizer.eos_token_id, *named] if stop is not None}))


def _greedy(network: Any) -> None:
    """Forget the model's own habits (sampling, penalties), which ``generate`` would apply."""
    from transformers import GenerationConfig

    network.generation_config = GenerationConfig()


def _longest(config: Any, tokenizer: Any) -> int | None:
    limit = getattr(config.get_text_config(), "max_position_embeddings", None)
    if limit is None and tokenizer.model_max_length < 1_000_000_000:
        limit = tokenizer.model_max_length  # transformers writes 1e30 for no limit
    return limit


def encode(model: LanguageModel, text: str, template: str) -> list[int]:
    """Token ids of a prompt; a chat template writes its own special tokens, plain text gets
    the tokenizer's (such as a beginning, never an end)."""
    tokenizer = model.tokenizer
    ids = tokenizer(text, add_special_tokens=template != "chat")["input_ids"]
    while template != "chat" and ids and ids[-1] == tokenizer.eos_token_id:
        ids = ids[:-1]
    return list(ids)


def fits(model: LanguageModel, tokens: int, new_tokens: int) -> bool:
    """Return True if a prompt of ``tokens`` leaves room for an answer of ``new_tokens``."""
    return model.longest is None or tokens + new_tokens <= model.longest


def text_of(model: LanguageModel, tokens: Sequence[int]) -> str:
    """Token ids as text, without special tokens."""
    return model.tokenizer.decode(
        list(tokens), skip_special_tokens=True, clean_up_tokenization_spaces=False
    )


@contextlib.contextmanager
def enough_memory(prompts: int) -> Iterator[None]:
    """Say what to do where the GPU is too small for so many prompts at once.

    Raises:
        UserError: it is.
    """
    import torch

    try:
        yield
    except torch.OutOfMemoryError as error:
        raise UserError(
            f"The GPU has too little memory for {prompts} prompts at once. "
            "Lower batch_size in the protocol and run again."
        ) from error
