"""GGUF files are parsed once: transformers parses one for its settings, weights and tokenizer."""

import functools
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def parsed_once() -> Iterator[None]:
    """Keep parsed GGUF files while the context lasts.

    A parse walks over every token of the vocabulary in Python: ten seconds for Gemma's 262,144.
    The parsed file is read-only.
    """
    import gguf

    reader = gguf.GGUFReader
    gguf.GGUFReader = functools.cache(reader)
    try:
        yield
    finally:
        gguf.GGUFReader = reader
