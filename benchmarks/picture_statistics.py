"""Speckle and frames in numbers: fine detail against the painting's, border against interior.

    .venv/bin/python benchmarks/picture_statistics.py STYLE RESULT [RESULT ...]

Two ratios for each result, both of the mean squared Laplacian of its brightness: against that of
the style picture at the result's size (far above 1 is speckle, far below is blur), and of the outer
8 pixels against the interior (above 1 is a frame).
"""

from __future__ import annotations

import sys

import numpy as np

from impasto.engine.images import fitted_size, read_picture, resize

BAND = 8


def squared_laplacian(picture: np.ndarray) -> np.ndarray:
    """(H, W, 3) in 0..1 -> (H - 2, W - 2), with the five-point stencil."""
    grey = picture.mean(axis=2)
    inside = grey[1:-1, 1:-1]
    around = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    return np.square(4 * inside - around)


def main(style_path: str, *result_paths: str) -> None:
    """Print one line for each result."""
    style = read_picture(style_path).rgb
    for path in result_paths:
        result = read_picture(path).rgb
        size = fitted_size(style.shape[0], style.shape[1], max(result.shape[:2]))
        energy = squared_laplacian(result)
        detail = energy.mean() / squared_laplacian(resize(style, *size)).mean()
        border = np.ones(energy.shape, bool)
        border[BAND:-BAND, BAND:-BAND] = False
        frame = energy[border].mean() / energy[~border].mean()
        print(f"{path}: detail {detail:.2f} of the style's, border {frame:.2f} of the interior's")


if __name__ == "__main__":
    main(*sys.argv[1:])
