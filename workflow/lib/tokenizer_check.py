"""Check a base model's tokenizer before a run: room for the chat template, tokens for letters.

Reads `tokenizer.json` where it is at hand, in the model's folder or in the cache, if the package
tokenizers is installed. A model with random weights has one token for each byte.
"""

import hashlib
import json
import os
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from collectivesft.common.files import atomic_path

if TYPE_CHECKING:
    from collectivesft.config.experiment import ModelRecipe

Encode = Callable[[str], list[int]]
TURNS = [{"role": "user", "content": "?"}, {"role": "assistant", "content": "A"}]
LEAD = "答案是"
LM_EVAL_LEAD, LM_EVAL_GAP = "答案：", " "
LETTERS = "ABCDE"


def encoder(model: "ModelRecipe", folders: list[Path], memory: Path | None = None) -> Encode | None:
    """Return a function from text to token ids; None where no tokenizer is at hand.

    Args:
        folders: of the model, the first one with a tokenizer is taken.
        memory: folder that keeps the ids of texts encoded before, if it can be written. A large
            tokenizer takes seconds to load, and each start of Snakemake asks for the same texts.
    """
    if model.source.get("kind") == "random":
        return _byte_encoder()
    paths = [path for folder in folders if (path := folder / "tokenizer.json").is_file()]
    try:
        from tokenizers import Tokenizer
    except ModuleNotFoundError:
        return None
    if not paths:
        return None
    load = cache(lambda: Tokenizer.from_file(str(paths[0])))
    kept = _memory_file(memory, paths[0])
    known = json.loads(kept.read_text("utf-8")) if kept and kept.is_file() else {}
    try:
        known or load()
    except Exception:  # tokenizers raises this very class; a damaged file is for stage sft
        return None

    def encode(text: str) -> list[int]:
        if text not in known:
            known[text] = load().encode(text, add_special_tokens=False).ids
            if kept:
                with atomic_path(kept) as partial:
                    partial.write_text(json.dumps(known), encoding="utf-8")
        return known[text]

    return encode


def _memory_file(memory: Path | None, tokenizer: Path) -> Path | None:
    """File of a tokenizer's known texts: a changed tokenizer has a different one."""
    if memory is None or not os.access(memory, os.W_OK):
        return None
    state = tokenizer.stat()
    key = f"{tokenizer.resolve()} {state.st_size} {state.st_mtime_ns}"
    return memory / f"tokenizer-{hashlib.sha256(key.encode()).hexdigest()[:16]}.json"


def _byte_encoder() -> Encode:
    from collectivesft.models.convert.random_model import SPECIAL

    marks = re.compile("|".join(map(re.escape, SPECIAL)))

    def encode(text: str) -> list[int]:
        parts, ids, end = list(marks.finditer(text)), [], 0
        for part in parts:
            ids += [*text[end : part.start()].encode(), 256 + SPECIAL.index(part[0])]
            end = part.end()
        return ids + list(text[end:].encode())

    return encode


def template_fault(template: str, encode: Encode, longest: int) -> str:
    """Say why an example cannot be trained on with its chat template; "" if it can.

    Args:
        template: text of the training template.
        longest: most tokens of an example.
    """
    from jinja2 import TemplateError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    plain = re.sub(r"\{%-?\s*(?:end)?generation\s*-?%\}", "", template)
    try:
        text = (
            ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
            .from_string(plain)
            .render(messages=TURNS, bos_token="", eos_token="", add_generation_prompt=False)
        )
    except TemplateError as error:
        return f"the chat template cannot be filled in ({error}); correct it"
    needed = len(encode(text))
    if needed <= longest:
        return ""
    return (
        f"{longest} tokens, one question and answer of a letter each take {needed} with the chat "
        f"template; raise it to {needed} or more"
    )


def letters_fault(encode: Encode, lm_eval: bool = False) -> str:
    """Say why probabilities of letters cannot be compared; "" if they can.

    Args:
        lm_eval: in lm-evaluation-harness's text, which has a blank before a letter.
    """
    lead, gap = (LM_EVAL_LEAD, LM_EVAL_GAP) if lm_eval else (LEAD, "")
    before = encode(lead)
    found: list[int] = []
    for letter in LETTERS:
        ids = encode(lead + gap + letter)
        if ids[:-1] != before or ids[-1] in found:
            after = " after a blank" * bool(gap)
            return f"its tokenizer has no separate token for {letter}{after}"
        found.append(ids[-1])
    return ""
