"""The one place that writes files, whole or not at all, and that opens those of others.

A reader of the path sees the old file or the complete new one, whatever dies when: the bytes go to
a temporary file in the same folder, are flushed to the disk, and only then take the final name.
A process that is killed outright may leave a `.impasto-*.tmp` behind, never a damaged file; while
it lives it holds a lock on it, so that `remove_leftovers` takes only those of the dead.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from .errors import OutputError

try:
    import fcntl
except ImportError:  # on Windows, where a file that is open cannot be removed
    fcntl = None  # type: ignore[assignment]

__all__ = [
    "atomic_writer",
    "check_writable",
    "lock",
    "open_regular",
    "remove_leftovers",
    "write_atomic",
]

# If a pipe takes a file's place, opening it does not wait for its writer; on Windows, bytes stay
# bytes.
_READING = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


@contextlib.contextmanager
def atomic_writer(path: Path) -> Iterator[BinaryIO]:
    """Open a temporary file beside `path`; on success it replaces `path`, on failure it is removed.

    A symbolic link is followed, so that the file behind it is replaced and the link stays; the
    permissions of a replaced file stay too.

    Raises:
        OutputError: the file cannot be created, written or renamed, or `path` is a folder, a
            device or a pipe; what was at `path` is unchanged.
    """
    with _reported(path):
        target = _destination(path)
        temporary = _temporary(target.parent)
        try:
            with contextlib.ExitStack() as held:
                with _locked(temporary) as stream:
                    held.callback(os.close, os.dup(stream.fileno()))
                    _keep_permissions(target, stream)
                    yield stream
                    stream.flush()
                    os.fsync(stream.fileno())
                # The second descriptor has the lock until the file has its name, and is no leftover
                # for anyone; what closing the first one tells comes before the old file is gone.
                if fcntl is None:  # a file that is open cannot be renamed
                    held.close()
                temporary.replace(target)
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink()
        _sync_folder(target.parent)


def write_atomic(path: Path, data: bytes | memoryview) -> None:
    """Write `data` to `path` as a whole (see `atomic_writer`)."""
    with atomic_writer(path) as stream:
        stream.write(data)


def check_writable(path: Path) -> None:
    """Say before the work whether `path` can be written after it; leaves nothing behind.

    Raises:
        OutputError: the folder is missing or read-only, or `path` is no regular file.
    """
    with _reported(path):
        probe = _temporary(_destination(path).parent)
        try:
            probe.open("xb").close()
        finally:
            with contextlib.suppress(FileNotFoundError):
                probe.unlink()


def open_regular(path: str | Path) -> BinaryIO:
    """A regular file, to be read by whoever bounds how much; no pipe is waited for.

    Raises:
        OSError: it cannot be read, or is no regular file.
        ValueError: no file can have this name.
    """
    # Asked before opening too, since opening a device can already act on it.
    _check_regular(Path(path).stat())
    descriptor = os.open(path, _READING)
    try:
        _check_regular(os.fstat(descriptor))
    except OSError:
        os.close(descriptor)
        raise
    return os.fdopen(descriptor, "rb")


def _check_regular(found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise OSError(0, "it is not a regular file")


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files in a folder whose writers died; those of the living stay."""
    for path in folder.glob(".impasto-*.tmp"):
        with contextlib.suppress(OSError), path.open("r+b") as stream:
            if lock(stream):  # else nobody can tell whether its writer lives
                path.unlink()


def lock(stream: BinaryIO, wait: bool = False) -> bool:
    """Lock a file for whoever has it open; the system lifts that when it is closed, by death too.

    Args:
        wait: until another lets go of it.

    Returns:
        Whether it is locked: not every file system has locks, and on Windows nothing is locked.

    Raises:
        BlockingIOError: another has locked it.
    """
    if fcntl is None:
        return False
    try:
        fcntl.flock(stream, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:
        return False
    return True


def _locked(temporary: Path) -> BinaryIO:
    """A new file that `remove_leftovers` leaves alone."""
    while True:
        stream: BinaryIO = temporary.open("xb")
        # Whoever takes it for a leftover before it is locked holds the lock for an instant only.
        lock(stream, wait=True)
        if temporary.exists():
            return stream
        stream.close()


@contextlib.contextmanager
def _reported(path: Path) -> Iterator[None]:
    """Turn what the system says into one sentence, printable whatever the name holds."""
    try:
        yield
    except OSError as error:
        raise OutputError(f"cannot write {str(path)!r}: {error.strerror or error}") from error


def _destination(path: Path) -> Path:
    """The file behind `path`; a rename would replace a device or pipe itself: both are refused."""
    try:
        target = Path(os.path.realpath(path))
    except ValueError as error:
        raise OutputError(f"cannot write {str(path)!r}: {error}") from error
    try:
        mode = target.stat().st_mode
    except FileNotFoundError:
        if not target.parent.is_dir():
            raise OutputError(
                f"cannot write {str(path)!r}: the folder {str(target.parent)!r} does not exist"
            ) from None
        return target
    if stat.S_ISDIR(mode):
        raise OutputError(f"cannot write {str(path)!r}: it is a folder")
    if not stat.S_ISREG(mode):
        raise OutputError(f"cannot write {str(path)!r}: it is not a regular file")
    return target


def _temporary(folder: Path) -> Path:
    """A name of its own: a prefix of the final name could exceed what the file system allows."""
    return folder / f".impasto-{secrets.token_hex(8)}.tmp"


def _keep_permissions(target: Path, stream: BinaryIO) -> None:
    """Else overwriting a private file would publish it; not every file system has permissions."""
    if hasattr(os, "fchmod"):
        with contextlib.suppress(OSError):
            os.fchmod(stream.fileno(), stat.S_IMODE(target.stat().st_mode))


def _sync_folder(folder: Path) -> None:
    """Make the rename itself survive a power loss, where the platform and the permissions allow it.

    A failure is no error: the new file is already in place and complete.
    """
    if not hasattr(os, "O_DIRECTORY"):
        return
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
