"""`impasto plan`: what a picture will take, before anything is done."""

from __future__ import annotations

from dataclasses import replace

import typer

from ..engine.options import Options
from . import color_options as c
from . import keeping_options as k
from . import loss_options as o
from . import parameters as p
from . import space_options as x
from .console import emit, emit_json
from .network_options import spelled_defaults
from .parsing import parse_bytes, parse_seconds
from .plan_record import described, gib, record_of_plan
from .presets import PresetName
from .style_options import StyleBlend, StyleScale, StyleSize
from .tables import emit_table
from .tasks import engine_of, open_options, options_of

__all__ = ["plan"]

_DEFAULTS = Options()
_CONTENT_LAYERS, _STYLE_LAYERS = spelled_defaults()


def plan(
    context: typer.Context,
    content: p.Content,
    style: p.Styles,
    preset: PresetName = None,
    size: p.Size = str(_DEFAULTS.size),
    style_scale: StyleScale = str(_DEFAULTS.style_scale),
    style_size: StyleSize = _DEFAULTS.style_size,
    style_blend: StyleBlend = None,
    layer_styles: x.LayerStyles = None,
    masks: x.Masks = None,
    keep: x.Keep = None,
    color: c.ColorKind = _DEFAULTS.color,
    strength: c.Strength = _DEFAULTS.strength,
    init: p.Init = _DEFAULTS.init,
    content_layers: p.ContentLayers = _CONTENT_LAYERS,
    style_layers: p.StyleLayers = _STYLE_LAYERS,
    style_loss: o.StyleLossName = _DEFAULTS.style_loss,
    balance_gradients: o.BalanceGradients = _DEFAULTS.balance_gradients,
    pool: p.Pool = _DEFAULTS.pool,
    border: p.BorderKind = _DEFAULTS.border,
    levels: p.Levels = _DEFAULTS.levels,
    coarsest: o.Coarsest = _DEFAULTS.coarsest,
    level_factor: o.LevelFactor = _DEFAULTS.level_factor,
    iterations: p.Iterations = None,
    optimizer: p.OptimizerName = _DEFAULTS.optimizer,
    memory: k.Memory = None,
    time: k.Time = None,
    model: p.Model = None,
    bundle: p.Bundle = None,
    trust: p.Trust = None,
    device: p.Device = "auto",
    threads: p.Threads = None,
    lowering: p.LoweringName = "auto",
    json: p.Json = False,
    debug: p.Debug = False,
) -> None:
    """Say how a picture would be made: levels, tiles, optimiser, memory and time.

    The time is estimated from evaluations of two small canvases.
    """
    options = options_of(context, _DEFAULTS)
    opened = engine_of(context)
    budget = None if memory is None else parse_bytes(memory)
    seconds = None if time is None else parse_seconds(time)
    engine = opened()
    asked = replace(
        options, **{name: getattr(engine.defaults, name) for name in open_options(context)}
    )
    made = engine.plan(content, style, asked, memory=budget, timed=True)
    if json:
        emit_json(record_of_plan(made, seconds))
        return
    emit_table(
        ["size", "steps", "computed", "optimiser", "memory", "time"],
        [
            [
                f"{level.width} x {level.height}",
                str(level.iterations),
                described(level),
                str(level.method),
                gib(level.bytes),
                f"{level.seconds or 0:.0f} s",
            ]
            for level in made.levels
        ],
    )
    emit(f"Peak of the process: {gib(made.bytes)} of {gib(made.memory)} that it may take.")
    emit(_duration(made.seconds or 0.0, seconds))


def _duration(estimated: float, allowed: float | None) -> str:
    if allowed is None or allowed >= estimated:
        return f"About {estimated:.0f} s."
    share = allowed / estimated
    return (
        f"About {estimated:.0f} s; the {allowed:.0f} s given allow {share:.0%} of the steps of "
        "each level."
    )
