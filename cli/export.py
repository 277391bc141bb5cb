"""`impasto export`: a network file of a checkpoint, or a bundle of a network and its programs."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import typer

from ..engine.errors import OptionsError, OutputError
from ..engine.options import Options, Pooling
from ..export.choices import Family, Preprocessing
from . import parameters as p
from .console import emit, emit_json, say
from .exporting import bundle_of, network_file_of
from .network_options import (
    border_option,
    content_layer_option,
    model_option,
    pool_option,
    style_layer_option,
)
from .paths import path_of, refuse_to_replace

__all__ = ["export"]

_NETWORK, _BUNDLE = "Network file", "Bundle"
_DEFAULTS = Options()


def export(
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help="File to write.",
            parser=path_of,
            rich_help_panel="Output",
        ),
    ],
    source: Annotated[
        Path | None,
        typer.Argument(
            metavar="SOURCE",
            help="Checkpoint of a VGG: .pth, .safetensors, .npz, .h5 or .onnx.",
            parser=path_of,
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
    model: Annotated[str | None, model_option(_BUNDLE)] = None,
    content_layers: Annotated[
        list[str] | None,
        content_layer_option(_BUNDLE, "NAME", shown=", ".join(_DEFAULTS.content_layers)),
    ] = None,
    style_layers: Annotated[
        list[str] | None,
        style_layer_option(_BUNDLE, "NAME", shown=", ".join(_DEFAULTS.style_layers)),
    ] = None,
    pool: Annotated[Pooling | None, pool_option(_BUNDLE, shown=_DEFAULTS.pool)] = None,
    border: Annotated[
        Literal["replicate", "reflect", "zeros"] | None,
        border_option(_BUNDLE, _DEFAULTS.border, can_wrap=False),
    ] = None,
    json: p.Json = False,
    debug: p.Debug = False,
) -> None:
    """Make a network file of a checkpoint, or a bundle of a network.

    A network file is plain ONNX; a bundle also holds the programs of the loss and its gradient.
    """
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
    refuse_to_replace(output, [source, model])
    check_writable(output)
    if bundle:
        options = Options(
            content_layers=dict.fromkeys(content_layers or _DEFAULTS.content_layers, 1.0),
            style_layers=dict.fromkeys(style_layers or _DEFAULTS.style_layers, 1.0),
            pool=pool or _DEFAULTS.pool,
            border=border or _DEFAULTS.border,
        )
        data, told = bundle_of(model, options)
    else:
        from ..export.importing import import_network, import_torchvision

        if source is None:
            network = import_torchvision(
                family or "vgg19", origin=origin, licence=licence, up_to=up_to
            )
        else:
            network = import_network(
                source,
                family,
                origin=origin,
                licence=licence,
                up_to=up_to,
                preprocessing=preprocessing,
            )
        data, told = network_file_of(network, half)
    write_atomic(output, data)
    if bundle:
        _remember(data, told["sha256"])
    told = {"output": str(output), **told}
    if json:
        emit_json(told)
        return
    count = len(told["layers"])
    emit(f"{output}: {count} layers, {told['bytes']} bytes, SHA-256 {told['sha256']}")
    if bundle:
        run = ["impasto", "stylize", "CONTENT", "STYLE", "--bundle", str(output)]
        emit(shlex.join([*run, "--trust", told["sha256"]]))


def _remember(bundle: bytes, sha256: str) -> None:
    """Trust the bundle on this machine; it is good without that, and can be run with its hash."""
    from ..engine.bundle import remember_bundle

    try:
        remember_bundle(bundle)
    except OutputError as error:
        say(f"the bundle is not remembered as made here: run it with --trust {sha256} ({error})")


def _refuse(options: Mapping[str, object], where: str) -> None:
    for name, value in options.items():
        if value:
            raise OptionsError(f"{name} has no meaning {where}")
