"""Options of recipes, and of what a picture's file is like."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from .paths import path_of
from .recipe import take_recipe

__all__ = ["Depth", "NoMetadata", "Quality", "RecipeFile", "SaveRecipe"]

_PICTURE, _OUTPUT = "Picture", "Output"

RecipeFile: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--recipe",
        metavar="PATH",
        help="Take what is not said here from a TOML file, before any preset.",
        parser=path_of,
        is_eager=True,
        callback=take_recipe,
        show_default=False,
        rich_help_panel=_PICTURE,
    ),
]
SaveRecipe: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--save-recipe",
        metavar="PATH",
        help="Write all options of this run to a TOML file, for --recipe.",
        parser=path_of,
        show_default=False,
        rich_help_panel=_OUTPUT,
    ),
]
Quality: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--quality",
        metavar="NUMBER",
        help="Of a JPEG, WebP or AVIF, 1 to 100.",
        show_default="95",
        rich_help_panel=_OUTPUT,
    ),
]
Depth: TypeAlias = Annotated[
    int,
    typer.Option(
        "--depth",
        metavar="8|16",
        help="Bits of each colour of a pixel; 16 for a PNG or TIFF.",
        rich_help_panel=_OUTPUT,
    ),
]
NoMetadata: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--no-metadata",
        help="Leave out of the picture how it was made; `impasto info` and `impasto again` cannot "
        "tell it then.",
        rich_help_panel=_OUTPUT,
    ),
]
