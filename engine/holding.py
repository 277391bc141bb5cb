"""One work in a folder at a time: a lock that the system lifts when its holder dies."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from .checks import path_of
from .errors import OptionsError, OutputError, ResumeError, StyleError
from .files import lock

__all__ = ["held"]

_FILE = ".impasto.lock"
# A folder may come from a stranger: no pipe is waited for, and no link leads out of it.
_FLAGS = (
    os.O_WRONLY
    | os.O_APPEND
    | os.O_CREAT
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_NOFOLLOW", 0)
)


@contextlib.contextmanager
def held(folder: str | Path, resuming: bool = False) -> Iterator[None]:
    """While inside, no other process or thread can work in the folder, which is made.

    Args:
        resuming: the work in it is to be gone on with; no folder is made, and what is wrong with
            one that is not there is for its reader to say.

    Raises:
        OptionsError: another work is being made there; this is no path.
        ResumeError: the same, for `resuming`.
        OutputError: the folder cannot be made, or not be written to.
    """
    folder = path_of("the folder", folder).absolute()
    if resuming and not folder.is_dir():
        yield
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise OutputError(f"cannot make {str(folder)!r}: {reason}") from error
    path = folder / _FILE
    stream = _locked(path, ResumeError if resuming else OptionsError)
    try:
        yield
    finally:
        # While it is locked, or it would be the file of the next one that is removed.
        with contextlib.suppress(OSError):
            path.unlink()
        stream.close()


def _locked(path: Path, refusal: type[StyleError]) -> BinaryIO:
    while True:
        try:
            stream = os.fdopen(os.open(path, _FLAGS, 0o666), "ab")
        except OSError as error:
            raise OutputError(f"cannot write {str(path)!r}: {error.strerror or error}") from error
        try:
            is_locked = lock(stream)
        except BlockingIOError as error:
            stream.close()
            raise refusal(
                f"the folder {str(path.parent)!r} holds a work that is being made at this moment"
            ) from error
        if not is_locked or _is_there(path, stream):
            return stream
        stream.close()  # its holder has removed it in between


def _is_there(path: Path, stream: BinaryIO) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(stream.fileno()))
    except FileNotFoundError:
        return False
