"""Tests, in folders like the package's rooms."""
