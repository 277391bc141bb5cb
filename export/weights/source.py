"""What every reader of checkpoints offers: names, shapes, and one tensor at a time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from ...engine.errors import IncompatibleModel
from .bytes_of_file import WeightsFile
from .numbers_of_file import FLOATS

__all__ = ["FileSource", "TensorInfo", "TensorSource"]


@dataclass(frozen=True)
class TensorInfo:
    """Shape and numpy dtype name of a tensor, as stored."""

    shape: tuple[int, ...]
    dtype: str


class TensorSource(ABC):
    """A checkpoint: `tensors` lists it in file order, `read` fetches one tensor.

    `label` is what messages call it.
    """

    def __init__(self, label: str) -> None:
        self.label = label
        self._tensors: dict[str, TensorInfo] = {}

    @property
    def tensors(self) -> Mapping[str, TensorInfo]:
        """Name to shape and dtype, in file order; integers and the like are listed as well."""
        return self._tensors

    def read(self, name: str) -> np.ndarray[Any, np.dtype[np.floating[Any]]]:
        """Give one tensor as a fresh C-contiguous array; no other tensor is read.

        The dtype is float16, float32 or float64 as stored; bfloat16, which numpy lacks, is given
        as float32 without loss.

        Raises:
            IncompatibleModel: there is no such tensor, or it holds no floating-point numbers.
            CorruptModel: its data are damaged.
        """
        info = self._tensors.get(name)
        if info is None:
            raise IncompatibleModel(f"{self.label} has no tensor {name}")
        if info.dtype not in FLOATS:
            raise IncompatibleModel(
                f"{self.label} stores {name} as {info.dtype}; only {', '.join(FLOATS)} are read"
            )
        return self._load(name, info)

    @abstractmethod
    def _load(self, name: str, info: TensorInfo) -> np.ndarray[Any, np.dtype[np.floating[Any]]]:
        """Give a tensor that is listed and holds floating-point numbers."""

    @abstractmethod
    def close(self) -> None:
        """Let go of what is held; a second call does nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *ended: object) -> None:
        self.close()


class FileSource(TensorSource):
    """A checkpoint in a file, whatever its format."""

    def __init__(self, file: WeightsFile) -> None:
        super().__init__(str(file.path))
        self._file = file

    def _add(self, name: str, info: TensorInfo) -> None:
        if name in self._tensors:
            raise self._file.corrupt(f"lists the tensor {name!r} twice")
        self._tensors[name] = info

    def close(self) -> None:
        """Let go of the file; a second call does nothing."""
        self._file.close()
