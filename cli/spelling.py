"""The engine's words for an option in those of the command line."""

from __future__ import annotations

import re
from dataclasses import fields

from ..engine.options import Options

__all__ = ["option_of", "spelled"]


def option_of(name: str) -> str:
    """`style_layers` is given as `--style-layer`, several times; the others have their names."""
    if name in ("content_layers", "style_layers", "layer_styles", "masks"):
        name = name.removesuffix("s")
    return "--" + name.replace("_", "-")


# Other arguments that errors name.
_OTHERS = ("device", "precision", "threads", "lowering", "preset", "quality", "depth")
_OPTIONS = {name: option_of(name) for name in (*(f.name for f in fields(Options)), *_OTHERS)}


def spelled(sentence: str) -> str:
    """The sentence of an `OptionsError`; it begins with the name of a field, or has none."""
    match = re.match(r"(\w+)(?:\[(.*?)\])?(?= )", sentence)
    if match is None or match[1] not in _OPTIONS:
        return sentence
    layer = "" if match[2] is None else f" {match[2]}"
    return _OPTIONS[match[1]] + layer + sentence[match.end() :]
