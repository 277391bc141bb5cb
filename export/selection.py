"""What a program is built for: layers, pooling, border, and where the network is cut in two."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from .features import Border, Pooling

__all__ = ["Selection"]


class Selection(Protocol):
    """Anything with these attributes; sizes, targets and coefficients are given at each run."""

    @property
    def content_layers(self) -> Sequence[str]:
        """Where features are compared, each a layer of the network; may be empty."""

    @property
    def style_layers(self) -> Sequence[str]:
        """Where Gram matrices are compared, likewise; one of the two has a layer."""

    @property
    def pool(self) -> Pooling:
        """See `features.append_features`."""

    @property
    def border(self) -> Border:
        """See `features.append_features`."""

    @property
    def joint(self) -> str | None:
        """The last layer that is computed tile by tile; the rest is computed from that layer,
        joined from all tiles. Everything is tiled where no layer of these lies behind it, and
        nothing where it is None."""
