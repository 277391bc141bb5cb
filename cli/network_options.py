"""The options that `stylize` and `export` share: which network, and where in it to compare.

Each stands in the panel of its command; `shown` is the default where it is not the parameter's own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from ..engine.options import DEFAULT_CONTENT_LAYERS, DEFAULT_STYLE_LAYERS
from .parsing import spelled_layers

__all__ = [
    "border_option",
    "content_layer_option",
    "left_open",
    "model_option",
    "pool_option",
    "spelled_defaults",
    "style_layer_option",
]


def content_layer_option(panel: str, metavar: str, shown: str | bool = True) -> Any:
    """`--content-layer`."""
    return typer.Option(
        "--content-layer",
        metavar=metavar,
        help="Layer where the content is compared; can be given several times.",
        show_default=shown,
        rich_help_panel=panel,
    )


def style_layer_option(panel: str, metavar: str, more: str = "", shown: str | bool = True) -> Any:
    """`--style-layer`; `more` goes on after its help."""
    return typer.Option(
        "--style-layer",
        metavar=metavar,
        help=f"Layer where the style is compared; can be given several times. {more}".rstrip(),
        show_default=shown,
        rich_help_panel=panel,
    )


def pool_option(panel: str, shown: str | bool = True) -> Any:
    """`--pool`."""
    return typer.Option(
        "--pool",
        help="Pooling inside the network: max as it was trained, or average for smoother strokes.",
        show_default=shown,
        rich_help_panel=panel,
    )


def border_option(panel: str, shown: str | bool = True, can_wrap: bool = True) -> Any:
    """`--border`; of bundles, it cannot wrap."""
    return typer.Option(
        "--border",
        help="What the network sees around the picture: replicate is its outermost pixels again, "
        "reflect those next to them, zeros is the paper's mean colour, which leaves a frame"
        + (
            "; wrap is its opposite side, so that copies of the result join without a seam."
            if can_wrap
            else "."
        ),
        show_default=shown,
        rich_help_panel=panel,
    )


def model_option(panel: str) -> Any:
    """`--model`."""
    return typer.Option(
        "--model",
        metavar="NAME|PATH",
        help="Network: a name that `impasto models` lists, or a file made by `impasto export`.",
        show_default="the embedded one",
        rich_help_panel=panel,
    )


def spelled_defaults() -> tuple[list[str], list[str]]:
    """Content and style layers where none are given, as the command line spells them."""
    return spelled_layers(DEFAULT_CONTENT_LAYERS), spelled_layers(DEFAULT_STYLE_LAYERS)


def left_open(context: typer.Context, bundle: Path | None) -> list[str]:
    """Names of the options that a bundle decides: it was made for one choice of them."""
    return [
        name
        for name in ("content_layers", "style_layers", "pool", "border")
        if bundle is not None
        and getattr(context.get_parameter_source(name), "name", "") == "DEFAULT"
    ]
