"""`impasto models`: the networks at hand, what each of them is, and how to get more."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import parameters as p
from .console import emit, emit_json, is_terminal, one_line, say

if TYPE_CHECKING:
    from ..models.store import ModelInfo

__all__ = ["models"]

models = typer.Typer(help="List the networks, show one, download one.", rich_markup_mode="rich")

_HEADINGS = ("name", "state", "size", "layers", "licence", "origin")
_IN_TABLE = 4  # of the headings: the others would not fit into the usual 80 columns


@models.callback(invoke_without_command=True)
def list_models(context: typer.Context, json: p.Json = False, debug: p.Debug = False) -> None:
    """List the networks; `models show` tells all of one, `models pull` downloads one."""
    if context.invoked_subcommand is None:
        _list(json)


@models.command("list", hidden=True)
def list_by_name(json: p.Json = False, debug: p.Debug = False) -> None:
    """List the networks, as `impasto models` does."""
    _list(json)


def _list(json: bool) -> None:
    from ..models.store import available

    known = available()
    if json:
        emit_json({"models": [_record(model) for model in known]})
    elif is_terminal(sys.stdout):
        _print_table(known)
    else:
        _print_columns(known)


@models.command()
def show(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME|PATH",
            help="A name that the list shows, or a file made by `impasto export`.",
            show_default=False,
        ),
    ],
    json: p.Json = False,
    debug: p.Debug = False,
) -> None:
    """Tell all that is known of one network: layers, origin and licence above all.

    A file is not loaded for it, and no network is run.
    """
    from ..models.store import describe

    record = _record(describe(name))
    if json:
        emit_json(record)
        return
    width = max(map(len, record))
    for key, value in record.items():
        text = ", ".join(value) if isinstance(value, list) else str(value or "unknown")
        emit(f"{key:{width}}  {one_line(text)}")


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
    cells = (model.name, model.state, size, layers, model.licence, model.origin)
    return tuple(map(one_line, cells))


def _print_table(known: list[ModelInfo]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table()
    for heading in _HEADINGS[:_IN_TABLE]:
        # A path may be broken, a name may not.
        table.add_column(heading, overflow="fold", no_wrap=heading in ("state", "size"))
    names = (len(model.name) for model in known if model.state != "file")
    table.columns[0].min_width = max(names, default=0)
    for model in known:
        # As plain text: what a file says of itself may look like markup.
        table.add_row(*map(Text, _cells(model)[:_IN_TABLE]))
    Console().print(table)
    emit("Licence and origin: `impasto models show NAME`, or --json for all.")


def _print_columns(known: list[ModelInfo]) -> None:
    rows = [_HEADINGS, *map(_cells, known)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        emit("  ".join(padded).rstrip())
