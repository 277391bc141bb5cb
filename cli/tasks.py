"""From a command line to a picture: what `stylize`, `reconstruct` and `texture` have in common.

Their parameters have the same names, in whatever choice; here they are taken from Typer's context.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

import typer

from ..engine.errors import OptionsError
from ..engine.options import Options
from .cluster_options import cluster_at
from .making import made_by
from .network_options import left_open
from .painting import check_output, paint_to
from .parsing import (
    parse_bytes,
    parse_iterations,
    parse_layer_styles,
    parse_layers,
    parse_mask,
    parse_numbers,
    parse_scales,
    parse_seconds,
    parse_size,
    parse_trust,
)
from .presets import left_to
from .recipe import save_recipe
from .saving import Saving
from .streams import STDIN, STDOUT, check_stdout
from .style_notes import tell_of_other_networks
from .watching import Watching, command_line

if TYPE_CHECKING:
    from ..cluster.cluster import Cluster
    from ..engine.engine import Engine
    from ..engine.provenance import Role, TaskName
    from ..engine.records import ProgressCallback, Result
    from ..engine.settings import Checkpoint
    from ..engine.stop import Stop
    from ..engine.tasks import Budget

__all__ = ["Task", "engine_of", "open_options", "options_of", "paint_task"]

Task: TypeAlias = "Callable[[Engine, Options, Budget], Result]"

_PARSERS: Mapping[str, Callable[[Any], Any]] = {
    "size": parse_size,
    "iterations": parse_iterations,
    "style_scale": parse_scales,
    "style_blend": lambda given: given and parse_numbers("--style-blend", given),
    "content_layers": lambda given: parse_layers("--content-layer", given),
    "style_layers": lambda given: parse_layers("--style-layer", given),
    "layer_styles": parse_layer_styles,
    "masks": lambda given: tuple(map(parse_mask, given or ())),
    "keep": lambda given: given and str(given),
}


def options_of(context: typer.Context, task: Options) -> Options:
    """What is asked for: the parameters that the command has, and those of the task for others.

    Raises:
        OptionsError: a value cannot be.
    """
    given = {
        name: _PARSERS[name](context.params[name]) if name in _PARSERS else context.params[name]
        for name in (field.name for field in fields(Options))
        if name in context.params
    }
    options = replace(task, **given)
    return replace(options, **left_to(context.params.get("preset"), context))


def open_options(context: typer.Context) -> list[str]:
    """Names of the options that a bundle decides, and nobody else has."""
    chosen = left_to(context.params.get("preset"), context)
    names = left_open(context, context.params.get("bundle"))
    return [name for name in names if name not in chosen]


def engine_of(context: typer.Context) -> Callable[..., Engine]:
    """What opens the engine that is asked for, with the workers that it is given, if any.

    Raises:
        OptionsError: `--trust` without a bundle, or with no fingerprint.
    """
    asked = context.params
    if asked.get("trust") is not None and asked.get("bundle") is None:
        raise OptionsError("--trust has no meaning without --bundle")
    trust = parse_trust(asked.get("trust"))

    def opened(workers: Cluster | None = None) -> Engine:
        from ..engine.engine import Engine

        return Engine(
            asked["model"],
            bundle=asked.get("bundle"),
            trust=trust,
            device=asked["device"],
            precision=asked.get("precision", "float32"),
            threads=asked["threads"],
            lowering=asked["lowering"],
            workers=workers,
        )

    return opened


def paint_task(
    context: typer.Context,
    name: TaskName,
    task: Task,
    options: Options,
    pictures: Sequence[tuple[Role, Path]],
    output: Path,
    before: Path | None = None,
) -> NoReturn:
    """Do the task with all that the command line says of machine, budget and watching.

    Args:
        name: of the task.
        pictures: what it is made of, each with its part.
        before: the one of them that becomes the result.
    """
    asked = context.params
    opened, decided = engine_of(context), open_options(context)
    paths = [path for _, path in pictures]
    sources = (*paths, options.init, *options.mask_paths, asked["model"], asked.get("bundle"))
    saving = Saving.asked(asked)
    if output is STDOUT:
        check_stdout(asked["json"], asked["save_every"] is not None)
        saving.check(output)
    else:
        check_output(output, sources, saving)
    watching = Watching(
        output,
        sources,
        pictures=tuple((role.capitalize(), path) for role, path in pictures if path is not STDIN),
        before=before,
        command=command_line(context),
        save_every=asked["save_every"],
        animate=asked["animate"],
        plot=asked["plot"],
        report=asked["report_page"],
        save_recipe=asked["save_recipe"],
    )
    budget = _budget_of(context)

    def work(report: ProgressCallback | None, stop: Stop) -> tuple[Engine, Options, Result]:
        with cluster_at(asked.get("cluster")) as workers:
            engine = opened(workers)
            last = replace(options, **{name: getattr(engine.defaults, name) for name in decided})
            saving.made = made_by(context, name, engine, last, pictures)
            tell_of_other_networks(engine, [path for role, path in pictures if role == "style"])
            if watching.save_recipe is not None:
                save_recipe(watching.save_recipe, context, last)
            checkpoint = _checkpoint_of(context, output, saving)
            more: Budget = {"checkpoint": checkpoint, "progress": report, "stop": stop}
            return engine, last, task(engine, last, {**budget, **more})

    paint_to(
        output, work, watching=watching, saving=saving, json=asked["json"], quiet=asked["quiet"]
    )


def _budget_of(context: typer.Context) -> Budget:
    asked = context.params
    return {
        "memory": None if asked["memory"] is None else parse_bytes(asked["memory"]),
        "time": None if asked["time"] is None else parse_seconds(asked["time"]),
    }


def _checkpoint_of(context: typer.Context, output: Path, saving: Saving) -> Checkpoint | None:
    from ..engine.settings import Checkpoint

    asked = context.params
    every = parse_seconds(asked["checkpoint_every"], "--checkpoint-every")
    folder = asked["checkpoint"]
    if folder is None:
        return None
    record = None if saving.made is None else saving.made.record()
    return Checkpoint(folder, every, None if output is STDOUT else output, record)
