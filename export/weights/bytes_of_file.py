"""A checkpoint as hostile bytes: opened without blocking, never read past its end."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ...engine.errors import CorruptModel, ModelNotFound
from ...engine.files import open_regular

__all__ = ["WeightsFile", "read_exactly"]


class WeightsFile:
    """A regular file, open for reading at any offset.

    Raises:
        ModelNotFound: there is no readable regular file at `path`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.stream = _open_regular(path)
        self.size = os.fstat(self.stream.fileno()).st_size

    def corrupt(self, reason: str) -> CorruptModel:
        """Make the error for this file; `reason` goes on after its name."""
        return CorruptModel(f"{self.path} {reason}")

    def bytes_at(self, offset: int, count: int) -> bytes:
        """Give `count` bytes from `offset`; less than that in the file is CorruptModel."""
        self._seek(offset, count)
        data = self.stream.read(count)
        if len(data) < count:
            raise self.corrupt("is cut off: its data end too early")
        return data

    def raw_at(self, offset: int, count: int) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
        """Give `count` bytes from `offset` as a fresh array."""
        self._seek(offset, count)
        return read_exactly(self, self.stream, count)

    def close(self) -> None:
        """Let go of the file."""
        self.stream.close()

    def _seek(self, offset: int, count: int) -> None:
        if offset < 0 or count < 0 or offset + count > self.size:
            raise self.corrupt("is cut off: its data reach past the end of the file")
        self.stream.seek(offset)


def read_exactly(
    file: WeightsFile, stream: BinaryIO, count: int
) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    """Read `count` bytes of `stream`, a stream within `file`, into a fresh array."""
    raw = np.empty(count, np.uint8)
    view = memoryview(raw.data)
    filled = 0
    try:
        while filled < count:
            got = stream.readinto(view[filled:])  # type: ignore[attr-defined]
            if not got:
                raise file.corrupt("is cut off: its data end too early")
            filled += got
    except OSError as error:
        raise file.corrupt(f"cannot be read: {error.strerror or error}") from error
    return raw


def _open_regular(path: Path) -> BinaryIO:
    try:
        return open_regular(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ModelNotFound(f"cannot open the weights {path}: {reason}") from error
