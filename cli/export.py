"""`impasto export`: a network file of a checkpoint, or a bundle of a network and its programs."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import typer

from ..engine.errors import OptionsError
from ..engine.options import Border, Options, Pooling
from . import parameters as p
from .console import emit, emit_json
from .exporting import (
    Family,
    Preprocessing,
    bundle_of,
    from_checkpoint,
    from_torchvision,
    network_file_of,
)

__all__ = ["export"]

_NETWORK, _BUNDLE = "Network file", "Bundle"
_DEFAULTS = Options()


def export(
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="PATH", help="File to write.", rich_help_panel="Output"
        ),
    ],
    source: Annotated[
        Path | None,
        typer.Argument(
            metavar="SOURCE",
            help="Checkpoint of a VGG: .pth, .safetensors, .npz, .h5 or .onnx.",
            show_default=False,
        ),
    ] = None,
    package: Annotated[
        Literal["torchvision"] | None,
        typer.Option(
            "--from",
            help="Take the weights from an installed package, instead of SOURCE.",
            rich_help_panel=_NETWORK,
        ),
    ] = None,
    family: Annotated[
        Family | None,
        typer.Option(
            "--family",
            help="Which VGG it is; a network file knows it.",
            show_default="vgg19 for torchvision",
            rich_help_panel=_NETWORK,
        ),
    ] = None,
    preprocessing: Annotated[
        Preprocessing | None,
        typer.Option(
            "--preprocessing",
            help="How it was trained: torch for RGB of unit variance, caffe for BGR in 0..255.",
            show_default="caffe for .h5 and .onnx, else torch",
            rich_help_panel=_NETWORK,
        ),
    ] = None,
    up_to: Annotated[
        str | None,
        typer.Option(
            "--up-to",
            metavar="LAYER",
            help="Last layer to keep, such as relu5_1.",
            show_default="all",
            rich_help_panel=_NETWORK,
        ),
    ] = None,
    half: Annotated[
        bool,
        typer.Option("--half", help="Store float16: half the bytes.", rich_help_panel=_NETWORK),
    ] = False,
    origin: Annotated[
        str,
        typer.Option(
            "--origin",
            metavar="TEXT",
            help="Where the weights come from, for people.",
            rich_help_panel=_NETWORK,
        ),
    ] = "",
    licence: Annotated[
        str,
        typer.Option(
            "--licence",
            metavar="TEXT",
            help="What may be done with the weights, for people.",
            rich_help_panel=_NETWORK,
        ),
    ] = "",
    bundle: Annotated[
        bool,
        typer.Option(
            "--bundle",
            help="Write a bundle, which runs without onnx, for one choice of layers and pooling.",
            rich_help_panel=_BUNDLE,
        ),
    ] = False,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="NAME|PATH",
            help="Network to bundle.",
            show_default="the embedded one",
            rich_help_panel=_BUNDLE,
        ),
    ] = None,
    content_layers: Annotated[
        list[str] | None,
        typer.Option(
            "--content-layer",
            metavar="NAME",
            help="Layer where the content is compared; can be given several times.",
            show_default=", ".join(_DEFAULTS.content_layers),
            rich_help_panel=_BUNDLE,
        ),
    ] = None,
    style_layers: Annotated[
        list[str] | None,
        typer.Option(
            "--style-layer",
            metavar="NAME",
            help="Layer where the style is compared; can be given several times.",
            show_default=", ".join(_DEFAULTS.style_layers),
            rich_help_panel=_BUNDLE,
        ),
    ] = None,
    pool: Annotated[
        Pooling | None,
        typer.Option(
            "--pool",
            help="Pooling inside the network.",
            show_default=_DEFAULTS.pool,
            rich_help_panel=_BUNDLE,
        ),
    ] = None,
    border: Annotated[
        Border | None,
        typer.Option(
            "--border",
            help="What the network sees around the picture.",
            show_default=_DEFAULTS.border,
            rich_help_panel=_BUNDLE,
        ),
    ] = None,
    json: p.Json = False,
    debug: p.Debug = False,
) -> None:
    """Make a network file of a checkpoint, or a bundle of a network.

    A network file is plain ONNX; a bundle also holds the programs of the loss and its gradient.
    """
    from ..engine.bundle import remember_bundle
    from ..engine.files import check_writable, write_atomic

    for_networks = {
        "SOURCE": source,
        "--from": package,
        "--family": family,
        "--preprocessing": preprocessing,
        "--up-to": up_to,
        "--half": half,
        "--origin": origin,
        "--licence": licence,
    }
    for_bundles = {
        "--model": model,
        "--content-layer": content_layers,
        "--style-layer": style_layers,
        "--pool": pool,
        "--border": border,
    }
    if bundle:
        _refuse(for_networks, "with --bundle")
    else:
        _refuse(for_bundles, "without --bundle")
        if (source is None) == (package is None):
            raise OptionsError("give either a checkpoint file or --from torchvision")
        if package is not None:
            _refuse({"--preprocessing": preprocessing}, "with --from torchvision")
    check_writable(output)
    if bundle:
        options = Options(
            content_layers=dict.fromkeys(content_layers or _DEFAULTS.content_layers, 1.0),
            style_layers=dict.fromkeys(style_layers or _DEFAULTS.style_layers, 1.0),
            pool=pool or _DEFAULTS.pool,
            border=border or _DEFAULTS.border,
        )
        data, told = bundle_of(model, options)
        write_atomic(output, data)
        remember_bundle(data)
    else:
        if source is None:
            network = from_torchvision(family or "vgg19", up_to, origin, licence)
        else:
            network = from_checkpoint(source, family, up_to, preprocessing, origin, licence)
        data, told = network_file_of(network, half)
        write_atomic(output, data)
    told = {"output": str(output), **told}
    if json:
        emit_json(told)
        return
    count = len(told["layers"])
    emit(f"{output}: {count} layers, {told['bytes']} bytes, SHA-256 {told['sha256']}")
    if bundle:
        emit(_how_to_run(output, told["sha256"], options))


def _how_to_run(output: Path, sha256: str, options: Options) -> str:
    """The command that runs the bundle, asking for just what the bundle was made for."""
    words = ["impasto", "stylize", "CONTENT", "STYLE", "--bundle", str(output), "--trust", sha256]
    for option, chosen, default in (
        ("--content-layer", options.content_layers, _DEFAULTS.content_layers),
        ("--style-layer", options.style_layers, _DEFAULTS.style_layers),
        ("--pool", [options.pool], [_DEFAULTS.pool]),
        ("--border", [options.border], [_DEFAULTS.border]),
    ):
        if chosen != default:
            words += [word for value in chosen for word in (option, value)]
    return shlex.join(words)


def _refuse(options: Mapping[str, object], where: str) -> None:
    for name, value in options.items():
        if value:
            raise OptionsError(f"{name} has no meaning {where}")
