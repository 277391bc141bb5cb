"""`impasto presets`: well-known ways to make the picture; and the option that takes one."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

import typer

from ..engine.presets import Preset, find_preset
from ..engine.presets import presets as all_presets
from . import parameters as p
from .console import emit, emit_json
from .parsing import spelled_layers
from .spelling import option_of

__all__ = ["PresetName", "left_to", "presets"]

_NAMES = ", ".join(preset.name for preset in all_presets())
PresetName: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--preset",
        metavar="NAME",
        help=f"Take what is not said here from {_NAMES}; see `impasto presets`.",
        show_default=False,
        rich_help_panel="Picture",
    ),
]


def left_to(preset: str | None, context: typer.Context) -> dict[str, Any]:
    """The values of a preset for what the command line does not say, by field of `Options`.

    Raises:
        OptionsError: there is no such preset.
    """
    if preset is None:
        return {}
    return {
        name: value
        for name, value in find_preset(preset).values.items()
        if getattr(context.get_parameter_source(name), "name", "") == "DEFAULT"
    }


def presets(json: p.Json = False, debug: p.Debug = False) -> None:
    """List the presets: the options that each stands for, its source, and how it differs from it.

    `impasto stylize --preset NAME` takes one; options that are given besides win over it.
    """
    if json:
        emit_json({"presets": [_record(preset) for preset in all_presets()]})
    else:
        emit("\n\n".join(map(_described, all_presets())))


def _record(preset: Preset) -> dict[str, Any]:
    return {
        "name": preset.name,
        "summary": preset.summary,
        "source": preset.source,
        "values": dict(preset.values),
        "differences": list(preset.differences),
    }


def _described(preset: Preset) -> str:
    spelled = [_spelled(name, value) for name, value in preset.values.items() if value is not False]
    options = " ".join(spelled)
    return "\n".join(
        [
            f"{preset.name}: {preset.summary}",
            f"  Source: {preset.source}",
            f"  Options: {options}",
            *(f"  Differs: {sentence}" for sentence in preset.differences),
        ]
    )


def _spelled(name: str, value: Any) -> str:
    """As the command line takes it: what is listed can be copied."""
    option = option_of(name)
    if isinstance(value, dict):
        return " ".join(f"{option} {layer}" for layer in spelled_layers(value))
    text = repr(value).removesuffix(".0") if isinstance(value, float) else str(value)
    return f"{option} {text}"
