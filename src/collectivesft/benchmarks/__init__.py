"""One file per benchmark: its items, prompt, extraction and score."""
