"""`impasto resume`: go on with a picture whose process died."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..engine.errors import OptionsError, ResumeError
from . import keeping_options as k
from . import parameters as p
from .cluster_options import ClusterForTiles, cluster_at
from .console import say
from .painting import check_output, paint_to
from .parsing import parse_seconds, parse_trust
from .saving import Saving

if TYPE_CHECKING:
    from ..engine.engine import Engine
    from ..engine.options import Options
    from ..engine.records import ProgressCallback, Result
    from ..engine.settings import Settings
    from ..engine.stop import Stop

__all__ = ["resume"]


def resume(
    folder: k.Folder,
    time: k.Time = None,
    trust: p.Trust = None,
    cluster: ClusterForTiles = None,
    output: k.ResumedOutput = None,
    json: p.Json = False,
    quiet: p.Quiet = False,
    debug: p.Debug = False,
) -> None:
    """Go on with a work that was begun with `--checkpoint FOLDER`, after any end it had.

    Its settings, pictures and network are those it was begun with.
    """
    from ..engine.checkpoint import read_header

    settings, standing = read_header(folder)
    if output is None and settings.output is None:
        raise OptionsError("--output is needed: the work was begun without one")
    picture = output or Path(str(settings.output))
    trusted = parse_trust(trust)
    seconds = None if time is None else parse_seconds(time)
    pictures = (settings.content, *settings.styles, settings.initial, *settings.masks)
    sources = [source.path for source in pictures if source is not None]
    saving = _saving(settings)
    check_output(picture, [*sources, settings.engine["model"], settings.engine["bundle"]], saving)
    if settings.time is not None and time is None and not quiet:
        say(f"it may take what is left of its {settings.time:g} s; --time gives it more")
    if standing.ended is not None and not quiet:
        say(f"the work in {folder} was finished before; its picture is written again")

    def work(report: ProgressCallback | None, stop: Stop) -> tuple[Engine, Options, Result]:
        from ..engine.engine import Engine

        with cluster_at(cluster) as workers:
            engine = Engine(
                **settings.engine, trust=trusted, limits=settings.limits, workers=workers
            )
            result = engine.resume(folder, time=seconds, progress=report, stop=stop)
        return engine, settings.options, result

    paint_to(picture, work, json=json, quiet=quiet, saving=saving)


def _saving(settings: Settings) -> Saving:
    """As the command that began the work would have."""
    from ..engine.provenance import Provenance

    if settings.record is None:
        return Saving()
    try:
        made = Provenance.read(settings.record)
    except OptionsError as error:
        raise ResumeError(f"the saved work does not tell how it was begun: {error}") from error
    return Saving.like(made)
