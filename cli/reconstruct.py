"""`impasto reconstruct`: what a layer of the network knows of a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from ..engine.tasks import RECONSTRUCTION
from . import keeping_options as k
from . import loss_options as o
from . import parameters as p
from . import recipe_options as r
from . import watching_options as w
from .network_options import spelled_defaults
from .output_option import output_option
from .paths import path_of
from .tasks import options_of, paint_task

__all__ = ["reconstruct"]

_DEFAULTS = RECONSTRUCTION
_CONTENT_LAYERS, _ = spelled_defaults()

_Levels: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--levels",
        metavar="NUMBER",
        help="Scales from coarse to fine, 1 to 12: a coarser one hands on what the layer does not "
        "tell.",
        rich_help_panel="Optimiser",
    ),
]
_Iterations: TypeAlias = Annotated[
    str,
    typer.Option(
        "--iterations",
        metavar="N[,N...]",
        help="Steps at each level: one number for all, or one for each from coarse to fine.",
        rich_help_panel="Optimiser",
    ),
]


def reconstruct(
    context: typer.Context,
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="The picture.", parser=path_of)],
    recipe: r.RecipeFile = None,
    content_layers: p.ContentLayers = _CONTENT_LAYERS,
    size: p.Size = str(_DEFAULTS.size),
    init: p.Init = _DEFAULTS.init,
    init_blend: p.InitBlend = _DEFAULTS.init_blend,
    init_noise: p.InitNoise = _DEFAULTS.init_noise,
    seed: p.Seed = _DEFAULTS.seed,
    tv_weight: p.TvWeight = _DEFAULTS.tv_weight,
    tv_loss: o.TvLoss = _DEFAULTS.tv_loss,
    balance_gradients: o.BalanceGradients = _DEFAULTS.balance_gradients,
    pool: p.Pool = _DEFAULTS.pool,
    border: p.BorderKind = _DEFAULTS.border,
    objective: p.Objective = _DEFAULTS.objective,
    levels: _Levels = _DEFAULTS.levels,
    iterations: _Iterations = str(_DEFAULTS.iterations),
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
    output: Annotated[Path | None, output_option("IMAGE.content.png in this folder")] = None,
    json: p.Json = False,
    quiet: p.Quiet = False,
    debug: p.Debug = False,
) -> None:
    """Find, from noise, a picture that a layer of the network takes for IMAGE.

    The higher the layer, the less it tells of detail: content is what is left.
    """
    paint_task(
        context,
        "reconstruct",
        lambda engine, asked, budget: engine.reconstruct(image, asked, **budget),
        options_of(context, _DEFAULTS),
        [("content", image)],
        output or Path(f"{image.stem}.content.png"),
        before=image,
    )
