"""Zip archives as hostile input: a bounded directory, no duplicate names, no bombs."""

from __future__ import annotations

import contextlib
import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO, cast

from .bytes_of_file import WeightsFile

__all__ = ["ZIP_MAGIC", "ZipMembers"]

ZIP_MAGIC = b"PK\x03\x04"

# One entry takes 46 bytes and its name on disk, and about 600 in memory.
MAX_DIRECTORY = 2 << 20
# No stream of deflate grows more than 1032-fold.
_MAX_INFLATION = 1032
_ENCRYPTED = 0x1

_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    LookupError,
    NotImplementedError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
)


class ZipMembers:
    """The members of an archive, by name, in the order of its directory."""

    def __init__(self, file: WeightsFile) -> None:
        self._file = file
        with self._translated():
            listing = _ShortReads(file)
            self._archive = zipfile.ZipFile(cast(BinaryIO, listing))
            listing.limit = None
        self.members: dict[str, zipfile.ZipInfo] = {}
        for member in self._archive.infolist():
            if member.filename in self.members:
                raise file.corrupt(f"holds {member.filename!r} twice")
            self._check(member)
            self.members[member.filename] = member

    def is_stored(self, name: str) -> bool:
        """Say whether the member lies uncompressed in the file."""
        return self.members[name].compress_type == zipfile.ZIP_STORED

    def size(self, name: str) -> int:
        """Give the size of the member's content in bytes, as declared."""
        return self.members[name].file_size

    @contextlib.contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        """Open one member; damage found while reading it becomes CorruptModel."""
        with self._translated(), self._archive.open(self.members[name]) as stream:
            yield cast(BinaryIO, stream)

    def _check(self, member: zipfile.ZipInfo) -> None:
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise self._file.corrupt(f"holds {member.filename!r} in an unusual compression")
        if member.flag_bits & _ENCRYPTED:
            raise self._file.corrupt(f"holds {member.filename!r} encrypted")
        limit = member.compress_size
        if member.compress_type == zipfile.ZIP_DEFLATED:
            limit *= _MAX_INFLATION
        if member.compress_size > self._file.size or member.file_size > limit:
            raise self._file.corrupt(f"claims an impossible size for {member.filename!r}")

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except _DAMAGE as error:
            raise self._file.corrupt(f"is a damaged or cut zip archive ({error})") from error


class _ShortReads(io.RawIOBase):
    """Lets `zipfile`, which reads the directory in one piece, read small pieces only."""

    def __init__(self, file: WeightsFile) -> None:
        self._stream = file.stream
        self._size = file.size
        self.limit: int | None = MAX_DIRECTORY

    def read(self, size: int = -1) -> bytes:
        rest = self._size - self._stream.tell()
        if self.limit is not None and (rest if size < 0 else min(size, rest)) > self.limit:
            raise zipfile.BadZipFile(f"its directory has more than {self.limit} bytes")
        return self._stream.read(size)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True
