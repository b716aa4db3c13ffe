"""Serve a Hub on this machine for tests and demos."""
