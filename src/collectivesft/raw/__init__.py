"""Stage 1: fetch raw files, verify them, and say what is there."""
