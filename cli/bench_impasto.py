"""Impasto's side of a benchmark, through its public engine; see `bench_process`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..engine.engine import Engine
from ..engine.objectives import Objectives
from ..engine.options import Options
from ..engine.programs import Selection
from ..engine.runtime import runtime_info
from ..engine.session import Session
from ..engine.sessions import Sessions, Size
from ..engine.stop import Stop
from .bench_child import read_pictures, serve, timed

if TYPE_CHECKING:
    from ..export.program import Kind


class TimedSessions(Sessions):
    """Tells how long the objective's session took: its program built, and opened."""

    seconds = 0.0

    def get(
        self, kind: Kind, selection: Selection, size: Size, stop: Stop | None = None
    ) -> Session:
        """See `Sessions`."""
        began = time.perf_counter()
        session = super().get(kind, selection, size, stop)
        if kind == "objective":
            self.seconds = time.perf_counter() - began
        return session


def measure(job: Mapping[str, Any]) -> dict[str, Any]:
    """Evaluations of the objective with the engine's own defaults, but for the lowering."""
    photograph, painting, canvas = read_pictures(job["folder"])
    engine = Engine(job["model"], device="cpu", lowering=job["lowering"], threads=job["threads"])
    how = (engine.lowering, engine.threads, engine.device, engine.precision)
    sessions = TimedSessions(engine._programs, *how)
    objectives = Objectives(engine._programs, sessions)
    engine._studio = replace(engine._studio, objectives=objectives)
    objective = engine.objective(photograph, painting, Options(size=max(canvas.shape)))
    record = timed(lambda: objective.evaluate(canvas), job)
    return record | {
        "session_seconds": sessions.seconds,
        "lowering": engine.lowering,
        "versions": {"onnxruntime": runtime_info()["version"]},
    }


if __name__ == "__main__":
    serve(measure)
