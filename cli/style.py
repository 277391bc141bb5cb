"""`impasto style`: files that hold a painting, and what a network saw of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..engine.errors import UnsupportedImage
from ..engine.options import Options
from . import keeping_options as k
from . import loss_options as o
from . import parameters as p
from .console import emit, emit_json, one_line, say
from .exits import EXIT_OF_STOP
from .network_options import spelled_defaults
from .parsing import parse_bytes
from .paths import path_of, refuse_to_replace
from .signals import Signals
from .tasks import engine_of, options_of

if TYPE_CHECKING:
    from ..engine.known_targets import KnownTargets
    from ..engine.stop import Stop

__all__ = ["style"]

style = typer.Typer(
    help="Save a painting with what a network saw of it; show such a file.",
    rich_markup_mode="rich",
    no_args_is_help=True,
)

_DEFAULTS = Options()
_, _STYLE_LAYERS = spelled_defaults()


@style.command()
def save(
    context: typer.Context,
    painting: Annotated[
        Path,
        typer.Argument(metavar="STYLE", help="The painting.", parser=path_of, show_default=False),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help="Style file to write, with the suffix .style.",
            parser=path_of,
            show_default="STYLE.style in this folder",
            rich_help_panel="Output",
        ),
    ] = None,
    sizes: Annotated[
        list[int],
        typer.Option(
            "--size",
            metavar="PIXELS",
            min=1,
            help="Longer side of results that are to begin sooner; can be given several times.",
            rich_help_panel="Picture",
        ),
    ] = [512],  # noqa: B006 - Typer copies it
    style_scale: Annotated[
        str,
        typer.Option(
            "--style-scale",
            metavar="FACTOR",
            help="With which they are to be made, 1/16 to 16.",
            rich_help_panel="Picture",
        ),
    ] = str(_DEFAULTS.style_scale),
    style_layers: p.StyleLayers = _STYLE_LAYERS,
    style_loss: o.StyleLossName = _DEFAULTS.style_loss,
    pool: p.Pool = _DEFAULTS.pool,
    border: p.BorderKind = _DEFAULTS.border,
    levels: p.Levels = _DEFAULTS.levels,
    coarsest: o.Coarsest = _DEFAULTS.coarsest,
    level_factor: o.LevelFactor = _DEFAULTS.level_factor,
    memory: k.Memory = None,
    model: p.Model = None,
    device: p.Device = "auto",
    threads: p.Threads = None,
    lowering: p.LoweringName = "auto",
    json: p.Json = False,
    quiet: p.Quiet = False,
    debug: p.Debug = False,
) -> None:
    """Write STYLE and its targets into one file, which serves wherever a painting does.

    With options that it was not made for it serves as well, and begins no sooner than the painting.
    """
    from ..engine.files import check_writable
    from ..engine.stop import Stopped

    options = options_of(context, _DEFAULTS)
    budget = None if memory is None else parse_bytes(memory)
    output = output or Path(f"{painting.stem}.style")
    check_writable(output)
    refuse_to_replace(output, [painting, model])
    opened = engine_of(context)

    def work(stop: Stop) -> KnownTargets:
        return opened().save_style(painting, output, options, sizes=sizes, memory=budget, stop=stop)

    with Signals() as signals:
        try:
            known = signals.run(work)
        except Stopped as stopped:
            say(f"{stopped}: no style file was written")
            raise typer.Exit(EXIT_OF_STOP[str(stopped)]) from stopped
    if json:
        emit_json({"output": str(output), **_record(known)})
    elif not quiet:
        say(f"{output}: {_summary(known)}")


@style.command()
def show(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="A file of `impasto style save`.",
            parser=path_of,
            show_default=False,
        ),
    ],
    json: p.Json = False,
    debug: p.Debug = False,
) -> None:
    """Tell what a style file holds: its painting, and which targets of which network."""
    from ..engine.images import read_header
    from ..engine.style_source import known_of

    known = known_of(file)
    if known is None:
        raise UnsupportedImage(f"{str(file)!r} is a picture, and no style file")
    height, width = read_header(file, None, "style picture").shape[:2]
    record = {"width": width, "height": height, **_record(known)}
    if json:
        emit_json(record)
        return
    rows = {
        "picture": f"{width} x {height}",
        "network": f"{known.model} ({known.fingerprint[:12]})",
        "style scale": f"{known.scale:g}",
        "targets": _summary(known),
    }
    for name, value in rows.items():
        emit(f"{name:11}  {one_line(value)}")


def _record(known: KnownTargets) -> dict[str, Any]:
    return {
        "model": known.model,
        "fingerprint": known.fingerprint,
        "style_scale": known.scale,
        "bytes": known.nbytes,
        "looks": [
            {
                "height": look.size[0],
                "width": look.size[1],
                "pool": look.pool,
                "border": look.border,
                "statistics": list(look.grams),
            }
            for look in known.looks
        ],
    }


def _summary(known: KnownTargets) -> str:
    if not known.looks:
        return "none"
    sizes = ", ".join(str(max(look.size)) for look in known.looks)
    layers = ", ".join(name for name in known.looks[0].grams if not name.endswith(".mean"))
    return f"at {sizes} pixels, of {layers} in {known.model}, {known.nbytes / 1e6:.1f} MB"
