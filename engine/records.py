"""What the engine tells: progress while it works, and the result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from .checks import path_of
from .images import encode_picture, format_of, write_picture
from .plan import Plan

__all__ = ["LevelResult", "Progress", "ProgressCallback", "Result"]


@dataclass(frozen=True)
class Progress:
    """Where the work stands, after each optimiser step.

    Args:
        level, levels: which scale, counted from 1, of how many.
        height, width: of the canvas at this level.
        iteration, iterations: steps done and planned at this level.
        evaluations: of the objective, in all.
        loss: of the best canvas at this level.
        terms: the same loss by term, as in `Result`.
        seconds: since the work began with reading its pictures.
        remaining: estimate of the seconds to come.
        canvas: the best one, (H, W, 3) float32, RGB in 0..1: the optimiser's own memory, to be
            read while the callback runs, and copied by whoever needs it for longer.
    """

    level: int
    levels: int
    height: int
    width: int
    iteration: int
    iterations: int
    evaluations: int
    loss: float
    terms: Mapping[str, float]
    seconds: float
    remaining: float
    canvas: np.ndarray = field(repr=False, compare=False)


# Called after each step; returning False ends the work with the best canvas so far.
ProgressCallback: TypeAlias = Callable[[Progress], bool | None]


@dataclass(frozen=True)
class LevelResult:
    """What happened at one scale.

    Args:
        height, width: of the canvas.
        iterations, evaluations: optimiser steps and evaluations of the objective.
        loss: of the best canvas; infinite where the first evaluation was not finished.
        seconds: in all, targets included.
        evaluation_seconds: median of one evaluation; 0 when there was none.
        stopped: "iterations" (all were made), "line search" (no step goes further down), "time"
            (the level had used its share, or the time was over), "error", "callback" (it returned
            False), "deadline", or the reason of the host's own stop.
        optimizer: "scipy", "lbfgs 40" (with so many pairs) or "adam"; see
            `methods.Method`.
    """

    height: int
    width: int
    iterations: int
    evaluations: int
    loss: float
    seconds: float
    evaluation_seconds: float
    stopped: str
    optimizer: str


@dataclass(frozen=True, eq=False)
class Result:
    """A finished picture, or the best so far of a work that was ended early.

    Args:
        canvas: (H, W, 3) float32, RGB in 0..1, with the colours and the share of the photograph
            that the options ask for.
        alpha: (H, W) float32, the content picture's transparency, or None.
        initial_loss: of the initial canvas at the final size; NaN where that level was not reached,
            or the time given was too short to measure it.
        loss: of the best canvas found, within 0..1, as it was painted; where the final level was
            not reached, of the canvas at the last level that was evaluated, or NaN.
        terms: the same loss by term, such as "content.relu4_2".
        levels: from coarse to fine; a run that was stopped lists the levels that it reached.
        stopped: as in the last level.
        seconds: in all, reading the pictures included.
        plan: how it was to be made.
    """

    canvas: np.ndarray = field(repr=False)
    alpha: np.ndarray | None = field(repr=False)
    initial_loss: float
    loss: float
    terms: Mapping[str, float]
    levels: tuple[LevelResult, ...]
    stopped: str
    seconds: float
    plan: Plan | None = field(default=None, repr=False)

    @property
    def iterations(self) -> int:
        """Optimiser steps at all levels."""
        return sum(level.iterations for level in self.levels)

    @property
    def evaluations(self) -> int:
        """Evaluations of the objective at all levels."""
        return sum(level.evaluations for level in self.levels)

    def term(self, kind: str) -> float:
        """The sum of the terms of one kind: "content", "style" or "tv"."""
        return sum(value for name, value in self.terms.items() if name.split(".")[0] == kind)

    def save(
        self,
        path: str | Path,
        *,
        metadata: Mapping[str, Any] | None = None,
        quality: int | None = None,
        depth: int = 8,
    ) -> None:
        """Write the picture, whole or not at all, in the format of the suffix.

        Args:
            metadata: is put into the file as JSON, but not into a BMP: what `Provenance.record`
                gives, for `impasto info` to tell, or anything of up to 60000 characters.
            quality: of a JPEG, WebP or AVIF, 1..100; None is 95.
            depth: bits of each sample, 8, or in a PNG or TIFF 16.

        Raises:
            OptionsError: the suffix is of no format that can be written, or another argument
                cannot be.
            OutputError: the file cannot be written; what was at `path` before is unchanged.
        """
        to = path_of("the name of the file", path)
        write_picture(to, self.canvas, self.alpha, metadata=metadata, quality=quality, depth=depth)

    def encode(self, suffix: str = ".png", *, depth: int = 8) -> bytes:
        """The bytes of a file of the picture, for a host that has no place to write it.

        Args:
            suffix: tells the format.
            depth: see `save`.

        Raises:
            OptionsError: it is of no format that can be written, or not with this depth.
            OutputError: the format cannot hold this picture, as a WebP wider than 16383 pixels.
        """
        return encode_picture(self.canvas, self.alpha, format_of(suffix), depth)
