"""`impasto layers`: what each layer of the network sees."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..engine.errors import OptionsError
from ..engine.options import DEFAULT_STYLE_LAYERS, Options
from ..engine.tasks import RECONSTRUCTION, TEXTURE
from . import parameters as p
from .paths import path_of
from .sheet_options import Page, SheetIterations, SheetOutput, SheetSize
from .sheet_work import Made, Part, write_sheet
from .tasks import options_of

if TYPE_CHECKING:
    from ..engine.engine import Engine

__all__ = ["layers"]

_CONTENT = RECONSTRUCTION
# At one scale, as in the paper: a coarser one would bring forms that low layers do not know.
_STYLE = replace(TEXTURE, levels=1)
_CONTENT_LAYERS = ("relu1_2", "relu2_2", "relu3_2", "relu4_2", "relu5_1")


def layers(
    context: typer.Context,
    content: p.Content,
    style: Annotated[
        Path | None,
        typer.Argument(
            metavar="[STYLE]",
            help="The painting; without one there is the photograph's row alone.",
            parser=path_of,
            show_default=False,
        ),
    ] = None,
    size: SheetSize = "192",
    seed: p.Seed = _CONTENT.seed,
    pool: p.Pool = _CONTENT.pool,
    border: p.BorderKind = _CONTENT.border,
    iterations: SheetIterations = str(_CONTENT.iterations),
    optimizer: p.OptimizerName = _CONTENT.optimizer,
    step: p.Step = _CONTENT.step,
    model: p.Model = None,
    device: p.Device = "auto",
    threads: p.Threads = None,
    lowering: p.LoweringName = "auto",
    page: Page = None,
    output: SheetOutput = Path("layers.png"),
    json: p.Json = False,
    quiet: p.Quiet = False,
    debug: p.Debug = False,
) -> None:
    """Show what each layer of the network sees, as Figure 1 of the paper does.

    One row rebuilds the photograph from each layer alone: the higher, the less detail. The other
    rebuilds the painting's style from more and more layers: the more, the larger its forms.
    """
    seen, painted = options_of(context, _CONTENT), options_of(context, _STYLE)
    if style is not None and isinstance(painted.size, float):
        raise OptionsError("size cannot be a fraction: the pictures of a sheet have one size")

    def parts(engine: Engine) -> list[Part]:
        rows = [
            (
                "Content: the photograph, from one layer",
                [
                    (name, _content(content, replace(seen, content_layers={name: 1.0})))
                    for name in _known(_CONTENT_LAYERS, engine)
                ],
            )
        ]
        if style is not None:
            sets = accumulate([name] for name in _known(DEFAULT_STYLE_LAYERS, engine))
            rows.append(
                (
                    "Style: the painting, from more and more layers",
                    [
                        (
                            names[0] if len(names) == 1 else f"and {names[-1]}",
                            _style(style, replace(painted, style_layers=dict.fromkeys(names, 1.0))),
                        )
                        for names in sets
                    ],
                )
            )
        return list(rows)

    pictures = [("content picture", content)]
    if style is not None:
        pictures.append(("style picture", style))
    write_sheet(context, parts, pictures, output, page, with_curves=False)


def _known(names: Iterable[str], engine: Engine) -> list[str]:
    """Those that the network has; if it has none, its own words say so."""
    return [name for name in names if name in engine.layers] or list(names)


def _content(picture: Path, options: Options) -> Made:
    return lambda engine, budget: engine.reconstruct(picture, options, **budget)


def _style(picture: Path, options: Options) -> Made:
    return lambda engine, budget: engine.texture(picture, options, **budget)
