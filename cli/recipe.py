"""Recipes on the command line: what one says is the default of what is not typed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, get_args

import typer

from ..engine.checks import bit_depth, shown, truth, whole
from ..engine.devices import Precision
from ..engine.errors import OptionsError
from ..engine.lowerings import Lowering
from ..engine.options import STARTS, Options
from ..engine.presets import find_preset
from ..engine.recipe import read_recipe, recipe_text
from .parsing import parse_bytes, parse_seconds, spelled_layers

__all__ = ["OTHERS", "save_recipe", "take_recipe"]


def take_recipe(context: typer.Context, path: Path | None) -> Path | None:
    """Make what a recipe says the defaults of the command that is being read.

    Raises:
        OptionsError: see `read_recipe`.
    """
    if path is not None:
        known = {str(parameter.name) for parameter in context.command.params}
        said = read_recipe(path, OTHERS, known)
        context.default_map = {name: _spelled(name, value) for name, value in said.items()}
    return path


def save_recipe(path: Path, context: typer.Context, options: Options) -> None:
    """Write all options of a run, as they were in the end; a preset is taken apart.

    Raises:
        OutputError: it cannot be written.
    """
    from ..engine.files import write_atomic

    asked = context.params
    values = {name: value for name, value in asdict(options).items() if name in asked}
    values |= {name: asked[name] for name in OTHERS if name in asked and name != "preset"}
    beside = [
        f"--{name} {value}"
        for name, value in (
            ("init", _unless(values.get("init"), STARTS)),
            *(("mask", ":".join(filter(None, pair))) for pair in values.pop("masks", ())),
            ("keep", values.get("keep")),
            ("model", _unless(values["model"], _names())),
            ("bundle", asked.get("bundle")),
        )
        if value is not None
    ]
    for option in beside:
        values.pop(option[2:].partition(" ")[0], None)
    comments = [f"# To be given beside this recipe: {option!r}\n" for option in beside]
    text = "".join([f"# For `impasto {context.info_name}`.\n", *comments, recipe_text(values)])
    write_atomic(path, text.encode("utf-8", "backslashreplace"))


def _names() -> list[str]:
    from ..models.store import available

    return [model.name for model in available() if model.state != "file"]


def _unless(value: Any, names: Any) -> Any:
    """A path, where it is not one of the names."""
    return None if value in names else value


def _spelled(name: str, value: Any) -> Any:
    """As the command line takes it."""
    if name == "size":
        if isinstance(value, float):
            return f"{Decimal(repr(value)) * 100:f}%"
        return "x".join(map(str, value)) if isinstance(value, tuple) else str(value)
    if name in ("iterations", "style_scale", "style_blend"):
        return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
    if name == "layer_styles":
        return [f"{layer}={number}" for layer, number in value.items()]
    return spelled_layers(value) if isinstance(value, Mapping) else value


def _text(name: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise OptionsError(f"{name} must be a text, not {shown(value)}")
    return value


def _choice(name: str, choices: tuple[str, ...]) -> Callable[[Any], str]:
    def checked(value: Any) -> str:
        if value not in choices:
            raise OptionsError(f"{name} must be one of {', '.join(choices)}, not {shown(value)}")
        return str(value)

    return checked


def _model(value: Any) -> str:
    name = _text("model", value)
    if name not in _names():
        raise OptionsError(
            f"model must be a name that `impasto models` lists, not {shown(value)}: a recipe opens "
            "no file"
        )
    return name


def _measured(name: str, parse: Callable[[str, str], object]) -> Callable[[Any], str]:
    """A number, or a text with a unit."""

    def checked(value: Any) -> str:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise OptionsError(f"{name} must be a number or a text, not {shown(value)}")
        try:
            text = str(value)
        except ValueError as error:  # a number of thousands of digits
            raise OptionsError(f"{name} cannot be {shown(value)}") from error
        parse(text, name)
        return text

    return checked


# What a recipe may say beside the fields of `Options`: what makes a picture, not where it goes.
OTHERS: Mapping[str, Callable[[Any], Any]] = {
    "preset": lambda value: find_preset(value).name,
    "tileable": partial(truth, "tileable"),
    "model": _model,
    "device": lambda value: _text("device", value),
    "precision": _choice("precision", get_args(Precision)),
    "threads": lambda value: whole("threads", value, 1, 1024),
    "lowering": _choice("lowering", get_args(Lowering)),
    "memory": _measured("memory", parse_bytes),
    "time": _measured("time", parse_seconds),
    "quality": lambda value: whole("quality", value, 1, 100),
    "depth": lambda value: bit_depth("depth", value),
    "no_metadata": partial(truth, "no_metadata"),
}
