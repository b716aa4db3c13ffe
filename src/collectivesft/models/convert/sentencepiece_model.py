"""Write the SentencePiece model of a tokenizer that is there only in its plain form.

llama.cpp's converter reads ``tokenizer.model``. Without it, it takes Gemma for a byte-level
tokenizer (labels ``gpt2`` and ``granite-embed-multi-311m``), which transformers does not read, and
gives each piece of a Llama the same score. A base model that came as GGUF has ``tokenizer.json``
only. Its merges are in the order of the pieces' scores, so the ranks serve as scores.
"""

import json
from pathlib import Path
from typing import Any

from collectivesft.common.files import read_json
from collectivesft.models.convert.sentencepiece_proto import (
    BPE,
    BYTE,
    CONTROL,
    NORMAL,
    UNKNOWN,
    USER_DEFINED,
)
from collectivesft.models.convert.sentencepiece_tokenizer import PROBES, SPACE


def write_sentencepiece_model(plain: Path, out: Path) -> bool:
    """Write ``tokenizer.model`` for a ``tokenizer.json`` that was made from one.

    Args:
        plain: ``tokenizer.json``.
        out: file to write.

    Returns:
        False where the tokenizer is of a different kind, or the sentencepiece library does not give
        the same tokens with the file; then there is no file.
    """
    if not plain.is_file():
        return False
    content = read_json(plain)
    if not _is_sentencepiece(content):
        return False
    pieces = _pieces(content)
    if pieces is None:
        return False
    prefix = '"Prepend"' in json.dumps(content.get("normalizer"))
    out.write_bytes(_serialise(pieces, prefix))
    if _agree(plain, out, content):
        return True
    out.unlink()
    return False


def _is_sentencepiece(content: dict[str, Any]) -> bool:
    """BPE that falls back to bytes and writes a space as one character."""
    model = content.get("model") or {}
    bytes_known = model.get("type") == "BPE" and model.get("byte_fallback") is True
    return bytes_known and SPACE in str(content.get("normalizer"))


def _pieces(content: dict[str, Any]) -> list[tuple[str, float, int]] | None:
    """Text, score and kind of each token; None where ids have gaps."""
    model = content["model"]
    names = {place: text for text, place in model["vocab"].items()}
    added = {token["id"]: token for token in content.get("added_tokens") or []}
    names |= {place: token["content"] for place, token in added.items()}
    if sorted(names) != list(range(len(names))):
        return None
    scores: dict[str, float] = {}
    for rank, pair in enumerate(model["merges"]):
        left, right = pair.split(" ") if isinstance(pair, str) else pair
        scores.setdefault(left + right, -float(rank))
    last = -float(len(model["merges"]))
    unknown = model.get("unk_token")
    return [
        (text, scores.get(text, last), _kind(text, text == unknown, added.get(place)))
        for place, text in sorted(names.items())
    ]


def _kind(text: str, unknown: bool, added: dict[str, Any] | None) -> int:
    if unknown:
        return UNKNOWN
    if len(text) == 6 and text.startswith("<0x") and text.endswith(">"):
        return BYTE
    if added is None:
        return NORMAL
    return CONTROL if added.get("special") else USER_DEFINED


def _serialise(pieces: list[tuple[str, float, int]], prefix: bool) -> bytes:
    from sentencepiece import sentencepiece_model_pb2

    model = sentencepiece_model_pb2.ModelProto()
    for text, score, kind in pieces:
        model.pieces.add(piece=text, score=score, type=kind)
    model.trainer_spec.model_type = BPE
    model.trainer_spec.byte_fallback = True
    unknown = next((place for place, piece in enumerate(pieces) if piece[2] == UNKNOWN), None)
    if unknown is not None:
        model.trainer_spec.unk_id = unknown
        model.trainer_spec.unk_piece = pieces[unknown][0]
    model.normalizer_spec.add_dummy_prefix = prefix
    model.normalizer_spec.remove_extra_whitespaces = False
    return model.SerializeToString(deterministic=True)


def _agree(plain: Path, out: Path, content: dict[str, Any]) -> bool:
    """Hold the file, read by the sentencepiece library, against the plain tokenizer."""
    import sentencepiece
    from tokenizers import Tokenizer

    try:
        made = sentencepiece.SentencePieceProcessor(model_file=str(out))
    except (RuntimeError, OSError):  # it refuses a vocabulary without an unknown piece
        return False
    own = Tokenizer.from_file(str(plain))
    words = [token["content"] for token in content.get("added_tokens") or []]
    texts = [text for text in PROBES if not any(word in text for word in words if word.strip())]
    return all(own.encode(t, add_special_tokens=False).ids == made.encode(t) for t in texts)
