"""From the text of an option to its value; whether the value is allowed is for `Options` to say."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path

from ..engine.checks import shown
from ..engine.errors import OptionsError

__all__ = [
    "parse_bytes",
    "parse_iterations",
    "parse_layer_styles",
    "parse_layers",
    "parse_mask",
    "parse_numbers",
    "parse_scales",
    "parse_seconds",
    "parse_size",
    "parse_trust",
    "spelled_layers",
]

_NUMBER = r"(\d+(?:\.\d*)?|\.\d+)"
_SECONDS = {"h": Decimal(3600), "m": Decimal(60), "s": Decimal(1), "ms": Decimal("0.001")}


def parse_bytes(text: str, option: str = "--memory") -> int:
    """ "1G" is 1024 ** 3 bytes, as "1GB" and "1GiB" are; so with K, M and T. "1000" is bytes.

    Raises:
        OptionsError: another form, or less than one byte.
    """
    found = re.fullmatch(_NUMBER + r"\s*(?:([KMGT])(?:I?B)?|B)?", text.strip().upper(), re.ASCII)
    count = 0
    if found is not None:
        # Decimal, for a float would round "0.1G", and overflow for a long row of digits.
        count = int(Decimal(found[1]) * 1024 ** (" KMGT".index(found[2] or " ")))
    if not 1 <= count <= sys.maxsize:
        raise OptionsError(
            f"{option} must be at least one byte, such as 512M or 1.5G (GiB), not {shown(text)}"
        )
    return count


def parse_seconds(text: str, option: str = "--time") -> float:
    """ "90" and "90s" are seconds; "500ms", "2m", "1.5h" and "1h30m" as they are read.

    Raises:
        OptionsError: another form, a unit twice or in another order, or no time at all.
    """
    units = "".join(rf"(?:{_NUMBER}\s*{unit}\s*)?" for unit in _SECONDS)
    plain = re.fullmatch(_NUMBER, text.strip(), re.ASCII)
    found = plain or re.fullmatch(units, text.strip().lower(), re.ASCII)
    seconds = 0.0
    if plain is not None:
        seconds = float(plain[1])
    elif found is not None:
        parts = zip(found.groups(), _SECONDS.values(), strict=True)
        seconds = float(sum(Decimal(part) * unit for part, unit in parts if part is not None))
    if not 0 < seconds < float("inf"):
        raise OptionsError(f"{option} must be a time such as 90s, 2m or 1h30m, not {shown(text)}")
    return seconds


def parse_size(text: str) -> int | float | tuple[int, int]:
    """ "512" is the longer side, "640x480" width and height, "50%" half of the content picture's.

    Raises:
        OptionsError: another form.
    """
    found = re.fullmatch(
        rf"(?P<side>\d+)|(?P<width>\d+)\s*[xX×]\s*(?P<height>\d+)|{_NUMBER}\s*%",
        text.strip(),
        re.ASCII,
    )
    if found is not None:
        with contextlib.suppress(ValueError):  # of thousands of digits
            if found["side"]:
                return int(found["side"])
            if found["width"]:
                return int(found["width"]), int(found["height"])
            return float(found[4]) / 100
    raise OptionsError(f"--size must be such as 512, 640x480 or 50%, not {shown(text)}")


def parse_iterations(text: str | None) -> int | tuple[int, ...] | None:
    """ "200" is one number for all levels; "150,120,100" one for each, from coarse to fine."""
    if text is None:
        return None
    try:
        counts = tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise OptionsError(
            "--iterations must be a whole number, or several with commas between, not "
            f"{shown(text)}"
        ) from error
    return counts if "," in text else counts[0]


def parse_numbers(option: str, text: str) -> tuple[float, ...]:
    """ "2" is one number, "2,0.5" two, one for each painting."""
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise OptionsError(
            f"{option} must be a number, or several with commas between, not {shown(text)}"
        ) from error


def parse_scales(text: str) -> float | tuple[float, ...]:
    """ "1.5" is one scale for all paintings, "1,0.5" one for each."""
    scales = parse_numbers("--style-scale", text)
    return scales if "," in text else scales[0]


def parse_layers(option: str, entries: Sequence[str]) -> dict[str, float]:
    """ "relu4_2=0.5" is a layer with its weight; without one the weight is 1."""
    layers: dict[str, float] = {}
    for entry in entries:
        name, equals, weight = entry.partition("=")
        if not name:
            raise OptionsError(f"{option} {shown(entry)} names no layer")
        if name in layers:
            raise OptionsError(
                f"{option} {shown(entry)} names the layer {name} for the second time"
            )
        try:
            layers[name] = float(weight) if equals else 1.0
        except ValueError as error:
            raise OptionsError(
                f"{option} {shown(entry)} must have the form NAME or NAME=WEIGHT, such as "
                "relu4_2=0.5"
            ) from error
    return layers


def parse_layer_styles(entries: Sequence[str] | None) -> dict[str, int]:
    """ "relu1_1=2" gives a layer to the second style picture."""
    found: dict[str, int] = {}
    for entry in entries or ():
        name, _, number = entry.partition("=")
        if not name or not re.fullmatch(r"[0-9]{1,4}", number, re.ASCII):
            raise OptionsError(f"--layer-style must be such as relu1_1=2, not {shown(entry)}")
        if name in found:
            raise OptionsError(f"--layer-style names the layer {name} for the second time")
        found[name] = int(number)
    return found


def parse_mask(text: str) -> tuple[str, str]:
    """ "sky.png:stars.png" is a mask for the photograph and one for the painting; "sky.png" is the
    first alone, as is the name of a file that has a colon in it."""
    mask, colon, of_style = text.rpartition(":")
    if not colon or Path(text).is_file():
        mask, of_style = text, ""
    if not mask or (colon and not of_style and not Path(text).is_file()):
        raise OptionsError(f"--mask must be MASK or MASK:STYLE_MASK, two paths, not {shown(text)}")
    return mask, of_style


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
            f"--trust must be a SHA-256 of 64 hexadecimal digits, or any; not {shown(text)}"
        )
    return digest
