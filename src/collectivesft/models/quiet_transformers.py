"""Keeps other programs' bars, and warnings that are known to mean nothing here, out of our logs."""

import logging
import os
import warnings

# Texts are cut to the recipe's own length later on.
_EXPECTED = "Token indices sequence length is longer"


def quiet() -> None:
    """Silence transformers; call it before the first model or tokenizer is loaded."""
    # The reader of GGUF files shows its bar by tqdm itself, which reads this when imported.
    os.environ.setdefault("TQDM_DISABLE", "1")
    warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)
    warnings.filterwarnings("ignore", "fan_in_fan_out is set to", UserWarning)  # peft sees to it
    logging.getLogger("transformers.tokenization_utils_base").addFilter(_unexpected)
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()


def _unexpected(record: logging.LogRecord) -> bool:
    return _EXPECTED not in record.getMessage()
