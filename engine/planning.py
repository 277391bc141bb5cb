"""From pictures that are not decoded yet to what a plan is made for."""

from __future__ import annotations

from collections.abc import Sequence

from .finishing import prepared_bytes
from .options import Options
from .picture_memory import Header
from .plan import Work
from .programs import Selection
from .pyramid import Level
from .regions import Regions

__all__ = ["work_of"]


def work_of(
    content: Header | None,
    styles: Sequence[Header],
    initial: Header | None,
    levels: tuple[Level, ...],
    options: Options,
    selection: Selection,
    smallest_side: int,
    regions: Regions,
) -> Work:
    """What is asked for, as far as memory goes: pictures are decoded one after the other."""
    held = decode = 0
    for header in filter(None, (content, *styles)):
        decode = max(decode, held + header.decode_bytes)
        held += header.held_bytes
    # What pictures are made of stays until all of them are there.
    made = 0 if content is None else prepared_bytes(content, styles, options)
    decode = max(decode, held + made + (initial.decode_bytes if initial else 0))
    held = max(held, made + (content.held_bytes if content else 0))
    held += initial.held_bytes if initial else 0
    # Masks were read before all that.
    decode = max(decode + regions.nbytes, regions.reading_bytes)
    return Work(
        levels,
        tuple((style.shape[0], style.shape[1]) for style in styles),
        options,
        selection,
        smallest_side,
        held,
        decode,
        regions,
    )
