"""How far each gradient is from that of float64, in torch."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..engine.stop import Stop
from .bench_contenders import EXACT, Contender, gradient_path, measure_rounds
from .bench_process import run_child

__all__ = ["Exactness", "exact_shape", "gradient_errors"]

# Up to here float64 is computed at the size itself: 32 s and 2.5 GB at 512 x 512 on two cores.
_PIXELS = 512 * 512


class Exactness(NamedTuple):
    """The size that was compared, the relative L2 error of each contender, and what went wrong."""

    height: int
    width: int
    errors: dict[str, float]
    notes: list[str]


def exact_shape(height: int, width: int) -> tuple[int, int]:
    """Where float64 is affordable: the same size, or one of the same shape and 512² pixels."""
    factor = min(1.0, math.sqrt(_PIXELS / (height * width)))
    return max(1, math.floor(height * factor)), max(1, math.floor(width * factor))


def gradient_errors(
    contenders: Sequence[Contender],
    job: Mapping[str, Any],
    tell: Callable[[str], None],
    stop: Stop,
) -> Exactness:
    """Compare each gradient with that of float64.

    Args:
        contenders: with their gradients in the folder of the job, where the size is affordable;
            at a smaller one they compute them anew.
    """
    folder = Path(job["folder"])
    shape = exact_shape(job["height"], job["width"])
    small = dict(job) | {"evaluations": 1, "height": shape[0], "width": shape[1]}
    asked: Sequence[Contender] = ()
    if shape != (job["height"], job["width"]):
        folder = folder / "exact"
        folder.mkdir()
        small["folder"] = str(folder)
        run_child("bench_prepare", small, folder, stop)
        asked = contenders
    _, notes = measure_rounds((*asked, EXACT), small, 1, tell, stop)
    return Exactness(*shape, _errors(folder, contenders), notes)


def _errors(folder: Path, contenders: Sequence[Contender]) -> dict[str, float]:
    import numpy as np

    exact = np.load(gradient_path(folder, EXACT))
    errors = {}
    for contender in contenders:
        path = gradient_path(folder, contender)
        if path.exists():
            distance = np.linalg.norm(np.load(path).astype(np.float64) - exact)
            errors[contender.name] = float(distance / np.linalg.norm(exact))
    return errors
