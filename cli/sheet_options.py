"""The options of sheets that other commands have not, or not in the same sense."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from .output_option import output_option
from .paths import path_of

__all__ = ["Page", "SheetIterations", "SheetOutput", "SheetSize"]

SheetSize: TypeAlias = Annotated[
    str,
    typer.Option(
        "--size",
        metavar="PIXELS|WxH",
        help="Longer side of each picture; or width and height.",
        rich_help_panel="Picture",
    ),
]
SheetIterations: TypeAlias = Annotated[
    str,
    typer.Option(
        "--iterations",
        metavar="N",
        help="Steps for each picture.",
        rich_help_panel="Optimiser",
    ),
]
SheetOutput: TypeAlias = Annotated[
    Path,
    output_option(what="Sheet to write; the suffix tells the format."),
]
Page: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--page",
        metavar="PATH",
        help="The same as a page (.html) that stands alone.",
        parser=path_of,
        show_default=False,
        rich_help_panel="Output",
    ),
]
