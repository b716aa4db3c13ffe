"""Normalise, screen and clean one text."""
