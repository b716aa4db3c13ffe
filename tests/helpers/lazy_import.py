"""Import a large package when a test uses it: every worker collects every file of tests."""

import importlib


class LazyImport:
    """Stands for a module, which is imported when one of its names is asked for."""

    def __init__(self, name: str):
        self._name = name

    def __getattr__(self, name: str) -> object:
        if name.startswith("_"):  # pytest looks for marks in each value of a file
            raise AttributeError(name)
        return getattr(importlib.import_module(self._name), name)
