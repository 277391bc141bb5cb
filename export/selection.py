"""What a program is built for: layers, pooling and border."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

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
