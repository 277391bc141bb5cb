"""The options of `batch` that other commands have not, or not in the same sense."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer

from .paths import path_of

__all__ = [
    "BatchPaths",
    "BatchStyles",
    "BatchTime",
    "Overwrite",
    "Recursive",
    "ReportFile",
    "ResultFolder",
    "ResultFormat",
    "Watch",
]

_PICTURE, _OUTPUT = "Picture", "Output"

BatchPaths: TypeAlias = Annotated[
    list[Path],
    typer.Argument(
        metavar="PATH",
        help="Photographs: files, folders with pictures in them, or patterns such as 'day?/*.jpg'.",
        parser=path_of,
        show_default=False,
    ),
]
BatchStyles: TypeAlias = Annotated[
    list[Path],
    typer.Option(
        "--style",
        metavar="STYLE",
        help="The painting for all of them; several are blended.",
        parser=path_of,
        show_default=False,
        rich_help_panel=_PICTURE,
    ),
]
Recursive: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--recursive",
        help="Take the pictures in folders inside the folders too.",
        rich_help_panel=_PICTURE,
    ),
]
BatchTime: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--time",
        metavar="TIME",
        help="End each picture after so long with the best so far, such as 90s, 2m or 1h30m.",
        show_default="as long as all steps take",
        rich_help_panel="Memory, time and safety",
    ),
]
ResultFolder: TypeAlias = Annotated[
    Path,
    typer.Option(
        "--output",
        "-o",
        metavar="FOLDER",
        help="Folder for the results, each with the name of its photograph; made if it is not "
        "there.",
        parser=path_of,
        show_default=False,
        rich_help_panel=_OUTPUT,
    ),
]
ResultFormat: TypeAlias = Annotated[
    Literal["png", "jpg", "webp", "avif", "tif", "bmp"],
    typer.Option("--format", help="Format of the results.", rich_help_panel=_OUTPUT),
]
Watch: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--watch",
        help="Wait for pictures that come into the folders, and make each as soon as nobody writes "
        "to it any more; Ctrl-C ends it.",
        rich_help_panel=_PICTURE,
    ),
]
Overwrite: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--overwrite",
        help="Make results anew that are there already, which are else skipped.",
        rich_help_panel=_OUTPUT,
    ),
]
ReportFile: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--report",
        metavar="FILE.jsonl",
        help="Add a line of JSON for each picture to this file, as soon as it is done.",
        parser=path_of,
        show_default=False,
        rich_help_panel=_OUTPUT,
    ),
]
