"""`impasto compare-inits`: where the canvas starts decides much of where it ends."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..engine.options import Options
from . import parameters as p
from .network_options import spelled_defaults
from .paths import path_of
from .sheet_options import Page, SheetIterations, SheetOutput, SheetSize
from .sheet_work import Made, Part, write_sheet
from .style_options import StyleBlend, StyleScale, StyleSize
from .tasks import options_of

if TYPE_CHECKING:
    from ..engine.engine import Engine

__all__ = ["compare_inits"]

# At one scale: of several, the coarsest would have forgotten most of its start.
_DEFAULTS = Options(levels=1)
_CONTENT_LAYERS, _STYLE_LAYERS = spelled_defaults()
_BLEND = 0.5


def compare_inits(
    context: typer.Context,
    content: p.Content,
    style: p.Styles,
    start: Annotated[
        list[Path] | None,
        typer.Option(
            "--start",
            metavar="PATH",
            help="A picture to start from besides; can be given several times.",
            parser=path_of,
            show_default=False,
            rich_help_panel="Picture",
        ),
    ] = None,
    size: SheetSize = "256",
    style_scale: StyleScale = str(_DEFAULTS.style_scale),
    style_size: StyleSize = _DEFAULTS.style_size,
    style_blend: StyleBlend = None,
    seed: p.Seed = _DEFAULTS.seed,
    content_weight: p.ContentWeight = _DEFAULTS.content_weight,
    style_weight: p.StyleWeight = _DEFAULTS.style_weight,
    tv_weight: p.TvWeight = _DEFAULTS.tv_weight,
    content_layers: p.ContentLayers = _CONTENT_LAYERS,
    style_layers: p.StyleLayers = _STYLE_LAYERS,
    pool: p.Pool = _DEFAULTS.pool,
    border: p.BorderKind = _DEFAULTS.border,
    objective: p.Objective = _DEFAULTS.objective,
    iterations: SheetIterations = "100",
    optimizer: p.OptimizerName = _DEFAULTS.optimizer,
    step: p.Step = _DEFAULTS.step,
    model: p.Model = None,
    device: p.Device = "auto",
    threads: p.Threads = None,
    lowering: p.LoweringName = "auto",
    page: Page = None,
    output: SheetOutput = Path("inits.png"),
    json: p.Json = False,
    quiet: p.Quiet = False,
    debug: p.Debug = False,
) -> None:
    """Paint the same picture from different starts, with the same budget, on one sheet.

    Starts are noise, the photograph, half of each, and the painting; the curve under each picture
    is its loss, all on one scale.
    """
    options = options_of(context, _DEFAULTS)
    starts = [
        ("from noise", replace(options, init="noise")),
        ("from the photograph", replace(options, init="content")),
        ("from half of each", replace(options, init="content", init_blend=_BLEND)),
        ("from the painting", replace(options, init="style")),
        *((f"from {path.name}", replace(options, init=str(path))) for path in start or ()),
    ]

    def parts(engine: Engine) -> list[Part]:
        title = f"The same {iterations} steps from different starts"
        return [(title, [(label, _painted(content, style, asked)) for label, asked in starts])]

    pictures = [("content picture", content)]
    pictures += [("style picture", path) for path in style]
    pictures += [("initial picture", path) for path in start or ()]
    write_sheet(context, parts, pictures, output, page, with_curves=True)


def _painted(content: Path, styles: list[Path], options: Options) -> Made:
    return lambda engine, budget: engine.stylize(content, styles, options, **budget)
