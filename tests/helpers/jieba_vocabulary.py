"""A small SentencePiece vocabulary over jieba's words, as PanGu-alpha and CPM-1 have."""

import io

from tests.helpers.internlm2_upstream import CORPUS

SYMBOLS = ["▃", "<pad>", "<eot>", "<eod>"]


def spaced(text: str) -> str:
    """Cut and join a text as the authors' code does before SentencePiece."""
    import jieba

    jieba.setLogLevel("WARNING")
    words = jieba.cut(text, cut_all=False)
    return " ".join(word.translate(str.maketrans(" \n", "▂▃")) for word in words)


def train_vocabulary(kind: str) -> bytes:
    """Train a SentencePiece model (unigram or bpe) and return its file."""
    import sentencepiece

    lines = [spaced(text + " 问：\n答：") for text in CORPUS]
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines),
        model_writer=model,
        model_type=kind,
        vocab_size=400,
        hard_vocab_limit=False,
        user_defined_symbols=SYMBOLS,
        num_threads=1,
        minloglevel=2,
    )
    return model.getvalue()
