"""`impasto again`: a picture once more, from what its file tells of how it was made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..engine.errors import ResumeError
from . import parameters as p
from .output_option import output_option
from .painting import check_output, paint_to
from .parsing import parse_trust
from .paths import path_of
from .saving import Saving

if TYPE_CHECKING:
    from ..engine.engine import Engine
    from ..engine.options import Options
    from ..engine.provenance import Provenance
    from ..engine.records import ProgressCallback, Result
    from ..engine.stop import Stop
    from ..engine.tasks import Budget

__all__ = ["again"]


def again(
    picture: Annotated[
        Path,
        typer.Argument(metavar="PICTURE", help="A picture that Impasto made.", parser=path_of),
    ],
    trust: p.Trust = None,
    output: Annotated[
        Path | None, output_option("PICTURE.again beside it, with its suffix")
    ] = None,
    json: p.Json = False,
    quiet: p.Quiet = False,
    debug: p.Debug = False,
) -> None:
    """Make a picture again, from the photograph and the paintings that it was made from.

    On the same machine it has the same pixels, but where its time was limited. Paths are those
    that were typed, seen from the folder you are in.
    """
    from ..engine.provenance import read_provenance

    made = read_provenance(picture)
    made.check()
    target = output or picture.with_name(f"{picture.stem}.again{picture.suffix}")
    sources = [picture, *(Path(one.path) for one in made.pictures)]
    saving = Saving.like(made)
    check_output(target, [*sources, made.machine["model"], made.machine["bundle"]], saving)
    trusted = parse_trust(trust)

    def work(report: ProgressCallback | None, stop: Stop) -> tuple[Engine, Options, Result]:
        from ..engine.engine import Engine

        engine = Engine(**made.machine, trust=trusted)
        if engine.fingerprint != made.fingerprint:
            raise ResumeError(
                f"the network {engine.model!r} is not the one that the picture was made with"
            )
        budget: Budget = {
            "memory": made.memory,
            "time": made.time,
            "progress": report,
            "stop": stop,
        }
        return engine, made.options, _task(engine, made)(made.options, budget)

    paint_to(target, work, json=json, quiet=quiet, saving=saving)


def _task(engine: Engine, made: Provenance) -> Callable[[Options, Budget], Result]:
    content, styles = made.paths("content"), made.paths("style")
    if made.task == "texture":
        return lambda options, budget: engine.texture(styles, options, **budget)
    if made.task == "reconstruct":
        return lambda options, budget: engine.reconstruct(content[0], options, **budget)
    return lambda options, budget: engine.stylize(content[0], styles, options, **budget)
