"""Read a SentencePiece model file, with the message classes that sentencepiece ships."""

from dataclasses import dataclass
from pathlib import Path

from collectivesft.common.errors import InputError

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = range(1, 7)
BPE = 2


@dataclass(frozen=True)
class SentencePieces:
    """Pieces and settings of a SentencePiece model.

    Attributes:
        pieces: text, score and kind of each token; the place is the id.
        algorithm: how text is segmented; ``BPE`` or the number of a different one.
        charsmap: rules that rewrite characters first; empty where there are none.
        dummy_prefix: whether a space goes before every text.
        squeeze: whether spaces at both ends go and several in a row become one.
    """

    pieces: tuple[tuple[str, float, int], ...]
    algorithm: int
    charsmap: bytes
    dummy_prefix: bool
    squeeze: bool


def read_sentencepiece(path: Path) -> SentencePieces:
    """Read ``tokenizer.model``.

    Raises:
        InputError: the file is no SentencePiece model.
    """
    from google.protobuf.message import DecodeError
    from sentencepiece import sentencepiece_model_pb2

    try:
        model = sentencepiece_model_pb2.ModelProto.FromString(path.read_bytes())
    except DecodeError as error:
        raise InputError(path, "not a SentencePiece model", "Fetch it again") from error
    if not model.pieces:
        raise InputError(path, "a SentencePiece model without pieces", "Fetch it again")
    normaliser = model.normalizer_spec
    return SentencePieces(
        tuple((piece.piece, piece.score, piece.type) for piece in model.pieces),
        model.trainer_spec.model_type,
        normaliser.precompiled_charsmap,
        normaliser.add_dummy_prefix,
        normaliser.remove_extra_whitespaces,
    )
