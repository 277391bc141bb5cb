"""`impasto batch`: many pictures in the manner of one painting."""

from __future__ import annotations

import typer

from ..engine.options import Options
from . import batch_options as b
from . import color_options as c
from . import keeping_options as k
from . import loss_options as o
from . import parameters as p
from . import recipe_options as r
from . import space_options as x
from .batch_work import paint_batch
from .cluster_options import ClusterForPictures
from .network_options import spelled_defaults
from .presets import PresetName
from .style_options import StyleBlend, StyleScale, StyleSize
from .tasks import options_of

__all__ = ["batch"]

_DEFAULTS = Options()
_CONTENT_LAYERS, _STYLE_LAYERS = spelled_defaults()


def batch(
    context: typer.Context,
    paths: b.BatchPaths,
    style: b.BatchStyles,
    output: b.ResultFolder,
    recursive: b.Recursive = False,
    watch: b.Watch = False,
    recipe: r.RecipeFile = None,
    preset: PresetName = None,
    size: p.Size = str(_DEFAULTS.size),
    style_scale: StyleScale = str(_DEFAULTS.style_scale),
    style_size: StyleSize = _DEFAULTS.style_size,
    style_blend: StyleBlend = None,
    layer_styles: x.LayerStyles = None,
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
    time: b.BatchTime = None,
    model: p.Model = None,
    bundle: p.Bundle = None,
    trust: p.Trust = None,
    device: p.Device = "auto",
    precision: p.PrecisionName = "float32",
    threads: p.Threads = None,
    lowering: p.LoweringName = "auto",
    cluster: ClusterForPictures = None,
    format: b.ResultFormat = "png",
    overwrite: b.Overwrite = False,
    report: b.ReportFile = None,
    no_metadata: r.NoMetadata = False,
    quality: r.Quality = None,
    depth: r.Depth = 8,
    quiet: p.Quiet = False,
    debug: p.Debug = False,
) -> None:
    """Paint many photographs, each PATH, in the manner of one painting, or of several.

    Results that are there already are skipped; a picture that fails is told of, and the rest goes
    on. Ctrl-C ends the work; what is finished stays, and the same command goes on from there.
    """
    paint_batch(context, options_of(context, _DEFAULTS), paths, style, output)
