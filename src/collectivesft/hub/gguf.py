"""A copy of a model as one GGUF file, compared with its original.

llama.cpp's own converter makes it; for four bits the gguf package quantises what that wrote.
"""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from hashlib import sha256 as new_sha256
from pathlib import Path
from typing import Any

from collectivesft.common.digests import version
from collectivesft.common.errors import UserError
from collectivesft.common.files import atomic_path, scratch_folder, sha256, write_json
from collectivesft.hub.evidence import gguf_agreement, gguf_tokens
from collectivesft.hub.evidence.gguf_quantise import quantise
from collectivesft.models.convert.gguf_reader import parsed_once
from collectivesft.models.convert.sentencepiece_model import write_sentencepiece_model
from collectivesft.models.word_vocabulary import WORD_VOCABULARY

# The converter's name of a type, and the largest mean divergence (nats a token) of its answers from
# the original's. What rounding does lies below: see docs/download.md for measured numbers. A tensor
# that is lost, transposed or scaled wrongly makes whole nats.
LIMITS = {"f16": 0.005, "bf16": 0.02, "q8_0": 0.05, "q4_0": 0.5}
FOUR_BITS = "q4_0"  # the converter does not write it: its bf16 is quantised here
_REMEDY = "Run envs/converter, or set hub.gguf_converter to convert_hf_to_gguf.py of a llama.cpp"
_OTHER = "Set hub.gguf to null, or hub.gguf_converter to a llama.cpp that knows it"
# Files of a model that hold no code: the converter itself would run a tokenizer's.
_PLAIN = (".json", ".safetensors", ".jinja", ".txt", ".model")
# The converter's messages on a model that it cannot convert, and their meaning.
_UNKNOWN = (
    (r"Model (\S+) is not supported", "the converter does not know the architecture {}"),
    (r"(Architecture '\S+') not supported", "the converter does not know it: {}"),
    (r"(BPE pre-tokenizer was not recognized)", "the converter does not know its tokenizer: {}"),
)


def make(
    model: Path,
    gguf_converter: Path | str,
    gguf: str | None,
    name: str,
    out: Path,
    report: Path,
    threads: int = 2,
) -> dict[str, Any]:
    """Convert a model, read the copy back and compare its answers; write and return the report.

    The same model and name give the same bytes, wherever they lie.

    Args:
        model: folder with the weights in safetensors.
        gguf_converter: llama.cpp's convert_hf_to_gguf.py, with its own folders next to it.
        gguf: f16, bf16, q8_0 or q4_0.
        name: of the model, as the file has it.
        out: GGUF file to write.
        report: JSON to write: the file's size and sha256, the converter's sha256, for q4_0 the
            ``quantiser`` and its version, how its prompt looks, ``tokenizer`` (see
            ``gguf_tokens.check``), and ``agreement``, which is None where the copy could not be
            read back (``note`` says why).
        threads: of the CPU; their number is part of the comparison to the last bit.

    Raises:
        UserError: no converter, a model that it does not know, it failed, or the copy answers
            otherwise than its original. No file is left.
    """
    converter, kind = Path(gguf_converter), gguf
    if kind not in LIMITS:
        raise UserError(f"--gguf: name the copy's type, one of {', '.join(LIMITS)}.")
    if not converter.is_file():
        raise UserError(f"{converter}: no converter there. {_REMEDY}.")
    if not any(model.glob("*.safetensors")):
        raise UserError(f"{model}: no weights in safetensors. Name the folder of a whole model.")
    if (model / WORD_VOCABULARY).is_file():
        problem = "its tokenizer takes words by jieba, which llama.cpp does not know"
        raise UserError(f"{model}: {problem}. Set hub.gguf to null.")
    with atomic_path(out) as partial:
        if kind == FOUR_BITS:
            with scratch_folder(out) as scratch:
                _convert(model, converter, "bf16", name, scratch / out.name)
                quantise(scratch / out.name, partial)
        else:
            _convert(model, converter, kind, name, partial)
        with parsed_once():
            found, note = gguf_agreement.measure(model, partial, threads)
            _judge(out, kind, found)
            prompt = gguf_agreement.prompt(model)
            tokenizer = gguf_tokens.check(model, partial, prompt["stops"])
    content = {"file": out.name, "type": kind, "size": out.stat().st_size, "sha256": sha256(out)}
    content |= {"converter": {"name": converter.name, "sha256": _digest(converter)}}
    if kind == FOUR_BITS:
        content |= {"quantiser": {"name": "gguf", "version": version("gguf")}}
    content |= {
        "agreement": found,
        "note": note,
        "limit": LIMITS[kind],
        "tokenizer": tokenizer,
        **prompt,
    }
    write_json(report, content)
    return content


def _judge(out: Path, kind: str, found: dict[str, Any] | None) -> None:
    """Refuse a copy that is wide of its original; NaN is too."""
    if found is not None and not found["divergence"] <= LIMITS[kind]:
        cause = f"The converter does not do this architecture right. {_OTHER}"
        if kind == FOUR_BITS:
            cause = "Four bits are too few for it, or the converter does not do it right. Take q8_0"
        raise UserError(
            f"{out}: answers otherwise than the model it was made of ({found['divergence']:g} nats "
            f"a token; {LIMITS[kind]:g} at most for {kind}). {cause}."
        )


def _convert(model: Path, converter: Path, kind: str, name: str, out: Path) -> None:
    """Run the converter in its own process; its output goes to our standard error."""
    with scratch_folder(out) as scratch:
        folder = scratch / name  # it takes the model's name from the folder's
        folder.mkdir()
        for path in (path for path in sorted(model.iterdir()) if path.suffix in _PLAIN):
            (folder / path.name).symlink_to(path.resolve())
        vocabulary = folder / "tokenizer.model"
        if not vocabulary.is_file():
            write_sentencepiece_model(folder / "tokenizer.json", vocabulary)
        command = [sys.executable, str(converter), "--outtype", kind, "--model-name", name]
        command += ["--outfile", str(out), str(folder)]
        said, code = _run(command, _environment(os.environ, scratch))
    if code:
        raise UserError(f"{model}: {_problem(said, code)}.")
    if not _is_gguf(out):
        raise UserError(f"{converter}: ended well, but wrote no GGUF file. {_REMEDY}.")


def _is_gguf(path: Path) -> bool:
    if not path.is_file():
        return False
    with open(path, "rb") as handle:
        return handle.read(4) == b"GGUF"


def _environment(environ: Mapping[str, str], scratch: Path) -> dict[str, str]:
    """Offline, with an empty cache and no token; its own gguf, no bytecode files, no bars."""
    left_out = ("HF_TOKEN", "NO_LOCAL_GGUF", "PYTHONPATH")
    kept = {key: value for key, value in environ.items() if key not in left_out}
    kept |= dict.fromkeys(("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "TQDM_DISABLE"), "1")
    return kept | {"HF_HOME": str(scratch / "home"), "PYTHONDONTWRITEBYTECODE": "1"}


def _run(command: list[str], environment: dict[str, str]) -> tuple[list[str], int]:
    """Lines that a process wrote, passed on as they come, and its exit code."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    said = []
    with subprocess.Popen(command, env=environment, errors="replace", **pipes) as process:
        for line in process.stdout or ():
            sys.stderr.write(line)
            said.append(line.strip())
    return [line for line in said if line], process.returncode


def _problem(said: list[str], code: int) -> str:
    """Return fault and remedy, from the converter's output."""
    text = "\n".join(said)
    for pattern, words in _UNKNOWN:
        if match := re.search(pattern, text):
            return f"{words.format(match[1])}. {_OTHER}"
    last = said[-1] if said else "it said nothing"
    return f"the converter ended with code {code} ({last}). Its output is above. {_OTHER}"


def _digest(converter: Path) -> str:
    """One sha256 over the converter's own files, which has no version."""
    folder, digest = converter.parent, new_sha256()
    beside = (path for name in ("conversion", "gguf-py") for path in folder.glob(f"{name}/**/*.py"))
    for path in sorted({converter, *beside}):
        digest.update(f"{sha256(path)}  {path.relative_to(folder).as_posix()}\n".encode())
    return digest.hexdigest()
