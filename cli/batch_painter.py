"""What all pictures of a batch have in common: one engine, and the paintings, opened once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

import typer

from ..engine.options import Options
from .cluster_options import cluster_at
from .making import made_by
from .parsing import parse_bytes, parse_seconds
from .saving import Saving
from .style_notes import tell_of_other_networks
from .tasks import engine_of, open_options

if TYPE_CHECKING:
    from ..cluster.cluster import PictureWorkers
    from ..engine.engine import Engine
    from ..engine.pixels import Picture
    from ..engine.provenance import Role
    from ..engine.records import ProgressCallback, Result
    from ..engine.stop import Stop

__all__ = ["BatchPainter"]


class _Ready(NamedTuple):
    engine: Engine
    options: Options
    styles: list[Picture]
    memory: int
    workers: PictureWorkers | None


# On a cluster: more than most clusters have workers, and few enough for a thread each.
_AT_ONCE = 64


class BatchPainter(AbstractContextManager["BatchPainter"]):
    """Opens the engine and the style pictures when the first picture needs them, and the cluster
    where pictures are to be painted there. Safe to use from several threads at once; to be closed.

    Args:
        context: of the command, which says with which engine and in how much memory and time.

    Raises:
        OptionsError: it says what cannot be.
    """

    def __init__(self, context: typer.Context, options: Options, styles: Sequence[Path]) -> None:
        asked = context.params
        self._context = context
        self._opened: Callable[..., Engine] = engine_of(context)
        self._decided = open_options(context)
        self._options = options
        self._styles = styles
        self._memory = None if asked["memory"] is None else parse_bytes(asked["memory"])
        self._time = None if asked["time"] is None else parse_seconds(asked["time"])
        self._closing = ExitStack()
        self._lock = Lock()
        self._ready: _Ready | Exception | None = None
        # How many pictures may be in the making.
        self.at_once = 1 if asked["cluster"] is None else _AT_ONCE
        # What no result may replace.
        self.sources = (*styles, options.init, asked["model"], asked["bundle"])

    def __exit__(self, *ended: object) -> None:
        self._closing.close()

    @property
    def ready(self) -> _Ready:
        """What is wrong with it is wrong with all pictures.

        Raises:
            StyleError: the network, a style picture or the cluster cannot be used, or no picture
                could be painted with these options.
        """
        with self._lock:
            if self._ready is None:
                try:
                    self._ready = self._made_ready()
                except Exception as error:  # of which others need not find out again
                    self._ready = error
            if isinstance(self._ready, Exception):
                raise self._ready
            return self._ready

    def _made_ready(self) -> _Ready:
        from ..engine.images import read_picture
        from ..engine.memory import default_budget

        engine = self._opened()
        options = replace(
            self._options, **{name: getattr(engine.defaults, name) for name in self._decided}
        )
        styles = [read_picture(path, engine.limits, "style picture") for path in self._styles]
        engine.check(styles, options)
        tell_of_other_networks(engine, self._styles)
        # The plan of a picture counts those of its own.
        held = sum(style.nbytes for style in styles)
        memory = max(1, (self._memory or default_budget()) - held)
        return _Ready(
            engine, options, styles, memory, self._workers(engine, options, styles, memory)
        )

    def _workers(
        self, engine: Engine, options: Options, styles: list[Picture], memory: int
    ) -> PictureWorkers | None:
        asked = self._context.params
        cluster = self._closing.enter_context(cluster_at(asked["cluster"]))
        if cluster is None:
            return None
        from ..cluster.worker import Machine

        machine = Machine(
            engine.fingerprint,
            asked["threads"],
            asked["lowering"],
            asked["device"],
            asked["precision"],
            engine.limits,
        )
        return cluster.pictures(machine, engine.packed, styles, options, memory, self._time)

    def saving(self, source: Path) -> Saving:
        """How the result of a picture is written.

        Raises:
            ImageNotFound: there is none.
        """
        pictures: list[tuple[Role, Path]] = [("content", source)]
        pictures += [("style", path) for path in self._styles]
        engine, options = self.ready[:2]
        made = made_by(self._context, "stylize", engine, options, pictures)
        return replace(Saving.asked(self._context.params), made=made)

    def paint(self, source: Path, progress: ProgressCallback | None, stop: Stop) -> Result:
        """One picture.

        Raises:
            Stopped: `stop` was requested, and the picture in the making is lost.
        """
        engine, options, styles, memory, workers = self.ready
        if workers is not None:
            return workers.paint(source, stop)
        return engine.stylize(
            source, styles, options, memory=memory, time=self._time, progress=progress, stop=stop
        )
