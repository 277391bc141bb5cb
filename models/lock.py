"""A lock between processes and threads, which the system lifts when its holder dies."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ..engine.errors import OutputError
from ..engine.files import lock

__all__ = ["exclusive"]

_POLL_SECONDS = 0.1


@contextlib.contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold the lock of that file, waiting until it is free; the empty file stays behind.

    Removing it would let a newcomer lock a new file of the same name while the old one is still
    held. Where a file system has no locks nobody is waited for.

    Raises:
        OutputError: the file cannot be created.
    """
    try:
        stream = path.open("ab")
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
    with stream:
        # Asking again and again, unlike a blocking call, can be interrupted on every platform.
        while not _try_lock(stream):
            time.sleep(_POLL_SECONDS)
        yield


if sys.platform == "win32":
    import msvcrt

    def _try_lock(stream: BinaryIO) -> bool:
        try:
            stream.seek(0)
            msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:

    def _try_lock(stream: BinaryIO) -> bool:
        try:
            lock(stream)
        except BlockingIOError:
            return False
        return True
