"""The one place that writes files: whole or not at all.

A reader of the path sees the old file or the complete new one, whatever dies when: the bytes go to
a temporary file in the same folder, are flushed to the disk, and only then take the final name.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from .errors import OutputError

__all__ = ["atomic_writer", "check_writable", "write_atomic"]


@contextlib.contextmanager
def atomic_writer(path: Path) -> Iterator[BinaryIO]:
    """Open a temporary file beside `path`; on success it replaces `path`, on failure it is removed.

    A symbolic link is followed, so that the file behind it is replaced and the link stays.

    Raises:
        OutputError: the file cannot be created, written or renamed; `path` is unchanged.
    """
    target = Path(os.path.realpath(path))
    temporary = target.parent / f".{target.name[:100]}.{secrets.token_hex(6)}.tmp"
    try:
        with temporary.open("xb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(target)
        _sync_folder(target.parent)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def write_atomic(path: Path, data: bytes | memoryview) -> None:
    """Write `data` to `path` as a whole (see `atomic_writer`)."""
    with atomic_writer(path) as stream:
        stream.write(data)


def check_writable(path: Path) -> None:
    """Say before the work whether `path` can be written after it; leaves nothing behind.

    Raises:
        OutputError: the folder is missing or read-only, or `path` is itself a folder.
    """
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise OutputError(f"cannot write {path}: it is a folder")
    if target.exists() and not target.is_file():
        raise OutputError(f"cannot write {path}: it is not a regular file")
    if not target.parent.is_dir():
        raise OutputError(f"cannot write {path}: the folder {target.parent} does not exist")
    probe = target.parent / f".{secrets.token_hex(6)}.tmp"
    try:
        probe.open("xb").close()
        probe.unlink()
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error


def _sync_folder(folder: Path) -> None:
    """Make the rename itself survive a power loss; platforms that cannot are left as they are."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
