"""Tokenizer of PanGu-alpha and CPM-1: words by jieba, then SentencePiece.

The steps are those of both releases (``tokenization_jieba.py`` of PanGu-alpha,
``data_utils/tokenization_gpt2.py`` of CPM-1-Generate): jieba cuts a text into words, blanks and
line ends become ▂ and ▃, one space joins the words, and SentencePiece encodes the result. Spaces of
the decoded text are those joints, so they are removed.

transformers' ``CpmTokenizer`` gives other ids: it normalises texts in the manner of XLNet.
"""

import shutil
from functools import lru_cache
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizer

from collectivesft.models.word_vocabulary import WORD_VOCABULARY

_TO_SIGNS = str.maketrans(" \n", "▂▃")
_FROM_SIGNS = str.maketrans("▂▃", " \n")


@lru_cache(maxsize=1)
def _cutter() -> Any:
    """Return jieba's cutter with its own dictionary.

    jieba would keep the dictionary in the folder of temporary files, and read it from there without
    a check that the file is its own.
    """
    import logging
    import warnings

    with warnings.catch_warnings():  # of pkg_resources, and of escapes in regular expressions
        warnings.simplefilter("ignore")
        import jieba

    jieba.setLogLevel(logging.WARNING)
    cutter = jieba.Tokenizer()
    cutter.FREQ, cutter.total = cutter.gen_pfdict(cutter.get_dict_file())
    cutter.initialized = True
    return cutter


class JiebaTokenizer(PreTrainedTokenizer):
    """SentencePiece over jieba's words.

    A text cut at a line end or at ``：`` has the ids of its parts: jieba ends a word there and
    pieces never span words. So a training example can be encoded part by part.

    Args:
        vocab_file: SentencePiece model, unigram or BPE.
        more: special tokens by role, of pieces that the vocabulary has.
    """

    vocab_files_names = {"vocab_file": WORD_VOCABULARY}  # noqa: RUF012
    model_input_names = ["input_ids", "attention_mask"]  # noqa: RUF012

    def __init__(self, vocab_file: str, **more: Any):
        import sentencepiece

        self.vocab_file = vocab_file
        self._pieces = sentencepiece.SentencePieceProcessor(model_file=str(vocab_file))
        super().__init__(**({"unk_token": self._pieces.id_to_piece(self._pieces.unk_id())} | more))

    @property
    def vocab_size(self) -> int:
        """Number of pieces."""
        return self._pieces.get_piece_size()

    def get_vocab(self) -> dict[str, int]:
        """Return the id of each piece and added token."""
        pieces = {self._pieces.id_to_piece(i): i for i in range(self.vocab_size)}
        return pieces | self.added_tokens_encoder

    def _tokenize(self, text: str, **_: Any) -> list[str]:
        words = (word.translate(_TO_SIGNS) for word in _cutter().cut(text, cut_all=False))
        return [self._pieces.id_to_piece(i) for i in self._pieces.encode(" ".join(words))]

    def _convert_token_to_id(self, token: str) -> int:
        return self._pieces.piece_to_id(token)

    def _convert_id_to_token(self, index: int) -> str:
        return self._pieces.id_to_piece(index)

    def convert_tokens_to_string(self, tokens: list[str]) -> str:
        """Return the text of pieces; special tokens keep their names, unknown letters are ⁇."""
        special, text, run = set(self.all_special_tokens) - {self.unk_token}, "", []
        for token in [*tokens, None]:
            if token is None or token in special:
                text += self._pieces.decode_pieces(run).replace(" ", "") + (token or "")
                run = []
            else:
                run.append(token)
        return text.translate(_FROM_SIGNS)

    def save_vocabulary(
        self, save_directory: str, filename_prefix: str | None = None
    ) -> tuple[str, ...]:
        """Copy the SentencePiece model into a folder."""
        name = f"{filename_prefix}-{WORD_VOCABULARY}" if filename_prefix else WORD_VOCABULARY
        target = Path(save_directory) / name
        if not target.exists() or not target.samefile(self.vocab_file):
            shutil.copy(self.vocab_file, target)
        return (str(target),)
