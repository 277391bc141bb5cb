"""Roots of covariances: what the Wasserstein style loss is given of a style picture."""

from __future__ import annotations

import numpy as np

__all__ = ["roots_of"]


def roots_of(gram: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """T^½ of a style picture's statistics, (C, C) float32: symmetric, by eigenvalues in float64.

    See `export.style_losses`.
    """
    covariance = gram.astype(np.float64) - np.outer(mean, mean.astype(np.float64))
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    return np.asarray(root, np.float32)
