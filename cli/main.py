"""The entry: puts the commands together, and ends the process with the right code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from functools import partial
from typing import Annotated, NoReturn

import typer

from .. import __version__
from .again import again
from .allocation import give_memory_back
from .batch import batch
from .bench import bench
from .compare_inits import compare_inits
from .console import emit
from .exits import exit_code_of
from .export import export
from .info import info
from .layers import layers
from .models import models
from .plan import plan
from .presets import presets
from .reconstruct import reconstruct
from .resume import resume
from .serve import serve
from .style import style
from .stylize import stylize
from .texture import texture

__all__ = ["app", "main"]

app = typer.Typer(
    name="impasto",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(stylize)
app.command()(batch)
app.command()(reconstruct)
app.command()(texture)
app.command()(layers)
app.command("compare-inits")(compare_inits)
app.command()(resume)
app.command()(again)
app.add_typer(style, name="style")
app.command()(plan)
app.command()(export)
app.add_typer(models, name="models")
app.command()(presets)
app.command()(bench)
app.command()(info)
app.command()(serve)

_BLAS_THREADS = (
    "BLIS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        emit(f"impasto {__version__}")
        raise typer.Exit


@app.callback()
def impasto(
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", is_eager=True, callback=_show_version),
    ] = False,
) -> None:
    """Paint a photograph in the manner of a painting: neural style transfer on ONNX Runtime."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and leave the process.

    Args:
        arguments: without the program's name; None takes those of the process.
    """
    give_memory_back()
    # Before NumPy is loaded, which reads them once: SciPy's L-BFGS-B with two BLAS threads
    # contends with ONNX Runtime's threads, and takes ten times longer for each step (measured).
    for name in _BLAS_THREADS:
        os.environ.setdefault(name, "1")
    # Before ONNX Runtime is loaded, which would open a file of events for its maker.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    # With it ONNX Runtime takes its options from a model, and none of ours.
    os.environ.pop("ORT_LOAD_CONFIG_FROM_MODEL", None)
    given = sys.argv[1:] if arguments is None else list(arguments)
    run = partial(app, given, prog_name="impasto", standalone_mode=False, obj=given)
    sys.exit(exit_code_of(run))
