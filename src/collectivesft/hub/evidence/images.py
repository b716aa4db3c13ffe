"""Describe the images that a run used: a file's digest, a registry's address."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from collectivesft.common.errors import UserError
from collectivesft.common.files import sha256

_USER = re.compile(r"^(\w+://)[^/@]*@")  # a user and password in front of a host
_DIGEST = re.compile(r"@sha256:([0-9a-f]{64})$")


def describe(given: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Facts of images by the name of their environment.

    Args:
        given: ``NAME=PLACE`` each; a place is a file, or an address such as
            ``docker://ghcr.io/me/data:1``. Nothing is asked of a registry.

    Returns:
        Name to ``{"file", "sha256"}``, or to ``{"address", "sha256"}``, whose digest (of the
        image's index at the registry, not of a file) is None where the address does not hold it.

    Raises:
        UserError: neither a file nor an address.
    """
    return dict(_one(text) for text in given)


def _one(text: str) -> tuple[str, dict[str, Any]]:
    name, sign, place = text.partition("=")
    if sign and "://" in place:
        digest = _DIGEST.search(place)
        known = digest[1] if digest else None
        return name, {"address": _USER.sub(r"\1", place), "sha256": known}
    if sign and Path(place).is_file():
        return name, {"file": Path(place).name, "sha256": sha256(Path(place))}
    remedy = "Write NAME=FILE, or NAME=ADDRESS such as data=docker://ghcr.io/me/data:1"
    raise UserError(f"--image {text}: is no image. {remedy}.")


def parts(address: str) -> dict[str, str]:
    """Registry, name and tag of an address, as far as it holds them.

    ``docker://`` without a host means Docker's own registry.
    """
    scheme, _, rest = address.partition("://")
    rest = _DIGEST.sub("", rest)
    first, slash, others = rest.partition("/")
    hosted = slash and ("." in first or ":" in first or first == "localhost")
    registry, path = (first, others) if hosted else ("", rest)
    if not registry and scheme == "docker":
        registry = "docker.io"
    head, _, last = path.rpartition("/")
    last, _, tag = last.partition(":")
    found = {"registry": registry, "name": f"{head}/{last}".lstrip("/"), "tag": tag}
    return {key: value for key, value in found.items() if value}
