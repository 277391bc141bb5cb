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
from .network_options import left_open
from .painting import check_output, paint_to
from .parsing import (
    parse_bytes,
    parse_iterations,
    parse_layers,
    parse_seconds,
    parse_size,
    parse_trust,
)
from .presets import left_to
from .streams import STDOUT, check_stdout
from .watching import Watching, command_line

if TYPE_CHECKING:
    from ..engine.engine import Engine
    from ..engine.records import ProgressCallback, Result
    from ..engine.stop import Stop
    from ..engine.tasks import Budget

__all__ = ["Task", "engine_of", "open_options", "options_of", "paint_task"]

Task: TypeAlias = "Callable[[Engine, Options, Budget], Result]"

_PARSERS: Mapping[str, Callable[[Any], Any]] = {
    "size": parse_size,
    "iterations": parse_iterations,
    "content_layers": lambda given: parse_layers("--content-layer", given),
    "style_layers": lambda given: parse_layers("--style-layer", given),
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


def engine_of(context: typer.Context) -> Callable[[], Engine]:
    """What opens the engine that is asked for.

    Raises:
        OptionsError: `--trust` without a bundle, or with no fingerprint.
    """
    asked = context.params
    if asked.get("trust") is not None and asked.get("bundle") is None:
        raise OptionsError("--trust has no meaning without --bundle")
    trust = parse_trust(asked.get("trust"))

    def opened() -> Engine:
        from ..engine.engine import Engine

        return Engine(
            asked["model"],
            bundle=asked.get("bundle"),
            trust=trust,
            device=asked["device"],
            precision=asked.get("precision", "float32"),
            threads=asked["threads"],
            lowering=asked["lowering"],
        )

    return opened


def paint_task(
    context: typer.Context,
    task: Task,
    options: Options,
    pictures: Sequence[tuple[str, Path]],
    output: Path,
    before: Path | None = None,
) -> NoReturn:
    """Do the task with all that the command line says of machine, budget and watching.

    Args:
        pictures: what it is made of, each with its label.
        before: the one of them that becomes the result.
    """
    asked = context.params
    opened, decided = engine_of(context), open_options(context)
    paths = [path for _, path in pictures]
    sources = (*paths, options.init, asked["model"], asked.get("bundle"))
    if output is STDOUT:
        check_stdout(asked["json"], asked["save_every"] is not None)
    else:
        check_output(output, sources)
    watching = Watching(
        output,
        sources,
        pictures=tuple(pictures),
        before=before,
        command=command_line(context),
        save_every=asked["save_every"],
        animate=asked["animate"],
        plot=asked["plot"],
        report=asked["report_page"],
    )
    budget = _budget_of(context, output)

    def work(report: ProgressCallback | None, stop: Stop) -> tuple[Engine, Options, Result]:
        engine = opened()
        last = replace(options, **{name: getattr(engine.defaults, name) for name in decided})
        return engine, last, task(engine, last, {**budget, "progress": report, "stop": stop})

    paint_to(output, work, watching=watching, json=asked["json"], quiet=asked["quiet"])


def _budget_of(context: typer.Context, output: Path) -> Budget:
    from ..engine.settings import Checkpoint

    asked = context.params
    every = parse_seconds(asked["checkpoint_every"], "--checkpoint-every")
    folder = asked["checkpoint"]
    return {
        "memory": None if asked["memory"] is None else parse_bytes(asked["memory"]),
        "time": None if asked["time"] is None else parse_seconds(asked["time"]),
        "checkpoint": None
        if folder is None
        else Checkpoint(folder, every, None if output is STDOUT else output),
    }
