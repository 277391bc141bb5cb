"""`impasto info`: what is installed, for people and reports of defects; or of one picture."""

from __future__ import annotations

import platform
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any

import typer

from .. import __version__
from ..engine.errors import RuntimeMissing
from . import parameters as p
from .console import emit, emit_json
from .paths import path_of
from .picture_info import tell_picture

__all__ = ["info"]

_PACKAGES = ("numpy", "scipy", "pillow", "onnx")


def info(
    picture: Annotated[
        Path | None,
        typer.Argument(
            metavar="[PICTURE]",
            help="A picture that Impasto made.",
            parser=path_of,
            show_default=False,
        ),
    ] = None,
    json: p.Json = False,
    debug: p.Debug = False,
) -> None:
    """Show versions, devices, processors, networks and folders; or how a picture was made."""
    if picture is not None:
        tell_picture(picture, json)
        return
    found = _found()
    if json:
        emit_json(found)
        return
    width = max(map(len, found))
    for name, value in found.items():
        emit(f"{name.replace('_', ' '):{width}}  {_text(value)}")


def _found() -> dict[str, Any]:
    from ..engine.cpus import usable_cpus
    from ..engine.runtime import runtime_info
    from ..models.store import available, cache_folder

    try:
        runtime = runtime_info()
    except RuntimeMissing as error:
        runtime = {"version": None, "providers": [], "hint": str(error)}
    found = {
        "impasto": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        **{package: _version(package) for package in _PACKAGES},
        "onnxruntime": runtime["version"],
        "providers": runtime["providers"],
        "threads": usable_cpus(),
        "models": {model.name: model.state for model in available()},
        "cache_folder": str(cache_folder()),
    }
    return found | ({"hint": runtime["hint"]} if "hint" in runtime else {})


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} ({state})" for name, state in value.items())
    if isinstance(value, list):
        return ", ".join(value) or "none"
    return "not installed" if value is None else str(value)
