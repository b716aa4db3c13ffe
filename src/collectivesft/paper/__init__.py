"""Stage 6: the paper, every number read from a result file."""
