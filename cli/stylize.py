"""`impasto stylize`: one picture."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ..engine.errors import OptionsError, StyleError
from ..engine.options import Options
from . import parameters as p
from .console import emit_json, say
from .exits import EXIT_OF_STOP
from .parsing import parse_iterations, parse_layers, parse_trust, spelled_layers
from .paths import refuse_to_replace
from .progress import painting_bar
from .report import is_painted, record_of, summary_of
from .signals import Signals

if TYPE_CHECKING:
    from ..engine.engine import Engine
    from ..engine.records import Result
    from ..engine.stop import Stop

__all__ = ["stylize"]

_DEFAULTS = Options()
_CONTENT_LAYERS = spelled_layers(_DEFAULTS.content_layers)
_STYLE_LAYERS = spelled_layers(_DEFAULTS.style_layers)


def stylize(
    context: typer.Context,
    content: p.Content,
    style: p.Styles,
    size: p.Size = _DEFAULTS.size,
    style_scale: p.StyleScale = _DEFAULTS.style_scale,
    init: p.Init = _DEFAULTS.init,
    init_blend: p.InitBlend = _DEFAULTS.init_blend,
    seed: p.Seed = _DEFAULTS.seed,
    content_weight: p.ContentWeight = _DEFAULTS.content_weight,
    style_weight: p.StyleWeight = _DEFAULTS.style_weight,
    tv_weight: p.TvWeight = _DEFAULTS.tv_weight,
    content_layers: p.ContentLayers = _CONTENT_LAYERS,
    style_layers: p.StyleLayers = _STYLE_LAYERS,
    pool: p.Pool = _DEFAULTS.pool,
    border: p.BorderKind = _DEFAULTS.border,
    objective: p.Objective = _DEFAULTS.objective,
    levels: p.Levels = _DEFAULTS.levels,
    iterations: p.Iterations = None,
    optimizer: p.OptimizerName = _DEFAULTS.optimizer,
    step: p.Step = _DEFAULTS.step,
    model: p.Model = None,
    bundle: p.Bundle = None,
    trust: p.Trust = None,
    device: p.Device = "auto",
    precision: p.PrecisionName = "float32",
    threads: p.Threads = None,
    lowering: p.LoweringName = "auto",
    output: p.Output = None,
    json: p.Json = False,
    quiet: p.Quiet = False,
    debug: p.Debug = False,
) -> None:
    """Paint the photograph CONTENT in the manner of the painting STYLE.

    Ctrl-C ends the work and keeps the best picture so far; a second one leaves at once.
    """
    options = Options(
        size=size,
        levels=levels,
        iterations=parse_iterations(iterations),
        objective=objective,
        content_layers=parse_layers("--content-layer", content_layers),
        style_layers=parse_layers("--style-layer", style_layers),
        content_weight=content_weight,
        style_weight=style_weight,
        tv_weight=tv_weight,
        pool=pool,
        border=border,
        optimizer=optimizer,
        step=step,
        init=init,
        init_blend=init_blend,
        style_scale=style_scale,
        seed=seed,
    )
    # A bundle is made for one choice of these, and so it makes it.
    left_open = [
        name
        for name in ("content_layers", "style_layers", "pool", "border")
        if bundle is not None
        and getattr(context.get_parameter_source(name), "name", "") == "DEFAULT"
    ]
    if trust is not None and bundle is None:
        raise OptionsError("--trust has no meaning without --bundle")
    trusted = parse_trust(trust)
    output = output or Path(f"{content.stem}.impasto.png")
    _check_output(output, [content, *style, init, model, bundle])

    def work(stop: Stop) -> tuple[Engine, Options, Result]:
        from ..engine.engine import Engine

        engine = Engine(
            model,
            bundle=bundle,
            trust=trusted,
            device=device,
            precision=precision,
            threads=threads,
            lowering=lowering,
        )
        asked = replace(options, **{name: getattr(engine.defaults, name) for name in left_open})
        return engine, asked, engine.stylize(content, style, asked, progress=report, stop=stop)

    with Signals() as signals:
        try:
            with painting_bar(not quiet) as report:
                engine, options, result = signals.run(work)
        except StyleError as error:
            _rescue(error, output)
            raise
        kept = output if is_painted(result) else None
        if kept is not None:
            result.save(kept)
        if result.stopped in EXIT_OF_STOP:
            where = "nothing was painted yet" if kept is None else f"the best picture is in {kept}"
            say(f"{result.stopped}: {where}")
        elif not quiet:
            say(summary_of(result, output))
        if json:
            emit_json(record_of(result, kept, engine, options))
    raise typer.Exit(EXIT_OF_STOP.get(result.stopped, 0))


def _check_output(output: Path, sources: Iterable[Path | str | None]) -> None:
    """Say before the work what would make saving fail after it."""
    from ..engine.files import check_writable
    from ..engine.images import output_format

    output_format(output)
    check_writable(output)
    refuse_to_replace(output, sources)


def _rescue(error: StyleError, output: Path) -> None:
    """Save the best picture of a run that failed; why the run failed stays the error."""
    from ..engine.records import Result

    if isinstance(error.result, Result) and is_painted(error.result):
        try:
            error.result.save(output)
            say(f"the work failed, but the best picture so far is in {output}")
        except StyleError as unsaved:
            say(f"the best picture so far is lost: {unsaved}")
