"""`impasto stylize`: one picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ..engine.errors import OptionsError
from ..engine.options import Options
from . import color_options as c
from . import keeping_options as k
from . import loss_options as o
from . import parameters as p
from . import recipe_options as r
from . import space_options as x
from . import stream_options as s
from . import watching_options as w
from .cluster_options import ClusterForTiles
from .network_options import spelled_defaults
from .presets import PresetName
from .streams import STDIN, picture_at
from .style_options import StyleBlend, StyleScale, StyleSize
from .tasks import options_of, paint_task

if TYPE_CHECKING:
    from ..engine.provenance import Role

__all__ = ["stylize"]

_DEFAULTS = Options()
_CONTENT_LAYERS, _STYLE_LAYERS = spelled_defaults()


def stylize(
    context: typer.Context,
    content: s.PipedContent,
    style: p.Styles,
    recipe: r.RecipeFile = None,
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
    init_blend: p.InitBlend = _DEFAULTS.init_blend,
    init_noise: p.InitNoise = _DEFAULTS.init_noise,
    seed: p.Seed = _DEFAULTS.seed,
    content_weight: p.ContentWeight = _DEFAULTS.content_weight,
    style_weight: p.StyleWeight = _DEFAULTS.style_weight,
    tv_weight: p.TvWeight = _DEFAULTS.tv_weight,
    tv_loss: o.TvLoss = _DEFAULTS.tv_loss,
    content_layers: p.ContentLayers = _CONTENT_LAYERS,
    style_layers: p.StyleLayers = _STYLE_LAYERS,
    style_loss: o.StyleLossName = _DEFAULTS.style_loss,
    style_falloff: o.StyleFalloff = _DEFAULTS.style_falloff,
    balance_gradients: o.BalanceGradients = _DEFAULTS.balance_gradients,
    pool: p.Pool = _DEFAULTS.pool,
    border: p.BorderKind = _DEFAULTS.border,
    objective: p.Objective = _DEFAULTS.objective,
    levels: p.Levels = _DEFAULTS.levels,
    coarsest: o.Coarsest = _DEFAULTS.coarsest,
    level_factor: o.LevelFactor = _DEFAULTS.level_factor,
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
    cluster: ClusterForTiles = None,
    save_every: w.SaveEvery = None,
    animate: w.Animate = None,
    plot: w.Plot = None,
    report_page: w.ReportPage = None,
    save_recipe: r.SaveRecipe = None,
    no_metadata: r.NoMetadata = False,
    quality: r.Quality = None,
    depth: r.Depth = 8,
    output: s.PipedOutput = None,
    json: p.Json = False,
    quiet: p.Quiet = False,
    debug: p.Debug = False,
) -> None:
    """Paint the photograph CONTENT in the manner of the painting STYLE.

    Ctrl-C ends the work and keeps the best picture so far; a second one leaves at once.
    """
    options = options_of(context, _DEFAULTS)
    is_file = content is not STDIN
    if output is None and not is_file:
        raise OptionsError("--output must say where the result goes where CONTENT is -")
    photograph = picture_at(content)
    pictures: list[tuple[Role, Path]] = [("content", content)]
    pictures += [("style", path) for path in style]
    paint_task(
        context,
        "stylize",
        lambda engine, asked, budget: engine.stylize(photograph, style, asked, **budget),
        options,
        pictures,
        output or Path(f"{content.stem}.impasto.png"),
        before=content if is_file else None,
    )
