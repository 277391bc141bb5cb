"""Every option of more than one line: its spelling, its panel and its help.

Defaults are not here: they are those of `engine.options.Options`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from ..engine.devices import Precision
from ..engine.lowerings import Lowering
from ..engine.options import (
    DEFAULT_ITERATIONS,
    DEFAULT_STYLE_WEIGHTS,
    UNTOLD_ITERATIONS,
    Border,
    Formula,
    Optimizer,
    Pooling,
)
from .exits import show_tracebacks
from .network_options import (
    border_option,
    content_layer_option,
    model_option,
    pool_option,
    style_layer_option,
)
from .paths import path_of

__all__ = [
    "BorderKind",
    "Bundle",
    "Content",
    "ContentLayers",
    "ContentWeight",
    "Debug",
    "Device",
    "Init",
    "InitBlend",
    "InitNoise",
    "Iterations",
    "Json",
    "Levels",
    "LoweringName",
    "Model",
    "Objective",
    "OptimizerName",
    "Pool",
    "PrecisionName",
    "Quiet",
    "Seed",
    "Size",
    "Step",
    "StyleLayers",
    "StyleWeight",
    "Styles",
    "Threads",
    "Trust",
    "TvWeight",
]

_PICTURE, _LOOK, _OPTIMISER = "Picture", "Look", "Optimiser"
_MACHINE, _OUTPUT = "Machine", "Output"
_STEPS, _MORE_STEPS = (
    f"{','.join(map(str, coarse))}, then {finer}"
    for *coarse, finer in (DEFAULT_ITERATIONS, UNTOLD_ITERATIONS)
)

Content: TypeAlias = Annotated[
    Path,
    typer.Argument(metavar="CONTENT", help="The photograph.", parser=path_of, show_default=False),
]
Styles: TypeAlias = Annotated[
    list[Path],
    typer.Argument(
        metavar="STYLE",
        help="The painting, or a file of `impasto style save`; several are blended.",
        parser=path_of,
        show_default=False,
    ),
]

Size: TypeAlias = Annotated[
    str,
    typer.Option(
        "--size",
        metavar="PIXELS|WxH|P%",
        help="Longer side of the result; or width and height, which the picture then covers; or a "
        "percentage of the picture's.",
        rich_help_panel=_PICTURE,
    ),
]
Init: TypeAlias = Annotated[
    str,
    typer.Option(
        "--init",
        metavar="START",
        help="Where the canvas starts: content, style, noise, or the path of a picture.",
        rich_help_panel=_PICTURE,
    ),
]
InitBlend: TypeAlias = Annotated[
    float,
    typer.Option(
        "--init-blend",
        metavar="SHARE",
        help="Share of noise mixed into the start, 0 to 1.",
        rich_help_panel=_PICTURE,
    ),
]
InitNoise: TypeAlias = Annotated[
    float,
    typer.Option(
        "--init-noise",
        metavar="DEVIATION",
        help="How far noise strays from middle grey, 0 to 1 in brightness.",
        rich_help_panel=_PICTURE,
    ),
]
Seed: TypeAlias = Annotated[
    int,
    typer.Option(
        "--seed",
        metavar="NUMBER",
        help="The same seed, 0 or more, gives the same noise.",
        rich_help_panel=_PICTURE,
    ),
]

ContentWeight: TypeAlias = Annotated[
    float,
    typer.Option(
        "--content-weight",
        metavar="FACTOR",
        help="How much the photograph counts, 0 or more.",
        rich_help_panel=_LOOK,
    ),
]
StyleWeight: TypeAlias = Annotated[
    float | None,
    typer.Option(
        "--style-weight",
        metavar="FACTOR",
        help="How much the painting counts, 0 or more.",
        show_default=", ".join(f"{v:g} with {k}" for k, v in DEFAULT_STYLE_WEIGHTS.items()),
        rich_help_panel=_LOOK,
    ),
]
TvWeight: TypeAlias = Annotated[
    float,
    typer.Option(
        "--tv-weight",
        metavar="FACTOR",
        help="How much smoothness counts (total variation), 0 or more.",
        rich_help_panel=_LOOK,
    ),
]
ContentLayers: TypeAlias = Annotated[list[str], content_layer_option(_LOOK, "NAME[=WEIGHT]")]
StyleLayers: TypeAlias = Annotated[
    list[str], style_layer_option(_LOOK, "NAME[=WEIGHT]", "The weights are scaled to sum to 1.")
]
Pool: TypeAlias = Annotated[Pooling, pool_option(_LOOK)]
BorderKind: TypeAlias = Annotated[Border, border_option(_LOOK)]
Objective: TypeAlias = Annotated[
    Formula,
    typer.Option(
        "--objective",
        help="Formula of the loss: relative makes weights mean the same for every layer and size, "
        "gatys is that of the paper; neuralart and johnson belong to the presets of that name.",
        rich_help_panel=_LOOK,
    ),
]

Levels: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--levels",
        metavar="NUMBER",
        help="Scales from coarse to fine, 1 to 12.",
        show_default="down to --coarsest",
        rich_help_panel=_OPTIMISER,
    ),
]
Iterations: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--iterations",
        metavar="N[,N...]",
        help="Steps at each level: one number for all, or one for each from coarse to fine.",
        show_default=f"{_STEPS} each; {_MORE_STEPS} without content and with adam",
        rich_help_panel=_OPTIMISER,
    ),
]
OptimizerName: TypeAlias = Annotated[
    Optimizer,
    typer.Option(
        "--optimizer",
        help="lbfgs needs fewer steps, adam less memory.",
        rich_help_panel=_OPTIMISER,
    ),
]
Step: TypeAlias = Annotated[
    float,
    typer.Option(
        "--step",
        metavar="LENGTH",
        help="Step of adam, from 0 to 1 in brightness.",
        rich_help_panel=_OPTIMISER,
    ),
]

Model: TypeAlias = Annotated[str | None, model_option(_MACHINE)]
Bundle: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--bundle",
        metavar="PATH",
        help="Bundle made by `impasto export --bundle`, instead of a network. Layers, pooling and "
        "border are then its own where none are given.",
        parser=path_of,
        rich_help_panel=_MACHINE,
    ),
]
Trust: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--trust",
        metavar="SHA256|any",
        help="SHA-256 of a bundle that was made on another machine; any runs it unseen.",
        rich_help_panel=_MACHINE,
    ),
]
Device: TypeAlias = Annotated[
    str,
    typer.Option(
        "--device",
        metavar="DEVICE",
        help="auto (CUDA where it can be used), cpu, cuda or cuda:N.",
        rich_help_panel=_MACHINE,
    ),
]
PrecisionName: TypeAlias = Annotated[
    Precision,
    typer.Option(
        "--precision",
        help="Of products: tf32 is faster on CUDA and keeps 10 bits of each factor; the processor "
        "has float32 alone.",
        rich_help_panel=_MACHINE,
    ),
]
Threads: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--threads",
        metavar="NUMBER",
        help="Processors to use, 1 to 1024.",
        show_default="all that this process may use",
        rich_help_panel=_MACHINE,
    ),
]
LoweringName: TypeAlias = Annotated[
    Lowering,
    typer.Option(
        "--lowering",
        help="How convolutions are computed: as ONNX Runtime does (direct), with fewer "
        "multiplications (winograd: faster on processors, other rounding), or auto: winograd on "
        "the processor where no bundle runs.",
        rich_help_panel=_MACHINE,
    ),
]

Json: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--json", help="Print one JSON object on standard output.", rich_help_panel=_OUTPUT
    ),
]
Quiet: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--quiet", "-q", help="No progress and no summary; errors only.", rich_help_panel=_OUTPUT
    ),
]
Debug: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--debug",
        help="Show where an error came from.",
        is_eager=True,
        callback=show_tracebacks,
        rich_help_panel=_OUTPUT,
    ),
]
