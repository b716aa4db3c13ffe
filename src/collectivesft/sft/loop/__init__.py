"""Run the training loop with its checkpoints and records."""
