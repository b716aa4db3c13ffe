"""Errors, files, processes and progress: shared ground that knows nothing of medicine."""
