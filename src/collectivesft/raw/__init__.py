"""Stage 1: fetch raw files, verify them, and list them."""
