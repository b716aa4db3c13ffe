"""Build prompts of benchmark questions."""
