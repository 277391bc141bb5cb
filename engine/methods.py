"""The optimisers that can serve a canvas, and what each needs of the memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .options import Options
from .pairs import PART_BYTES

__all__ = ["Method", "methods_for"]

# SciPy's L-BFGS-B serves up to a canvas of 64 x 64. Ours gets equally far down in as many
# evaluations (measured from 96 to 256 pixels), but SciPy makes a Python number of each bound, which
# takes 0.1 s at 128 x 128, and a step of its own 0.04 s at 256 x 256 and 0.75 s, in 1.5 GB, at
# 1024 x 1024.
_SCIPY_NUMBERS = 3 * 64 * 64
# Of arrays that do not grow with the canvas.
_SMALL = 2**19


@dataclass(frozen=True)
class Method:
    """An optimiser as it is run.

    Args:
        name: "scipy" is SciPy's L-BFGS-B, "lbfgs" our own in float32.
        pairs: how many of the last steps "lbfgs" learns from; see `Pairs`.
    """

    name: Literal["scipy", "lbfgs", "adam"]
    pairs: int = 0

    @property
    def slowness(self) -> float:
        """How much longer it takes to get equally far down, at least: see docs/memory.md."""
        if self.name == "adam":
            return 2.0
        if self.name == "scipy":
            return 1.0
        return {40: 1.0, 20: 1.01, 10: 1.02}.get(self.pairs, 1.15)

    def __str__(self) -> str:
        """The name that results tell: "scipy", "lbfgs 40", "lbfgs 5", "adam"."""
        return f"{self.name} {self.pairs}" if self.pairs else self.name

    def bytes(self, numbers: int, steps: int) -> int:
        """The most memory that so many steps on a canvas of so many numbers (3 H W) take.

        A pair is learnt in each step: what waits for others is never touched. The start, the best
        canvas and the gradient that an evaluation returns are among it; what the evaluation needs
        besides is not.
        """
        if self.name == "scipy":
            # Measured: 25 float64 of the method itself, with ten pairs, and as many around it.
            return 8 * 58 * numbers + _SMALL
        if self.name == "adam":
            # Iterate, best canvas, both moments, average, gradient.
            return 4 * 6 * numbers + _SMALL
        # Iterate, which is the best canvas, trial, both gradients; and the pairs. `Softness` takes
        # an eighth of a canvas at work, and less than a number of 256 for each pair.
        pairs = min(self.pairs, steps) * (2 * 2 * numbers + numbers // 64 + PART_BYTES)
        return 4 * 4 * numbers + numbers // 2 + pairs + _SMALL


def methods_for(options: Options, numbers: int) -> tuple[Method, ...]:
    """What can serve a canvas of so many numbers (3 H W), from the preferred to the smallest."""
    if options.optimizer == "adam":
        return (Method("adam"),)
    scipy = (Method("scipy"),) if numbers <= _SCIPY_NUMBERS else ()
    return (
        *scipy,
        *(Method("lbfgs", pairs) for pairs in (40, 20, 10, 5, 3)),
        Method("adam"),
    )
