"""`impasto texture`: the manner of a painting, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from ..engine.tasks import TEXTURE
from . import keeping_options as k
from . import loss_options as o
from . import parameters as p
from . import recipe_options as r
from . import space_options as x
from . import watching_options as w
from .network_options import spelled_defaults
from .output_option import output_option
from .style_options import StyleBlend, StyleScale, StyleSize
from .tasks import options_of, paint_task

__all__ = ["texture"]

_DEFAULTS = TEXTURE
_, _STYLE_LAYERS = spelled_defaults()


def texture(
    context: typer.Context,
    style: p.Styles,
    recipe: r.RecipeFile = None,
    size: p.Size = str(_DEFAULTS.size),
    tileable: Annotated[
        bool,
        typer.Option(
            "--tileable",
            help="Join the opposite sides, so that copies of the result have no seam; a --size of "
            "one number is rounded to multiples of the network's poolings, for which WxH must be.",
            rich_help_panel="Picture",
        ),
    ] = False,
    style_scale: StyleScale = str(_DEFAULTS.style_scale),
    style_size: StyleSize = _DEFAULTS.style_size,
    style_blend: StyleBlend = None,
    layer_styles: x.LayerStyles = None,
    style_layers: p.StyleLayers = _STYLE_LAYERS,
    style_loss: o.StyleLossName = _DEFAULTS.style_loss,
    style_falloff: o.StyleFalloff = _DEFAULTS.style_falloff,
    balance_gradients: o.BalanceGradients = _DEFAULTS.balance_gradients,
    init: p.Init = _DEFAULTS.init,
    init_blend: p.InitBlend = _DEFAULTS.init_blend,
    init_noise: p.InitNoise = _DEFAULTS.init_noise,
    seed: p.Seed = _DEFAULTS.seed,
    tv_weight: p.TvWeight = _DEFAULTS.tv_weight,
    tv_loss: o.TvLoss = _DEFAULTS.tv_loss,
    pool: p.Pool = _DEFAULTS.pool,
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
    device: p.Device = "auto",
    precision: p.PrecisionName = "float32",
    threads: p.Threads = None,
    lowering: p.LoweringName = "auto",
    save_every: w.SaveEvery = None,
    animate: w.Animate = None,
    plot: w.Plot = None,
    report_page: w.ReportPage = None,
    save_recipe: r.SaveRecipe = None,
    no_metadata: r.NoMetadata = False,
    quality: r.Quality = None,
    depth: r.Depth = 8,
    output: Annotated[Path | None, output_option("STYLE.texture.png in this folder")] = None,
    json: p.Json = False,
    quiet: p.Quiet = False,
    debug: p.Debug = False,
) -> None:
    """Paint a texture in the manner of STYLE, of any size, from noise.

    Gram matrices alone are matched: they know which forms and colours go together, not where.
    """
    options = options_of(context, _DEFAULTS)
    paint_task(
        context,
        "texture",
        lambda engine, asked, budget: engine.texture(style, asked, **budget),
        replace(options, border="wrap") if tileable else options,
        [("style", path) for path in style],
        output or Path(f"{style[0].stem}.texture.png"),
    )
