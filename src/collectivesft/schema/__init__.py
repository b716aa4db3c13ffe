"""Define examples, benchmark items and prompt templates."""
