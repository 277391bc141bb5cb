"""What a canvas is worth: the objective in float64, by the tests' own torch code.

Needs torch (see `make oracle`).
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "oracle"))

import numpy as np
import torch
import torch_vgg

from impasto import Options
from impasto.engine.images import fitted_size, resize
from impasto.models.store import load

NETWORK = "vgg16"


class Judge:
    """The relative objective of a pair of pictures, as `scaled` gives them."""

    def __init__(self, photograph: np.ndarray, painting: np.ndarray, options: Options) -> None:
        self._network = load(NETWORK)
        self._how = {"border": options.border, "pooling": options.pool}
        pictures = (torch_vgg.image_of(each, torch.float64) for each in (photograph, painting))
        layers = (list(options.content_layers), list(options.style_layers))
        self._targets = torch_vgg.targets(self._network, *layers, *pictures, **self._how)
        self._factors = torch_vgg.relative(options, self._targets)

    def __call__(self, canvas: np.ndarray) -> float:
        """The loss of a canvas, (H, W, 3)."""
        image = torch_vgg.image_of(canvas, torch.float64)
        with torch.no_grad():
            loss, _ = torch_vgg.objective(
                self._network, self._targets, self._factors, image, **self._how
            )
        return float(loss)


def scaled(
    photograph: np.ndarray, painting: np.ndarray, size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Both at the sizes at which the engine looks at them beside a result of `size`."""
    fitted = (resize(each, *fitted_size(*each.shape[:2], size)) for each in (photograph, painting))
    photograph, painting = fitted
    return photograph, painting
