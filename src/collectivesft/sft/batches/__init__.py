"""Turn tokens into batches."""
