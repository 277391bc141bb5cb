"""One file of a header in JSON and NumPy arrays: written whole or not at all, read with distrust.

    magic (8 bytes), length of the header (8, little-endian), header, arrays one after the other,
    SHA-256 of all before (32)

No pickle, no compression: what is read is never more than the file has bytes, and nothing of it is
taken before all of it was found to be sound.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from .files import atomic_writer, open_regular

__all__ = ["Damaged", "read_arrays", "read_header", "write_arrays"]

_MAGIC = b"IMPASTO\x01"
_LARGEST_HEADER = 2**22
_MOST_ARRAYS = 64
_DTYPES = ("<i2", "<i8", "<f4", "<f8")
_BLOCK = 2**22
_DIGEST = hashlib.sha256().digest_size


class Damaged(Exception):
    """The file is none of these, or cut off, or changed; the text says which."""


def write_arrays(
    path: Path,
    header: Mapping[str, Any],
    arrays: Mapping[str, np.ndarray],
    check: Callable[[], None] = lambda: None,
) -> None:
    """Replace the file.

    Args:
        header: what JSON can hold.
        arrays: by name, of 16- and 64-bit whole numbers or 32- and 64-bit floats.
        check: called between blocks; if it raises, the old file stays.

    Raises:
        OutputError: it cannot be written.
    """
    listed = [[name, array.dtype.str, list(array.shape)] for name, array in arrays.items()]
    text = json.dumps({"arrays": listed, "header": header}).encode()
    digest = hashlib.sha256()
    with atomic_writer(path) as stream:

        def put(data: bytes | memoryview) -> None:
            digest.update(data)
            stream.write(data)

        put(_MAGIC)
        put(len(text).to_bytes(8, "little"))
        put(text)
        for array in arrays.values():
            flat = np.ascontiguousarray(array).reshape(-1)
            count = max(1, _BLOCK // array.itemsize)
            for first in range(0, flat.size, count):
                check()
                put(flat[first : first + count].data.cast("B"))
        stream.write(digest.digest())


def read_header(path: Path) -> dict[str, Any]:
    """The header alone, of a file of which every byte was looked at.

    Raises:
        Damaged, OSError: see `read_arrays`.
    """
    with open_regular(path) as stream:
        reader = _Reader(stream)
        header = reader.header()
        reader.skip()
        reader.end()
    return header


def read_arrays(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The header and the arrays, of which each has memory of its own.

    Raises:
        Damaged: the file is not one that was written here, to its last byte.
        OSError: it cannot be read.
    """
    with open_regular(path) as stream:
        reader = _Reader(stream)
        header = reader.header()
        arrays = reader.arrays()
        reader.end()
    return header, arrays


class _Reader:
    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._left = stream.seek(0, 2) - _DIGEST
        stream.seek(0)
        self._digest = hashlib.sha256()
        self._listed: list[tuple[str, np.dtype[Any], tuple[int, ...]]] = []

    def header(self) -> dict[str, Any]:
        if self._take(len(_MAGIC)) != _MAGIC:
            raise Damaged("it is no such file, or of another version of Impasto")
        length = int.from_bytes(self._take(8), "little")
        if length > _LARGEST_HEADER:
            raise Damaged("its header is too long")
        try:
            found = json.loads(self._take(length))
            header, listed = found["header"], found["arrays"]
            if not isinstance(header, dict) or len(listed) > _MOST_ARRAYS:
                raise ValueError
            self._listed = [_described(*entry) for entry in listed]
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            raise Damaged("its header cannot be read") from error
        sizes = (math.prod(shape) * dtype.itemsize for _, dtype, shape in self._listed)
        if sum(sizes) != self._left:
            raise Damaged("it was cut off")
        return header

    def arrays(self) -> dict[str, np.ndarray]:
        found = {}
        for name, dtype, shape in self._listed:
            array = np.empty(shape, dtype)
            data = array.reshape(-1).data.cast("B") if array.size else memoryview(b"")
            for first in range(0, len(data), _BLOCK):
                block = data[first : first + _BLOCK]
                if self._stream.readinto(block) != len(block):  # type: ignore[attr-defined]
                    raise Damaged("it was cut off")
                self._digest.update(block)
            found[name] = array
        return found

    def skip(self) -> None:
        """The arrays, of which none is kept."""
        while self._left:
            self._take(min(self._left, _BLOCK))

    def end(self) -> None:
        if self._stream.read() != self._digest.digest():
            raise Damaged("its bytes are not the ones that were written")

    def _take(self, count: int) -> bytes:
        if count > self._left:
            raise Damaged("it was cut off")
        self._left -= count
        data = self._stream.read(count)
        self._digest.update(data)
        return data


def _described(
    name: str, dtype: str, shape: list[int]
) -> tuple[str, np.dtype[Any], tuple[int, ...]]:
    if not isinstance(name, str) or dtype not in _DTYPES:
        raise ValueError
    if not all(isinstance(side, int) and side >= 0 for side in shape):
        raise ValueError
    return name, np.dtype(dtype), tuple(shape)
