"""Name the vocabulary file of a tokenizer of words, without an import of transformers."""

# SentencePiece model of ``jieba_tokenizer``. No program takes this file name for a plain tokenizer.
WORD_VOCABULARY = "vocabulary.model"
