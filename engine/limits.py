"""What one piece of work may cost, decided before it starts.

A host that takes pictures from strangers lowers these; a workstation raises them. Nothing else in
the engine holds a ceiling of its own.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

from .checks import number, whole
from .errors import LimitError

__all__ = ["Limits"]

# What is counted, and the largest limit that there can be.
_COUNTS = {
    "file_bytes": sys.maxsize,
    "pixels": sys.maxsize,
    "side": sys.maxsize,
    "frames": 1,
    "output_side": sys.maxsize,
    "memory": sys.maxsize,
    "threads": 1024,
}


@dataclass(frozen=True)
class Limits:
    """Ceilings of one run; a value that cannot be a ceiling raises OptionsError."""

    file_bytes: int = 64 * 1024 * 1024
    """Bytes of one picture file: metadata and padding cost memory before any pixel does."""

    pixels: int = 64_000_000
    """Decoded pixels of one picture (height x width): a small file can announce a huge picture,
    and each pixel costs seven bytes or more while it is decoded."""

    side: int = 32768
    """Pixels along either side of a picture: a strip 100 000 x 1 has few pixels, yet every fitted
    size and row buffer made from it is extreme."""

    frames: int = 1
    """Frames of one file that are decoded. An animation is taken for its first picture, however
    many it has, so that nothing but 1 can be asked for."""

    output_side: int = 8192
    """Pixels along the longer side of the result: time and memory grow with its square."""

    memory: int | None = None
    """Bytes that a work may be given: it is planned within them, or refused. None leaves it at what
    the caller says, or else at `memory.default_budget`."""

    threads: int | None = None
    """Processors that an engine may be given. None leaves it at what the caller says, or else at
    all that the process may use."""

    deadline: float | None = None
    """Seconds that the whole work may take, from reading its pictures on, at least 0.001; beyond
    them it fails. None waits for ever."""

    def __post_init__(self) -> None:
        for name, most in _COUNTS.items():
            given = getattr(self, name)
            if given is None and name in ("memory", "threads"):
                continue
            object.__setattr__(self, name, whole(f"the limit {name}", given, 1, most))
        if self.deadline is not None:
            seconds = number("the limit deadline", self.deadline, 0.001, sys.float_info.max)
            object.__setattr__(self, "deadline", seconds)

    def within(self, name: str, asked: int | None, default: int) -> int:
        """What a work or an engine is given of "memory" or "threads".

        Args:
            asked: for, or None, which is given the default, or the limit where that is less.

        Raises:
            OptionsError: what is asked for is no whole number from 1 on.
            LimitError: it is more than the limit.
        """
        ceiling = getattr(self, name)
        if asked is None:
            return default if ceiling is None else min(default, int(ceiling))
        asked = whole(name, asked, 1, _COUNTS[name])
        if ceiling is not None:
            self.check(name, name, asked)
        return asked

    def check(self, name: str, what: str, value: int) -> None:
        """Refuse what is above the limit of that name.

        Raises:
            LimitError: it is; the message calls it `what`.
        """
        ceiling = getattr(self, name)
        if value > ceiling:
            raise LimitError(f"{what} is {value}, but the limit of {name} is {ceiling}")
