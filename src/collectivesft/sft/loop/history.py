"""The curve of a training as it grows: a line for each step, on the disk at once.

The file lies in the working folder, for ``tail -f`` and for the rows that a killed training leaves
behind. The result has the rows of the last checkpoint and those after it, which are the same: a
resumed training first cuts the file back to its checkpoint.
"""

import os
from pathlib import Path
from typing import Any

from collectivesft.common.errors import FULL_DISK
from collectivesft.common.files import json_line

NAME = "history.jsonl"


class History:
    """The rows of one training, in order.

    Args:
        path: JSON Lines file that grows with them; None: rows are only kept here.
    """

    def __init__(self, path: Path | None = None):
        self.path = path
        self.rows: list[dict[str, Any]] = []

    @property
    def tokens(self) -> int:
        """Tokens read so far."""
        return self.rows[-1]["tokens"] if self.rows else 0

    def begin(self, rows: list[dict[str, Any]]) -> None:
        """Continue after these rows; later rows of the file are cut off."""
        self.rows = rows
        if self.path is None:
            return
        kept = "".join(map(json_line, rows)).encode()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        found = self.path.read_bytes() if self.path.exists() else b""
        if found.startswith(kept) and found:
            os.truncate(self.path, len(kept))
        else:
            self._write(kept, "wb")

    def add(self, row: dict[str, Any]) -> None:
        """Append a row."""
        self.rows.append(row)
        if self.path is not None:
            self._write(json_line(row).encode(), "ab")

    def _write(self, data: bytes, mode: str) -> None:
        try:
            with open(self.path, mode) as handle:
                handle.write(data)
        except OSError as error:
            if error.errno in FULL_DISK:  # such an error names no file
                error.filename = str(self.path)
            raise
