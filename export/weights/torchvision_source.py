"""Pretrained weights from an installed torchvision, which keeps them in its own cache."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...engine.errors import ModelNotFound, RuntimeMissing
from ..choices import Family
from .source import TensorInfo, TensorSource

__all__ = ["from_torchvision"]

_ENTRIES = {"vgg16": "VGG16_Weights", "vgg19": "VGG19_Weights"}


def from_torchvision(family: Family) -> TensorSource:
    """Give torchvision's ImageNet weights; the first time, torchvision downloads them.

    Raises:
        RuntimeMissing: torch or torchvision is not installed.
        ModelNotFound: its download failed.
    """
    try:
        from torchvision import models
    except (ImportError, RuntimeError) as error:
        raise RuntimeMissing(
            "taking weights from torchvision needs torch and torchvision: pip install torchvision"
        ) from error
    try:
        state = getattr(models, _ENTRIES[family]).IMAGENET1K_V1.get_state_dict(
            progress=False, check_hash=True
        )
    except (OSError, RuntimeError) as error:
        raise ModelNotFound(f"torchvision could not fetch {family}: {error}") from error
    return _StateDict(f"torchvision's {family}", state)


class _StateDict(TensorSource):
    """A state dict in memory."""

    def __init__(self, label: str, state: Mapping[str, Any]) -> None:
        super().__init__(label)
        self._state = dict(state)
        for name, tensor in self._state.items():
            dtype = str(tensor.dtype).removeprefix("torch.")
            self._tensors[name] = TensorInfo(tuple(tensor.shape), dtype)

    def _load(self, name: str, info: TensorInfo) -> np.ndarray[Any, np.dtype[np.floating[Any]]]:
        return np.array(self._state[name].detach().cpu().numpy(), order="C")

    def close(self) -> None:
        self._state.clear()
