"""Finds sources by name, such as ``datasets/cmb`` or ``benchmarks/cmb_clin``."""

import importlib

from collectivesft.common.errors import UserError
from collectivesft.sources.spec import Source

KINDS = ("datasets", "benchmarks")


def load(name: str) -> Source:
    """The ``SOURCE`` of ``datasets/NAME`` or ``benchmarks/NAME``.

    Raises:
        UserError: unknown; the message lists the known ones.
    """
    kind, _, short = name.partition("/")
    if kind not in KINDS or short not in _module_names(kind):
        raise UserError(f"unknown source {name!r}. Known are: {', '.join(names())}.")
    source = _source(kind, short)
    if source is None:
        raise UserError(f"{name} is not a source. Known are: {', '.join(names())}.")
    return source


def names() -> list[str]:
    """All sources, ``kind/name``, datasets first."""
    return [
        f"{kind}/{short}"
        for kind in KINDS
        for short in _module_names(kind)
        if _source(kind, short) is not None
    ]


def _module_names(kind: str) -> list[str]:
    return importlib.import_module(f"collectivesft.{kind}").names()


def _source(kind: str, short: str) -> Source | None:
    module = importlib.import_module(f"collectivesft.{kind}").get(short)
    source = getattr(module, "SOURCE", None)
    return source if isinstance(source, Source) else None
