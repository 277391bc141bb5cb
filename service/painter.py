"""What a worker does with its engine: plans, paintings and thumbnails."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from time import monotonic, sleep

from ..engine.engine import Engine
from ..engine.errors import MemoryLimit, OptionsError, ResumeError
from ..engine.holding import held
from ..engine.images import encode_picture, fitted_size, read_picture, resize, write_picture
from ..engine.records import Progress, Result
from ..engine.settings import Checkpoint
from ..engine.sources import fitted
from ..engine.stop import Stop
from .messages import Paint, Painted, Planned, PlanOrder, Shown, Thumbnail, Told

__all__ = ["paint", "planned", "thumbnail"]

THUMBNAIL_SIDE = 160
PREVIEW_SIDE = 384
# Seconds between two previews: they are for eyes, and each is encoded, stored and sent.
PREVIEW_EVERY = 0.6
# A worker whose server was killed ends within one evaluation.
_PATIENCE = 120.0


def planned(engine: Engine, order: PlanOrder, stop: Stop) -> Planned:
    """The plan in the least budget that will do.

    Raises:
        StyleError: there is none, or the pictures or options cannot be.
        Stopped: `stop` was requested.
    """
    *smaller, largest = order.memory
    for memory in smaller:
        try:
            return _planned(engine, order, memory, stop)
        except MemoryLimit:
            continue
    return _planned(engine, order, largest, stop)


def _planned(engine: Engine, order: PlanOrder, memory: int, stop: Stop) -> Planned:
    styles = list(order.styles)
    plan = engine.plan(order.content, styles, order.options, memory=memory, stop=stop)
    last = plan.levels[-1]
    return Planned(plan.bytes, memory, last.width, last.height)


def thumbnail(engine: Engine, order: Thumbnail) -> Shown:
    """Of a picture in the folder of named styles."""
    picture = read_picture(order.path, engine.limits, "style picture")
    small = resize(picture, *fitted_size(*picture.shape[:2], THUMBNAIL_SIDE))
    return Shown(encode_picture(small, None, "JPEG"))


def paint(engine: Engine, order: Paint, stop: Stop, tell: Callable[[object], None]) -> Painted:
    """Paint a job, from its checkpoint where there is one, and write `result.png` beside it."""
    result = _result(engine, order, stop, _Teller(tell))
    if stop.reason is not None:
        return Painted(stop.reason)
    height, width = result.canvas.shape[:2]
    content = read_picture(order.content, engine.limits)
    write_picture(order.folder / "before.jpg", fitted(content, (height, width), order.options))
    small = resize(result.canvas, *fitted_size(height, width, THUMBNAIL_SIDE))
    write_picture(order.folder / "thumbnail.jpg", small)
    result.save(order.folder / "result.png")
    loss = result.loss if math.isfinite(result.loss) else None
    return Painted(None, width, height, loss, result.seconds)


def _result(engine: Engine, order: Paint, stop: Stop, teller: _Teller) -> Result:
    folder = order.folder / "checkpoint"
    _wait_for_predecessor(order)
    if (folder / "work.impasto").exists():
        try:
            return engine.resume(folder, progress=teller, stop=stop)
        except ResumeError:
            # Of another network or version: the job was accepted, and is begun again.
            shutil.rmtree(folder)
    return engine.stylize(
        order.content,
        list(order.styles),
        order.options,
        memory=order.memory,
        time=order.time,
        checkpoint=Checkpoint(folder, every=order.every),
        progress=teller,
        stop=stop,
    )


def _wait_for_predecessor(order: Paint) -> None:
    """After a kill of the server the worker that had the job may still be saving it."""
    until = monotonic() + _PATIENCE
    while True:
        try:
            with held(order.folder / "checkpoint"):
                return
        except OptionsError:
            if monotonic() > until:
                raise
            sleep(0.1)


class _Teller:
    """Tells of progress and shows the canvas, at a bounded rate."""

    def __init__(self, tell: Callable[[object], None]) -> None:
        self._tell = tell
        self._next = 0.0

    def __call__(self, record: Progress) -> None:
        now = monotonic()
        if now < self._next:
            return
        self._next = now + PREVIEW_EVERY
        size = fitted_size(record.height, record.width, PREVIEW_SIDE)
        canvas = record.canvas
        small = canvas if max(record.canvas.shape) <= PREVIEW_SIDE else resize(canvas, *size)
        told = {
            "level": record.level,
            "levels": record.levels,
            "iteration": record.iteration,
            "iterations": record.iterations,
            "width": record.width,
            "height": record.height,
            "seconds": record.seconds,
            "remaining": record.remaining if math.isfinite(record.remaining) else None,
            "loss": record.loss if math.isfinite(record.loss) else None,
        }
        self._tell(Told(told, encode_picture(small, None, "JPEG")))
