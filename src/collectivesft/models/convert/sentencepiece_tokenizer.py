"""A SentencePiece tokenizer as one that transformers loads without code from a repository.

The result must give the same tokens as the sentencepiece library itself: it is held against it on
some texts before it is written.
"""

from pathlib import Path
from typing import Any

from collectivesft.common.errors import InputError
from collectivesft.models.convert.sentencepiece_proto import (
    BPE,
    BYTE,
    CONTROL,
    NORMAL,
    UNKNOWN,
    UNUSED,
    USER_DEFINED,
    SentencePieces,
    read_sentencepiece,
)

SPACE = "▁"
_ROLES = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "</s>"}
# Texts that tokenizers tend to disagree about: spaces, lines, bytes, forms of letters, numbers.
PROBES = (
    "头痛三天，伴有发热38.5℃，应该怎么办？",
    "以下哪项正确？\nA. 青霉素\nB. 头孢菌素\n\n答案：",
    " leading, double  and trailing spaces  ",
    "\tTabs\r\nand   lines\n",
    "Angiotensin-converting enzyme (ACE) inhibitors: 5-10 mg/d, p<0.05.",
    "ＡＢＣ１２３　①②③ ﬁ é Å",
    "🩺👩‍⚕️ 𠮷 ﷽ \u200b\ufeff",
    "1234567890 3.14159 2024-05-01",
    "患者男，45岁。 血压150/95mmHg；  心率 88 次/分",
    "",
    " ",
)


def convert_tokenizer(
    model: Path, settings: dict[str, Any], folder: Path, special: dict[str, int] | None = None
) -> None:
    """Write ``tokenizer.json`` and what belongs to it.

    Args:
        model: ``tokenizer.model``, of the BPE kind.
        settings: content of ``tokenizer_config.json``: special tokens by role,
            ``added_tokens_decoder`` (id to token; it renames the piece of that id),
            ``add_bos_token`` (true where it says nothing), ``chat_template``.
        folder: is there; gets the files.
        special: text to id of more special tokens, which take the place of unused pieces.

    Raises:
        InputError: the file is no SentencePiece model, or one that cannot be converted so that
            it gives the same tokens, or the piece of an id in ``special`` is in use.
    """
    from transformers import PreTrainedTokenizerFast

    content = read_sentencepiece(model)
    settings = settings | {"added_tokens_decoder": _with(model, content, settings, special or {})}
    backend = _backend(model, content, settings)
    _check(model, backend, content)
    roles = {role: _text(settings.get(role, default)) for role, default in _ROLES.items()}
    _set_ends(backend, roles["bos_token"], settings)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        **roles,
        model_max_length=settings.get("model_max_length", int(1e30)),
        padding_side="left",
        clean_up_tokenization_spaces=False,
        chat_template=settings.get("chat_template"),
    )
    tokenizer.save_pretrained(folder)


def _with(
    model: Path, content: SentencePieces, settings: dict[str, Any], special: dict[str, int]
) -> dict[str, Any]:
    """The added tokens of the settings and those of ``special``."""
    added = dict(settings.get("added_tokens_decoder") or {})
    for text, place in special.items():
        known = added.get(str(place))
        if known and _text(known) == text:
            continue
        piece = content.pieces[place] if place < len(content.pieces) else None
        if known or piece is None or (piece[2] != USER_DEFINED and not _unused(piece[0])):
            found = _text(known) if known else piece and piece[0]
            problem = f"the id {place} of {text} is {found!r}, no unused piece"
            raise InputError(model, problem, "Correct special_tokens in the model's file")
        added[str(place)] = {"content": text, "special": True}
    return added


def _unused(piece: str) -> bool:
    return "unused" in piece.lower()


def _text(token: Any) -> str:
    return token["content"] if isinstance(token, dict) else token


def _backend(model: Path, content: SentencePieces, settings: dict[str, Any]) -> Any:
    from tokenizers import AddedToken, Tokenizer, models

    if content.algorithm != BPE:
        raise InputError(model, "not of the BPE kind", "Choose a base model with a BPE tokenizer")
    if any(kind == UNUSED for _, _, kind in content.pieces):
        remedy = "Choose another base model"
        raise InputError(model, "has unused pieces, which this conversion does not know", remedy)
    added = {int(place): token for place, token in settings["added_tokens_decoder"].items()}
    vocabulary: dict[str, int] = {}
    for place, (text, _, _) in enumerate(content.pieces):
        vocabulary[_text(added[place]) if place in added else text] = place
    unknown = next((place for place, p in enumerate(content.pieces) if p[2] == UNKNOWN), None)
    names = {place: text for text, place in vocabulary.items()}
    backend = Tokenizer(
        models.BPE(
            vocab=vocabulary,
            merges=merges(content, set(added)),
            unk_token=names.get(unknown),
            fuse_unk=True,
            byte_fallback=any(kind == BYTE for _, _, kind in content.pieces),
        )
    )
    backend.normalizer = _normaliser(content)
    backend.decoder = _decoder(content)
    for place, (_, _, kind) in enumerate(content.pieces):
        if place in added or kind in (UNKNOWN, CONTROL):
            backend.add_special_tokens([_added_token(names[place], added.get(place))])
        elif kind == USER_DEFINED:
            backend.add_tokens([AddedToken(names[place], normalized=False)])
    beyond = sorted(place for place in added if place >= len(content.pieces))
    for number, place in enumerate(beyond, start=len(content.pieces)):
        if place != number:
            raise InputError(model, f"no piece has the id {number}", "Fetch the tokenizer again")
        backend.add_special_tokens([_added_token(_text(added[place]), added[place])])
    return backend


def _added_token(text: str, settings: Any) -> Any:
    from tokenizers import AddedToken

    known = settings if isinstance(settings, dict) else {}
    flags = {key: bool(known.get(key, False)) for key in ("lstrip", "rstrip", "single_word")}
    return AddedToken(text, normalized=False, special=True, **flags)


def merges(content: SentencePieces, renamed: set[int]) -> list[tuple[str, str]]:
    """The pairs of pieces that join, the most urgent first.

    SentencePiece joins whatever two neighbours make the piece of the highest score. So each way
    to cut a piece into two is a pair, and pairs are in the order of the score of the joined piece.

    Args:
        renamed: ids whose pieces are special tokens and never made from text.
    """
    known = {
        text: (place, score)
        for place, (text, score, kind) in enumerate(content.pieces)
        if kind == NORMAL and place not in renamed
    }
    pairs = []
    for text, (_, score) in known.items():
        for cut in range(1, len(text)):
            left, right = text[:cut], text[cut:]
            if left in known and right in known:
                pairs.append((-score, known[left][0], known[right][0], left, right))
    return [(left, right) for *_, left, right in sorted(pairs)]


def _normaliser(content: SentencePieces) -> Any:
    from tokenizers import Regex, normalizers

    steps: list[Any] = []
    if content.charsmap:
        steps.append(normalizers.Precompiled(content.charsmap))
    if content.squeeze:
        ends, several = Regex("^ +| +$"), Regex(" {2,}")
        steps += [normalizers.Replace(ends, ""), normalizers.Replace(several, " ")]
    if content.dummy_prefix:
        steps.append(normalizers.Prepend(SPACE))
    return normalizers.Sequence([*steps, normalizers.Replace(" ", SPACE)])


def _decoder(content: SentencePieces) -> Any:
    from tokenizers import decoders

    steps = [decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse()]
    if content.dummy_prefix or content.squeeze:
        steps.append(decoders.Strip(" ", left=1))
    return decoders.Sequence(steps)


def _set_ends(backend: Any, bos: str, settings: dict[str, Any]) -> None:
    """Every text begins with ``bos`` where the settings do not say otherwise."""
    from tokenizers import processors

    if settings.get("add_bos_token", True):
        backend.post_processor = processors.TemplateProcessing(
            single=f"{bos} $A",
            pair=f"{bos} $A $B:1",
            special_tokens=[(bos, backend.token_to_id(bos))],
        )


def _check(model: Path, backend: Any, content: SentencePieces) -> None:
    """Hold the converted tokenizer against the library on some texts."""
    import sentencepiece

    reference = sentencepiece.SentencePieceProcessor(model_file=str(model))
    own = [text for text, _, kind in content.pieces if kind == USER_DEFINED][:2]
    for probe in (*PROBES, *(f"a{text}b" for text in own)):
        ids, wanted = backend.encode(probe).ids, reference.encode(probe)
        if ids != wanted or backend.decode(ids) != reference.decode(wanted):
            problem = f"the converted tokenizer reads {probe!r} otherwise than sentencepiece"
            raise InputError(model, problem, "Choose another base model, and report this one")
