"""What is said of style files that know nothing for the engine that paints."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .console import say

if TYPE_CHECKING:
    from ..engine.engine import Engine

__all__ = ["tell_of_other_networks"]


def tell_of_other_networks(engine: Engine, styles: Sequence[Path]) -> None:
    """Say of style files that know nothing for this engine that they are looked at anew.

    Raises:
        ImageError: one of them cannot be read.
    """
    from ..engine.style_source import known_of

    for path in styles:
        known = known_of(path, engine.limits)
        if known is not None and known.fingerprint != engine.fingerprint:
            say(
                f"the style file {str(path)!r} was made with the network {known.model}, which is "
                f"another than {engine.model}: its targets are computed anew"
            )
