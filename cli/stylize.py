"""`impasto stylize`: one picture."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ..engine.errors import OptionsError
from ..engine.options import Options
from . import keeping_options as k
from . import parameters as p
from .network_options import left_open, spelled_defaults
from .painting import check_output, paint_to
from .parsing import (
    parse_bytes,
    parse_iterations,
    parse_layers,
    parse_seconds,
    parse_trust,
)

if TYPE_CHECKING:
    from ..engine.engine import Engine
    from ..engine.records import ProgressCallback, Result
    from ..engine.stop import Stop

__all__ = ["stylize"]

_DEFAULTS = Options()
_CONTENT_LAYERS, _STYLE_LAYERS = spelled_defaults()


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
    memory: k.Memory = None,
    time: k.Time = None,
    checkpoint: k.CheckpointFolder = None,
    checkpoint_every: k.CheckpointEvery = "30s",
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
    decided = left_open(context, bundle)
    if trust is not None and bundle is None:
        raise OptionsError("--trust has no meaning without --bundle")
    trusted = parse_trust(trust)
    output = output or Path(f"{content.stem}.impasto.png")
    check_output(output, [content, *style, init, model, bundle])
    seconds = None if time is None else parse_seconds(time)
    every = parse_seconds(checkpoint_every, "--checkpoint-every")

    def work(report: ProgressCallback | None, stop: Stop) -> tuple[Engine, Options, Result]:
        from ..engine.engine import Engine
        from ..engine.settings import Checkpoint

        engine = Engine(
            model,
            bundle=bundle,
            trust=trusted,
            device=device,
            precision=precision,
            threads=threads,
            lowering=lowering,
        )
        asked = replace(options, **{name: getattr(engine.defaults, name) for name in decided})
        result = engine.stylize(
            content,
            style,
            asked,
            memory=None if memory is None else parse_bytes(memory),
            time=seconds,
            checkpoint=None if checkpoint is None else Checkpoint(checkpoint, every, output),
            progress=report,
            stop=stop,
        )
        return engine, asked, result

    paint_to(output, work, json=json, quiet=quiet)
