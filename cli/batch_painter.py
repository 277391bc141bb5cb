"""What all pictures of a batch have in common: one engine, and the paintings, opened once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import typer

from ..engine.options import Options
from .making import made_by
from .parsing import parse_bytes, parse_seconds
from .saving import Saving
from .style_notes import tell_of_other_networks
from .tasks import engine_of, open_options

if TYPE_CHECKING:
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


class BatchPainter:
    """Opens the engine and the style pictures when the first picture needs them.

    Args:
        context: of the command, which says with which engine and in how much memory and time.

    Raises:
        OptionsError: it says what cannot be.
    """

    def __init__(self, context: typer.Context, options: Options, styles: Sequence[Path]) -> None:
        asked = context.params
        self._context = context
        self._opened: Callable[[], Engine] = engine_of(context)
        self._decided = open_options(context)
        self._options = options
        self._styles = styles
        self._memory = None if asked["memory"] is None else parse_bytes(asked["memory"])
        self._time = None if asked["time"] is None else parse_seconds(asked["time"])
        # What no result may replace.
        self.sources = (*styles, options.init, asked["model"], asked["bundle"])

    @cached_property
    def ready(self) -> _Ready:
        """What is wrong with it is wrong with all pictures.

        Raises:
            StyleError: the network or a style picture cannot be used.
        """
        from ..engine.images import read_picture
        from ..engine.memory import default_budget

        engine = self._opened()
        options = replace(
            self._options, **{name: getattr(engine.defaults, name) for name in self._decided}
        )
        styles = [read_picture(path, engine.limits, "style picture") for path in self._styles]
        tell_of_other_networks(engine, self._styles)
        # The plan of a picture counts those of its own.
        held = sum(style.nbytes for style in styles)
        return _Ready(engine, options, styles, max(1, (self._memory or default_budget()) - held))

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
        """One picture."""
        engine, options, styles, memory = self.ready
        return engine.stylize(
            source, styles, options, memory=memory, time=self._time, progress=progress, stop=stop
        )
