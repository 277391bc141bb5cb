"""How convolutions are computed: what was asked for, if there are such programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from .checks import shown
from .errors import OptionsError

if TYPE_CHECKING:
    from .programs import Programs

__all__ = ["Lowering", "choose_lowering"]

Lowering: TypeAlias = Literal["auto", "direct", "winograd"]


def choose_lowering(lowering: Lowering, programs: Programs, device: str) -> Lowering:
    """ "direct" or "winograd" for what was asked for.

    Raises:
        OptionsError: there is no such lowering, or the programs have no other than the direct one.
    """
    if lowering not in get_args(Lowering):
        raise OptionsError(f"lowering must be auto, direct or winograd, not {shown(lowering)}")
    fixed = programs.selection is not None
    if lowering == "winograd" and fixed:
        raise OptionsError("lowering must be direct where a bundle runs: it holds no other")
    if lowering == "auto":
        return "winograd" if device == "cpu" and not fixed else "direct"
    return lowering
