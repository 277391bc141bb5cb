"""What a state dict is made of, as inert records: names, storages, tensors, parameters.

Names of functions and classes are looked up in tables and never imported; nothing is ever called.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["KNOWN_NAMES", "Name", "Parameter", "Storage", "StoredTensor", "make", "make_storage"]

_STORAGES = {
    "torch.HalfStorage": "float16",
    "torch.BFloat16Storage": "bfloat16",
    "torch.FloatStorage": "float32",
    "torch.DoubleStorage": "float64",
    "torch.BoolStorage": "bool",
    "torch.CharStorage": "int8",
    "torch.ByteStorage": "uint8",
    "torch.ShortStorage": "int16",
    "torch.IntStorage": "int32",
    "torch.LongStorage": "int64",
}
_ORDERED = "collections.OrderedDict"
# The first is that of the published VGG checkpoints of 2017.
_TENSORS = ("torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2")
_PARAMETERS = ("torch.nn.parameter.Parameter", "torch._utils._rebuild_parameter")

KNOWN_NAMES = frozenset((*_STORAGES, _ORDERED, *_TENSORS, *_PARAMETERS))


@dataclass(frozen=True)
class Name:
    """A function or class, by its dotted name only."""

    path: str


@dataclass(frozen=True)
class Storage:
    """Numbers in the file: the items `start` to `end` of the storage `key`."""

    key: str
    dtype: str
    start: int
    end: int


@dataclass(frozen=True)
class StoredTensor:
    """A tensor on a storage, as written: offset and strides in items, nothing checked yet."""

    storage: Storage
    offset: object
    shape: object
    strides: object


class Parameter:
    """A `torch.nn.Parameter`; those of the oldest checkpoints get their data after creation."""

    def __init__(self, data: StoredTensor | None = None) -> None:
        self.data = data

    def set_state(self, state: object) -> None:
        """Take the data from the state of a parameter that was made empty."""
        if self.data is None and isinstance(state, tuple) and state:
            self.data = state[0] if isinstance(state[0], StoredTensor) else None


def make(name: object, arguments: object) -> Any:
    """Give the record of what the call would have made.

    Raises:
        ValueError: the arguments are not those of a state dict.
    """
    if not isinstance(name, Name) or not isinstance(arguments, tuple):
        raise ValueError("no call of a name")
    first = arguments[0] if arguments else None
    if name.path == _ORDERED and len(arguments) <= 1:
        return _ordered([] if first is None else first)
    if name.path in _TENSORS and len(arguments) >= 4 and isinstance(first, Storage):
        return StoredTensor(first, *arguments[1:4])
    if name.path in _PARAMETERS:
        data = first.data if isinstance(first, Parameter) else first
        if data is None or isinstance(data, StoredTensor):
            return Parameter(data)
    raise ValueError("arguments that do not fit")


def make_storage(entry: object) -> Storage:
    """Read a persistent id: "storage", class, key, device, items, and in old files also a view.

    A view is None or (key, first item, items).

    Raises:
        ValueError: it is none.
    """
    if not isinstance(entry, tuple) or len(entry) not in (5, 6) or entry[0] != "storage":
        raise ValueError("no storage")
    kind, key, items = entry[1], entry[2], entry[4]
    view = entry[5] if len(entry) == 6 else None
    if not isinstance(kind, Name) or kind.path not in _STORAGES or not isinstance(key, str):
        raise ValueError("no storage class or key")
    start, length = (0, items) if view is None else (view[1], view[2])
    if not type(items) is type(start) is type(length) is int:
        raise ValueError("no counts")
    if start < 0 or length < 0 or start + length > items:
        raise ValueError("a view outside its storage")
    return Storage(key, _STORAGES[kind.path], start, start + length)


def _ordered(pairs: object) -> dict[Any, Any]:
    if not isinstance(pairs, list):
        raise ValueError("no list of pairs")
    if not all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in pairs):
        raise ValueError("no pairs")
    if not all(isinstance(key, str) for key, _ in pairs):
        raise ValueError("keys that are no text")
    return dict(pairs)
