"""What the commands say: results on stdout, everything else on stderr, one line at a time.

A reader that went away (`| head`) or a stream that was closed never spoils the work: the picture is
saved before anything is said.
"""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from ..engine.errors import OutputError

__all__ = ["emit", "emit_json", "is_terminal", "one_line", "say", "silence"]


def say(text: str) -> None:
    """Write one line to stderr."""
    try:
        _write(sys.stderr, one_line(text))
    except OSError:
        silence(sys.stderr)


def emit(text: str) -> None:
    """Write the result, of one or more lines, to stdout.

    Raises:
        OutputError: stdout cannot take it, on a full disk for example; a closed pipe is no error.
    """
    try:
        _write(sys.stdout, text)
    except BrokenPipeError:
        silence(sys.stdout)
    except OSError as error:
        silence(sys.stdout)
        raise OutputError(f"cannot write to standard output: {error.strerror or error}") from error


def emit_json(record: Mapping[str, Any]) -> None:
    """Write one JSON object to stdout; what JSON has not (NaN, infinity) is null."""
    emit(json.dumps(_strict(record), indent=2, allow_nan=False))


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a person is watching; a stream that was closed before the start is None."""
    return stream is not None and not stream.closed and stream.isatty()


def one_line(text: str) -> str:
    """The text with nothing in it that moves a cursor: file names may hold anything."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )


def _write(stream: TextIO | None, text: str) -> None:
    if stream is None:
        return
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
    stream.flush()


def silence(stream: TextIO) -> None:
    """Let the rest go nowhere: else the interpreter's last flush fails, with a traceback."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def _strict(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _strict(entry) for key, entry in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_strict(entry) for entry in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return value
