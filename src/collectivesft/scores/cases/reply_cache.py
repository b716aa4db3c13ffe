"""Replies that were paid for, by the digest of the request: JSON Lines that only grow."""

import fcntl
import json
import os
from pathlib import Path
from typing import Any

from collectivesft.common.errors import UserError


class ReplyCache:
    """A cache on disk, for one process at a time.

    A line that was cut off by a kill is dropped; every whole line is kept.

    Raises:
        UserError: a second process holds it.
    """

    def __init__(self, path: Path):
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._handle = open(self.path, "a+b")  # noqa: SIM115 (closed by __exit__)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._handle.close()
            raise UserError(f"{self.path}: another process uses it. Wait for it.") from error
        self._replies = self._load()

    def _load(self) -> dict[str, dict[str, Any]]:
        self._handle.seek(0)
        lines = self._handle.read().splitlines(keepends=True)
        if lines and not lines[-1].endswith(b"\n"):
            os.truncate(self.path, sum(map(len, lines[:-1])))
            lines.pop()
        try:
            rows = [json.loads(line) for line in lines]
            return {row["key"]: row["reply"] for row in rows}
        except (ValueError, KeyError, TypeError) as error:
            self._handle.close()
            problem = "a line is no reply; it was edited or damaged"
            raise UserError(f"{self.path}: {problem}. Correct or remove it.") from error

    def __contains__(self, key: str) -> bool:
        return key in self._replies

    def __getitem__(self, key: str) -> dict[str, Any]:
        return self._replies[key]

    def add(self, key: str, reply: dict[str, Any]) -> None:
        """Keep a reply; it is on the disk when this returns."""
        line = json.dumps({"key": key, "reply": reply}, ensure_ascii=False, sort_keys=True) + "\n"
        self._handle.write(line.encode())
        self._handle.flush()
        os.fsync(self._handle.fileno())
        self._replies[key] = reply

    def __enter__(self) -> "ReplyCache":
        return self

    def __exit__(self, *exception: object) -> None:
        self._handle.close()
