"""Keep finished work of a long run, so that a killed run resumes from it."""

import contextlib
import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

from collectivesft.common.errors import UserError
from collectivesft.common.files import write_jsonl
from collectivesft.common.temporary import lock_now


class ResumeLog:
    """Records next to the file that they will become: ``.NAME.partial.jsonl``.

    The first line is a header of all that the work depends on; a journal with a different header
    belongs to other work and is started again, with a note where work is lost. A line that was cut
    off is dropped with all that follows it.

    Attributes:
        done: the records of an earlier run with the same header, in their order.
    """

    def __init__(self, out: Path, header: dict[str, Any]):
        self.out = Path(out)
        self.path = self.out.with_name(f".{self.out.name}.partial.jsonl")
        self.out.parent.mkdir(parents=True, exist_ok=True)
        self._handle = self._open()
        self.done = self._recover(header)
        if self._handle.tell() == 0:
            self.append(header)
        elif self.done:
            sys.stderr.write(f"{self.out.name}: resumes after {len(self.done)} finished parts\n")

    def _open(self) -> IO[bytes]:
        """Open the journal for this process only.

        Raises:
            UserError: a second process writes the same output.
        """
        while True:
            handle = open(self.path, "ab")  # noqa: SIM115 (closed by finish and __exit__)
            if not lock_now(handle):
                handle.close()
                raise UserError(
                    f"{self.out}: another process writes it now. "
                    "Wait until that one ends, or choose another --out."
                )
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(handle.fileno()), self.path.stat()):
                    return handle
            handle.close()  # the other process finished, and removed the file, in between

    def _recover(self, header: dict[str, Any]) -> list[dict[str, Any]]:
        data = self.path.read_bytes() if self.path.exists() else b""
        records, good = _whole_lines(data)
        header = json.loads(json.dumps(header))
        if not records or records[0] != header:
            self._say_what_changed(records, header)
            records, good = [], 0
        if good < len(data):
            os.truncate(self.path, good)
        return records[1:]

    def _say_what_changed(self, records: list[dict[str, Any]], header: dict[str, Any]) -> None:
        if records[1:]:
            names = [name for name in header if header[name] != records[0].get(name)]
            sys.stderr.write(
                f"{self.out.name}: {', '.join(names)} changed since the run that stopped: "
                "it starts from the beginning\n"
            )

    def append(self, record: dict[str, Any]) -> None:
        """Write one record and wait until it is on the disk."""
        line = json.dumps(record, ensure_ascii=False, sort_keys=True) + "\n"
        self._handle.write(line.encode("utf-8"))
        self._handle.flush()
        os.fsync(self._handle.fileno())

    def finish(self, rows: Iterable[dict[str, Any]]) -> None:
        """Write the result and remove the journal."""
        write_jsonl(self.out, rows)
        self._handle.close()
        self.path.unlink()

    def __enter__(self) -> "ResumeLog":
        return self

    def __exit__(self, *exception: object) -> None:
        self._handle.close()


def _whole_lines(data: bytes) -> tuple[list[dict[str, Any]], int]:
    """The objects of all whole lines up to the first bad one, and where that one begins."""
    records, position = [], 0
    for line in data.splitlines(keepends=True):
        try:
            record = json.loads(line.decode("utf-8"))
        except ValueError:
            break
        if not line.endswith(b"\n") or not isinstance(record, dict):
            break
        records.append(record)
        position += len(line)
    return records, position
