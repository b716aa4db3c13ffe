"""A file for arrays that would not fit into memory."""

import os
from pathlib import Path

import numpy as np


class DiskArray:
    """Writes and reads arrays at places in a file, through the system's cache."""

    def __init__(self, path: Path):
        self._file = open(path, "w+b", buffering=0)  # noqa: SIM115
        self._handle = self._file.fileno()

    def __enter__(self) -> "DiskArray":
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.close()

    def write(self, array: np.ndarray, place: int) -> None:
        """Write an array from this byte on."""
        data = memoryview(np.ascontiguousarray(array)).cast("B") if array.size else b""
        while data:  # a disk that is nearly full takes a part and complains at the next
            written = os.pwrite(self._handle, data, place)
            data, place = data[written:], place + written

    def read(self, kind: type, count: int, place: int) -> np.ndarray:
        """Read an array of ``count`` numbers from this byte on."""
        size = count * np.dtype(kind).itemsize
        data = os.pread(self._handle, size, place)
        while len(data) < size:  # one call reads 2 GiB at most
            data += os.pread(self._handle, size - len(data), place + len(data))
        return np.frombuffer(data, dtype=kind)
