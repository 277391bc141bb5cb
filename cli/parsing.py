"""From the text of an option to its value; whether the value is allowed is for `Options` to say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..engine.errors import OptionsError

__all__ = ["parse_iterations", "parse_layers", "parse_trust", "spelled_layers"]


def parse_iterations(text: str | None) -> int | tuple[int, ...] | None:
    """ "200" is one number for all levels; "150,120,100" one for each, from coarse to fine."""
    if text is None:
        return None
    try:
        counts = tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise OptionsError(
            f"--iterations must be a whole number, or several with commas between, not {text!r}"
        ) from error
    return counts if "," in text else counts[0]


def parse_layers(option: str, entries: Sequence[str]) -> dict[str, float]:
    """ "relu4_2=0.5" is a layer with its weight; without one the weight is 1."""
    layers: dict[str, float] = {}
    for entry in entries:
        name, equals, weight = entry.partition("=")
        if not name:
            raise OptionsError(f"{option} {entry!r} names no layer")
        if name in layers:
            raise OptionsError(f"{option} {entry!r} names the layer {name} for the second time")
        try:
            layers[name] = float(weight) if equals else 1.0
        except ValueError as error:
            raise OptionsError(
                f"{option} {entry!r} must have the form NAME or NAME=WEIGHT, such as relu4_2=0.5"
            ) from error
    return layers


def spelled_layers(layers: Mapping[str, float]) -> list[str]:
    """What `parse_layers` reads as these layers."""
    return [name if weight == 1 else f"{name}={weight!r}" for name, weight in layers.items()]


def parse_trust(text: str | None) -> str | bool:
    """A SHA-256 as it stands, "any" as True, nothing as False."""
    if text is None:
        return False
    digest = text.lower()
    if digest == "any":
        return True
    if len(digest) != 64 or set(digest) - set("0123456789abcdef"):
        raise OptionsError(
            f"--trust must be a SHA-256 of 64 hexadecimal digits, or any; not {text!r}"
        )
    return digest
