"""What there is to choose from when a checkpoint is imported; loads nothing, not even NumPy."""

from __future__ import annotations

from typing import Literal, TypeAlias

__all__ = ["Family", "Preprocessing"]

Family: TypeAlias = Literal["vgg19", "vgg16"]
Preprocessing: TypeAlias = Literal["torch", "caffe"]
