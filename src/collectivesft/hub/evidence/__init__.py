"""Prove the origin of a release."""
