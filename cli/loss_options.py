"""Options of what is compared, and of the scales that a canvas goes through."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

from ..engine.options import StyleLoss, Variation

__all__ = ["BalanceGradients", "Coarsest", "LevelFactor", "StyleFalloff", "StyleLossName", "TvLoss"]

_LOOK, _OPTIMISER = "Look", "Optimiser"

StyleLossName: TypeAlias = Annotated[
    StyleLoss,
    typer.Option(
        "--style-loss",
        help="What is compared of style layers: gram, Gram matrices, as in the paper; moments, "
        "mean and deviation of each channel; wasserstein, the distance of normal distributions.",
        rich_help_panel=_LOOK,
    ),
]
StyleFalloff: TypeAlias = Annotated[
    float,
    typer.Option(
        "--style-falloff",
        metavar="FACTOR",
        help="Weight of each style layer as a multiple of the one before, 0.01 to 100: below 1 "
        "fine strokes count for more, above 1 large forms.",
        rich_help_panel=_LOOK,
    ),
]
BalanceGradients: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--balance-gradients",
        help="Let all style layers, and all content layers, pull as strongly as their weights say: "
        "measured where each scale starts, with an evaluation for each layer.",
        rich_help_panel=_LOOK,
    ),
]
TvLoss: TypeAlias = Annotated[
    Variation,
    typer.Option(
        "--tv-loss",
        help="What the total variation counts of neighbouring pixels: their squared difference, or "
        "the absolute one, which leaves edges.",
        rich_help_panel=_LOOK,
    ),
]
Coarsest: TypeAlias = Annotated[
    int,
    typer.Option(
        "--coarsest",
        metavar="PIXELS",
        help="Longer side that the coarsest scale has at least, where --levels is not given.",
        rich_help_panel=_OPTIMISER,
    ),
]
LevelFactor: TypeAlias = Annotated[
    float,
    typer.Option(
        "--level-factor",
        metavar="FACTOR",
        help="How much larger each scale is than the one before, 1.1 to 4.",
        rich_help_panel=_OPTIMISER,
    ),
]
