"""Describe raw files: their origin, how to open them and how to check them."""
