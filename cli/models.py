"""`impasto models`: the networks that have a name, and how to get them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import parameters as p
from .console import emit, emit_json, is_terminal, say

if TYPE_CHECKING:
    from ..models.store import ModelInfo

__all__ = ["models"]

models = typer.Typer(
    help="List the networks; `impasto models pull NAME` downloads one.", rich_markup_mode="rich"
)

_HEADINGS = ("name", "state", "size", "layers", "licence", "origin")


@models.callback(invoke_without_command=True)
def list_models(context: typer.Context, json: p.Json = False, debug: p.Debug = False) -> None:
    """List the networks; `impasto models pull NAME` downloads one."""
    if context.invoked_subcommand is not None:
        return
    from ..models.store import available

    known = available()
    if json:
        emit_json({"models": [_record(model) for model in known]})
    elif is_terminal(sys.stdout):
        _print_table(known)
    else:
        _print_columns(known)


@models.command()
def pull(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="A name that the list shows.", show_default=False),
    ],
    debug: p.Debug = False,
) -> None:
    """Download a network, check it, and keep it in the cache folder.

    A download that was stopped goes on where it ended.
    """
    from ..models.download import pull
    from .progress import download_bar

    with download_bar(name) as report:
        path = pull(name, report)
    say(f"{name} is at {path}")


def _record(model: ModelInfo) -> dict[str, Any]:
    return {
        "name": model.name,
        "state": model.state,
        "path": None if model.path is None else str(model.path),
        "bytes": model.bytes,
        "family": model.family,
        "layers": list(model.layers),
        "licence": model.licence,
        "origin": model.origin,
    }


def _cells(model: ModelInfo) -> tuple[str, ...]:
    size = f"{model.bytes / 1e6:.0f} MB"
    layers = f"{model.layers[0]} .. {model.layers[-1]}"
    return model.name, model.state, size, layers, model.licence, model.origin


def _print_table(known: list[ModelInfo]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table()
    for heading in _HEADINGS:
        # A name or an address that was cut could not be used.
        table.add_column(heading, overflow="fold", no_wrap=heading in ("name", "state", "size"))
    for model in known:
        table.add_row(*_cells(model))
    Console().print(table)


def _print_columns(known: list[ModelInfo]) -> None:
    rows = [_HEADINGS, *map(_cells, known)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        emit("  ".join(padded).rstrip())
