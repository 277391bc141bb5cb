"""What one piece of work may cost, decided before it starts.

A host that takes pictures from strangers lowers these; a workstation raises them. Nothing else in
the engine holds a ceiling of its own.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

from .checks import number, whole

__all__ = ["Limits"]


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

    output_side: int = 8192
    """Pixels along the longer side of the result: time and memory grow with its square."""

    deadline: float | None = None
    """Seconds that the whole work may take, from reading its pictures on, at least 0.001; beyond
    them it fails. None waits for ever."""

    def __post_init__(self) -> None:
        for name in ("file_bytes", "pixels", "side", "output_side"):
            ceiling = whole(f"the limit {name}", getattr(self, name), 1, sys.maxsize)
            object.__setattr__(self, name, ceiling)
        if self.deadline is not None:
            seconds = number("the limit deadline", self.deadline, 0.001, sys.float_info.max)
            object.__setattr__(self, "deadline", seconds)
