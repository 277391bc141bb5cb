"""`--output`, which every command that makes a picture has, each with a default of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer

from .paths import path_of

__all__ = ["output_option"]

_HELP = "Picture to write; the suffix tells the format: .png .jpg .webp .avif .tif .bmp"


def output_option(
    shown: str | bool = True, what: str = _HELP, parser: Callable[[str], Path] = path_of
) -> Any:
    """`--output`; `shown` is the default where it is not the parameter's own."""
    return typer.Option(
        "--output",
        "-o",
        metavar="PATH",
        help=what,
        parser=parser,
        show_default=shown,
        rich_help_panel="Output",
    )
