"""Run one training in several processes."""
