"""Pretrained weights from an installed torchvision, which keeps them in its own cache."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np

from ...engine.errors import IncompatibleModel, ModelNotFound, RuntimeMissing
from .source import TensorInfo, TensorSource

__all__ = ["from_torchvision"]

_ENTRIES = {"vgg16": "VGG16_Weights", "vgg19": "VGG19_Weights"}


def from_torchvision(name: Literal["vgg19", "vgg16"]) -> TensorSource:
    """Give torchvision's ImageNet weights; the first time, torchvision downloads them.

    Raises:
        RuntimeMissing: torch or torchvision is not installed.
        ModelNotFound: torchvision has no such network, or its download failed.
    """
    if name not in _ENTRIES:
        raise ModelNotFound(f"torchvision has no {name!r} for us; known: {', '.join(_ENTRIES)}")
    try:
        from torchvision import models
    except (ImportError, RuntimeError) as error:
        raise RuntimeMissing(
            "taking weights from torchvision needs torch and torchvision: pip install torchvision"
        ) from error
    try:
        state = getattr(models, _ENTRIES[name]).IMAGENET1K_V1.get_state_dict(
            progress=False, check_hash=True
        )
    except (OSError, RuntimeError) as error:
        raise ModelNotFound(f"torchvision could not fetch {name}: {error}") from error
    return _StateDict(name, state)


class _StateDict:
    """A state dict in memory, seen as a `TensorSource`."""

    def __init__(self, name: str, state: Mapping[str, Any]) -> None:
        self.label = f"torchvision's {name}"
        self._state = dict(state)

    @property
    def tensors(self) -> Mapping[str, TensorInfo]:
        return {
            name: TensorInfo(tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."))
            for name, tensor in self._state.items()
        }

    def read(self, name: str) -> np.ndarray[Any, np.dtype[np.floating[Any]]]:
        if name not in self._state:
            raise IncompatibleModel(f"{self.label} has no tensor {name}")
        return np.array(self._state[name].detach().cpu().numpy(), order="C")

    def close(self) -> None:
        self._state.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
