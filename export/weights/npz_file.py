"""Reader of NumPy archives (`.npz`); arrays of Python objects are pickles and stay closed."""

from __future__ import annotations

import ast
import math
from typing import Any, BinaryIO

import numpy as np

from .bytes_of_file import WeightsFile, read_exactly
from .numbers_of_file import ITEM_BYTES, checked_bytes, decode
from .source import FileSource, TensorInfo
from .zip_members import ZipMembers

__all__ = ["NpzFile", "is_npz"]

_MAGIC = b"\x93NUMPY"
# NumPy's own limit for headers that are not trusted.
_MAX_HEADER = 10_000
_MAX_ARRAYS = 10_000
_KINDS = {"f": "float", "i": "int", "u": "uint", "c": "complex"}


class NpzFile(FileSource):
    """A `.npz`; every header is checked against its member's size before anything is read."""

    def __init__(self, file: WeightsFile, archive: ZipMembers) -> None:
        super().__init__(file)
        self._archive = archive
        self._layouts: dict[str, tuple[int, bool, bool]] = {}
        members = [name for name in archive.members if name.endswith(".npy")]
        if len(members) > _MAX_ARRAYS:
            raise file.corrupt(f"holds more than {_MAX_ARRAYS} arrays")
        for member in members:
            self._list(member)

    def _list(self, member: str) -> None:
        name = member.removesuffix(".npy")
        with self._archive.open(member) as stream:
            start, header = self._header(member, stream)
        descr, fortran, shape = (header.get(key) for key in ("descr", "fortran_order", "shape"))
        if not (isinstance(fortran, bool) and isinstance(shape, tuple)):
            raise self._file.corrupt(f"has no valid header in {member!r}")
        dtype, big_endian = _dtype(descr)
        if dtype in ITEM_BYTES:
            size = start + checked_bytes(self._file, name, shape, dtype)
            if size != self._archive.size(member):
                raise self._file.corrupt(
                    f"holds {self._archive.size(member)} bytes in {member!r}, "
                    f"its header says {size}"
                )
        elif not all(type(side) is int and side >= 0 for side in shape):
            raise self._file.corrupt(f"gives {name} a dimension that is no size")
        self._add(name, TensorInfo(shape, dtype))
        self._layouts[name] = (start, fortran, big_endian)

    def _header(self, member: str, stream: BinaryIO) -> tuple[int, dict[Any, Any]]:
        """Read the header that `numpy.lib.format` describes; gives where the data begin, too."""
        size = min(self._archive.size(member), _MAX_HEADER + 12)
        head = bytes(read_exactly(self._file, stream, size))
        width = {1: 2, 2: 4, 3: 4}.get(head[6] if len(head) > 6 else 0)
        if not head.startswith(_MAGIC) or width is None:
            raise self._file.corrupt(f"has a member {member!r} that is no array")
        begin = 8 + width
        end = begin + int.from_bytes(head[8:begin], "little")
        if end > len(head):
            raise self._file.corrupt(f"has a cut or overlong header in {member!r}")
        try:
            header = ast.literal_eval(head[begin:end].decode("utf-8").strip())
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
            raise self._file.corrupt(f"has no valid header in {member!r}") from error
        if not isinstance(header, dict):
            raise self._file.corrupt(f"has no valid header in {member!r}")
        return end, header

    def _load(self, name: str, info: TensorInfo) -> np.ndarray[Any, np.dtype[np.floating[Any]]]:
        start, fortran, big_endian = self._layouts[name]
        with self._archive.open(name + ".npy") as stream:
            read_exactly(self._file, stream, start)
            count = math.prod(info.shape) * ITEM_BYTES[info.dtype]
            raw = read_exactly(self._file, stream, count)
        flat = decode(raw, info.dtype, big_endian=big_endian)
        return np.ascontiguousarray(flat.reshape(info.shape, order="F" if fortran else "C"))


def is_npz(archive: ZipMembers) -> bool:
    """Say whether a zip archive holds arrays."""
    return any(name.endswith(".npy") for name in archive.members)


def _dtype(descr: object) -> tuple[str, bool]:
    """Turn '<f4' into "float32" and whether it is big-endian; others are named, never read."""
    if descr == "|b1":
        return "bool", False
    if isinstance(descr, str) and descr[1:2] in _KINDS and descr[2:].isdecimal():
        name = f"{_KINDS[descr[1]]}{8 * int(descr[2:4])}"
        if descr[0] in "<>|=" and name in ITEM_BYTES and len(descr) <= 4:
            return name, descr[0] == ">"
    return "object", False
