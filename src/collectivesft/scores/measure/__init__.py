"""Compute accuracies, intervals, tests and text metrics."""
