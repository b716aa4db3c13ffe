"""Render tables of scores."""
