"""Stage 5: from result tables to figures."""
