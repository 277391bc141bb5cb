"""What a picture is made from, for its file to tell: see `engine.provenance`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from .. import __version__
from ..engine.options import STARTS, Options
from .parsing import parse_bytes, parse_seconds
from .streams import STDIN
from .watching import command_line

if TYPE_CHECKING:
    from ..engine.engine import Engine
    from ..engine.provenance import Provenance, Role, TaskName

__all__ = ["made_by"]


def made_by(
    context: typer.Context,
    task: TaskName,
    engine: Engine,
    options: Options,
    pictures: Sequence[tuple[Role, Path]],
) -> Provenance | None:
    """What the command makes its picture from; None where the picture is to tell nothing, or could
    not: what comes through a pipe is gone when it is to be made again.

    Raises:
        ImageError: one of the pictures is no readable file.
    """
    from ..engine.provenance import Ingredient, Provenance
    from ..engine.sources import initial_header

    asked = context.params
    if asked["no_metadata"] or any(path is STDIN for _, path in pictures):
        return None
    ingredients = [Ingredient.of(role, path, engine.limits) for role, path in pictures]
    if options.init not in STARTS:
        initial_header(options, engine.limits)  # which says it best where there is none
        ingredients.append(Ingredient.of("initial", options.init, engine.limits))
    ingredients += [Ingredient.of("mask", path, engine.limits) for path in options.mask_paths]
    return Provenance(
        version=__version__,
        task=task,
        options=options,
        model=engine.model,
        fingerprint=engine.fingerprint,
        machine={
            "model": asked["model"],
            "bundle": None if asked.get("bundle") is None else str(asked["bundle"]),
            "device": engine.device,
            "precision": engine.precision,
            "threads": engine.threads,
            "lowering": engine.lowering,
        },
        pictures=tuple(ingredients),
        memory=None if asked["memory"] is None else parse_bytes(asked["memory"]),
        time=None if asked["time"] is None else parse_seconds(asked["time"]),
        quality=asked["quality"],
        depth=asked["depth"],
        command=command_line(context),
    )
