"""Validate experiments and mixtures with pydantic."""
