"""What every measuring process does: take its job, time evaluations, tell one record."""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..engine.errors import StyleError
from .console import emit_json

__all__ = ["read_pictures", "serve", "timed"]

# Gives the loss, and the gradient by the canvas, (H, W, 3).
Evaluate = Callable[[], tuple[float, np.ndarray]]


def serve(work: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> None:
    """Do the work for the job on the command line, and print its record, or its error, as JSON."""
    try:
        record = work(json.loads(sys.argv[1]))
    except StyleError as error:
        record = {"error": type(error).__name__, "sentence": str(error)}
    emit_json(record)


def timed(evaluate: Evaluate, job: Mapping[str, Any]) -> dict[str, Any]:
    """Evaluate `job["evaluations"]` times, the first one apart: it fills caches and arenas.

    `first_done` is a moment by `time.monotonic`. The gradient goes to the file `job["gradient"]`.
    """
    began = time.monotonic()
    loss, gradient = evaluate()
    first_done = time.monotonic()
    durations = []
    for _ in range(job["evaluations"] - 1):
        start = time.perf_counter()
        evaluate()
        durations.append(time.perf_counter() - start)
    np.save(job["gradient"], gradient)
    return {
        "first_evaluation_seconds": first_done - began,
        "first_done": first_done,
        "evaluation_seconds": statistics.median(durations) if durations else first_done - began,
        "loss": loss,
    }


def read_pictures(folder: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Photograph, painting and canvas, each (H, W, 3) float32: the canvas is half of each."""
    photograph, painting = (
        np.load(Path(folder) / f"{name}.npy") for name in ("photograph", "painting")
    )
    return photograph, painting, (photograph + painting) / 2
