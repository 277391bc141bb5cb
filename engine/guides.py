"""Guides: how much each position of a layer counts in a region of a picture."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from .selection import guide_name

__all__ = ["guide_at", "guides_at"]


def guide_at(mask: np.ndarray, stride: int) -> np.ndarray:
    """t of a layer's positions, (1, 1, H // stride, W // stride) float32; its squares sum to 1.

    t² is the mean of the mask over the pixels of a position, so a soft edge counts in part, and a
    mask of 1 everywhere makes a guided mean of the usual one. (Gatys et al. 2016, section 4.1,
    resize the mask too, and call this the simple way; it needs no choice of receptive fields.)

    Args:
        mask: (H, W) in 0..1. Where it is nowhere above 0, so is the guide.
    """
    height, width = (side // stride for side in mask.shape)
    blocks = mask[: height * stride, : width * stride].astype(np.float64)
    counts = blocks.reshape(height, stride, width, stride).mean(axis=(1, 3))
    total = counts.sum()
    guide = np.sqrt(counts / total) if total > 0 else counts
    return np.asarray(guide[None, None], np.float32)


def guides_at(masks: Sequence[np.ndarray], strides: Iterable[int]) -> dict[str, np.ndarray]:
    """Those of all regions by the names of a program's inputs."""
    wanted = set(strides)
    return {
        guide_name(region, stride): guide_at(mask, stride)
        for region, mask in enumerate(masks)
        for stride in wanted
    }
