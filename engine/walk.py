"""Between an optimiser and what it works for: what the one is given, and what it tells."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol, TypeAlias

import numpy as np

__all__ = ["State", "Walk"]

# Everything that an optimiser would need to go on in another process, besides the best canvas.
State: TypeAlias = Mapping[str, np.ndarray]


class Walk(Protocol):
    """What an optimiser moves down on."""

    def evaluate(self, canvas: np.ndarray) -> tuple[float, np.ndarray]:
        """Loss and gradient of a canvas (H, W, 3) within 0..1.

        The canvas's memory stays the optimiser's, and the gradient's becomes its own.
        """

    def accept(self, canvas: np.ndarray) -> None:
        """Make the canvas that was evaluated last the best one.

        It is not copied: until the next call, the optimiser leaves its memory as it is.
        """

    def step_done(self, state: Callable[[], State]) -> None:
        """Count a step.

        Args:
            state: gives what the next step begins from, of arrays that it will change: while it
                may be stopped, only after it has accepted another canvas.
        """

    def check(self) -> None:
        """Called often, also within a step: raise if the work is to end."""
