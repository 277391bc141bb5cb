"""Options of what is kept of the way to a picture; what they ask for becomes a `Watching`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from .paths import path_of

__all__ = ["Animate", "Plot", "ReportPage", "SaveEvery"]

_WATCHING = "Watching"

SaveEvery: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--save-every",
        metavar="STEPS",
        help="Save the canvas after so many steps each, beside the result: of art.png as "
        "art.0001.png, art.0002.png and so on.",
        show_default=False,
        rich_help_panel=_WATCHING,
    ),
]
Animate: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--animate",
        metavar="PATH",
        help="Animation of the way to the result, of at most 120 frames: .gif or .webp, or .mp4 "
        r"with `impasto\[video]`.",
        parser=path_of,
        show_default=False,
        rich_help_panel=_WATCHING,
    ),
]
Plot: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--plot",
        metavar="PATH",
        help=r"Curves of the loss and its terms: .svg or .png, with `impasto\[plot]`.",
        parser=path_of,
        show_default=False,
        rich_help_panel=_WATCHING,
    ),
]
ReportPage: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--report",
        metavar="PATH",
        help="Page (.html) that stands alone: pictures, a slider between before and after, "
        "curves, all settings and the command.",
        parser=path_of,
        show_default=False,
        rich_help_panel=_WATCHING,
    ),
]
