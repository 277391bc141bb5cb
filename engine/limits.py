"""What one piece of work may cost, decided before it starts.

A host that takes pictures from strangers lowers these; a workstation raises them. Nothing else in
the engine holds a ceiling of its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Integral, Real

from .errors import OptionsError

__all__ = ["Limits"]


@dataclass(frozen=True)
class Limits:
    """Ceilings of one run; a value that cannot be a ceiling raises OptionsError."""

    file_bytes: int = 64 * 1024 * 1024
    """Bytes of one picture file: metadata and padding cost memory before any pixel does."""

    pixels: int = 64_000_000
    """Decoded pixels of one picture (height x width): a small file can announce a huge picture,
    and each pixel costs twelve bytes as float32."""

    side: int = 32768
    """Pixels along either side of a picture: a strip 100 000 x 1 has few pixels, yet every fitted
    size and row buffer made from it is extreme."""

    output_side: int = 8192
    """Pixels along the longer side of the result: time and memory grow with its square."""

    deadline: float | None = None
    """Seconds that the whole work may take; beyond them it fails. None waits for ever."""

    def __post_init__(self) -> None:
        for name in ("file_bytes", "pixels", "side", "output_side"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
                raise OptionsError(
                    f"the limit {name} must be a whole number above 0, not {value!r}"
                )
        if self.deadline is None:
            return
        deadline = self.deadline
        if (
            isinstance(deadline, bool)
            or not isinstance(deadline, Real)
            or not math.isfinite(deadline)
            or deadline <= 0
        ):
            raise OptionsError(
                f"the limit deadline must be a number of seconds above 0 or None, not {deadline!r}"
            )
