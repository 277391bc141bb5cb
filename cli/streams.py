"""A photograph from standard input, and a picture to standard output: `stylize - PAINTING -o -`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..engine.errors import ImageNotFound, OptionsError, OutputError
from .console import is_terminal, silence
from .paths import path_of

if TYPE_CHECKING:
    from ..engine.records import Result

__all__ = [
    "STDIN",
    "STDOUT",
    "check_stdout",
    "output_of",
    "picture_at",
    "source_of",
    "write_stdout",
]

# These two objects stand for the streams; a file that happens to have such a name is another one.
STDIN = Path("standard input")
STDOUT = Path("standard output")


def source_of(text: str) -> Path:
    """The path of a picture to read; STDIN for -."""
    return STDIN if text == "-" else path_of(text)


def output_of(text: str) -> Path:
    """The path of a picture to write; STDOUT for -."""
    return STDOUT if text == "-" else path_of(text)


def picture_at(path: Path) -> Path | bytes:
    """What the engine is to read a picture from.

    Raises:
        OptionsError: standard input is a terminal, where nobody can type a picture.
        ImageNotFound: it is closed or cannot be read.
    """
    if path is not STDIN:
        return path
    from ..engine.limits import Limits

    if sys.stdin is None:
        raise ImageNotFound("standard input is closed")
    if is_terminal(sys.stdin):
        raise OptionsError("CONTENT is -, but standard input is a terminal: send it a picture")
    try:
        # One byte above the limit is enough for the engine to refuse it.
        return sys.stdin.buffer.read(Limits().file_bytes + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ImageNotFound(f"standard input cannot be read: {reason}") from error


def check_stdout(json: bool, numbered: bool) -> None:
    """Say before the work what stands against a picture on standard output.

    Args:
        json: whether a record is to go there too.
        numbered: whether pictures are to be written beside it.

    Raises:
        OptionsError: something does.
    """
    if json:
        raise OptionsError("--json and --output - cannot both have standard output")
    if numbered:
        raise OptionsError("--save-every needs the path of a picture, to number others after it")
    if sys.stdout is None or is_terminal(sys.stdout):
        raise OptionsError(
            "--output is -, but standard output is a terminal or closed: send it to a file or a "
            "program"
        )


def write_stdout(result: Result, depth: int) -> None:
    """Write a picture as PNG, with so many bits for each sample.

    Raises:
        OutputError: nobody reads all of it, or a disk is full.
    """
    data = memoryview(result.encode(depth=depth))
    try:
        while data:
            data = data[os.write(sys.stdout.fileno(), data) :]
    except (OSError, ValueError) as error:
        silence(sys.stdout)
        reason = getattr(error, "strerror", None) or error
        raise OutputError(f"cannot write to standard output: {reason}") from error
