"""Writers of small checkpoints, sound and hostile, for the tests of the readers."""

from __future__ import annotations

import io
import json
import pickle
import struct
import sys
import types
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np

from impasto.export.networks import Architecture

Tensors = dict[str, np.ndarray]

TINY = Architecture("tiny", (2, 1, 2), (4, 5, 6))
STORAGE_CLASSES = {"float16": "Half", "float32": "Float", "float64": "Double", "int64": "Long"}
MAGIC_NUMBER = 0x1950A86A20F9469CFC6C


def weights_of(architecture: Architecture = TINY, seed: int = 0) -> Tensors:
    random = np.random.default_rng(seed)
    weights: Tensors = {}
    for conv in architecture.convolutions():
        kernel = random.standard_normal((conv.outputs, conv.inputs, 3, 3))
        weights[f"{conv.name}.weight"] = kernel.astype(np.float32)
        weights[f"{conv.name}.bias"] = random.standard_normal(conv.outputs).astype(np.float32)
    return weights


# Layer numbers of TINY in torchvision: conv relu conv relu pool conv relu pool conv relu conv.
TINY_INDEX = {"conv1_1": 0, "conv1_2": 2, "conv2_1": 5, "conv3_1": 8, "conv3_2": 10}


def as_torchvision(weights: Tensors, prefix: str = "features.") -> Tensors:
    named = {}
    for name, value in weights.items():
        conv, _, kind = name.partition(".")
        named[f"{prefix}{TINY_INDEX[conv]}.{kind}"] = value
    return named


def as_keras(weights: Tensors, pattern: str) -> Tensors:
    named = {}
    for name, value in weights.items():
        conv, _, kind = name.partition(".")
        block, number = conv.removeprefix("conv").split("_")
        part = {"weight": "kernel", "bias": "bias"}[kind]
        key = pattern.format(
            layer=f"block{block}_conv{number}", part=part, letter={"kernel": "W", "bias": "b"}[part]
        )
        named[key] = value.transpose(2, 3, 1, 0) if value.ndim == 4 else value
    return named


class _Fake:
    """An object that pickles as a call of a function of torch, which is not installed here."""

    def __init__(self, function: Any, arguments: tuple[Any, ...]) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self.call


class _Persistent:
    def __init__(self, entry: tuple[Any, ...]) -> None:
        self.entry = entry


class _Pickler(pickle.Pickler):
    def persistent_id(self, obj: object) -> object:
        return obj.entry if isinstance(obj, _Persistent) else None


class FakeTorch:
    """Stand-ins under torch's names while a pickle is written, so that it names torch's own."""

    def __enter__(self) -> FakeTorch:
        self.torch = types.ModuleType("torch")
        self.utils = types.ModuleType("torch._utils")
        self.torch._utils = self.utils  # type: ignore[attr-defined]
        for name in STORAGE_CLASSES.values():
            kind = type(f"{name}Storage", (), {"__module__": "torch"})
            setattr(self.torch, kind.__name__, kind)
        for name in ("_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_parameter"):
            function = types.FunctionType((lambda: None).__code__, {}, name)
            function.__module__, function.__qualname__ = "torch._utils", name
            setattr(self.utils, name, function)
        self.kept = {name: sys.modules.get(name) for name in ("torch", "torch._utils")}
        sys.modules.update({"torch": self.torch, "torch._utils": self.utils})
        return self

    def __exit__(self, *_: object) -> None:
        for name, module in self.kept.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module

    def storage(
        self, value: np.ndarray, key: str, *, legacy: bool, count: int | None = None
    ) -> Any:
        kind = getattr(self.torch, STORAGE_CLASSES[value.dtype.name] + "Storage")
        entry = ("storage", kind, key, "cpu", value.size if count is None else count)
        return _Persistent((*entry, None) if legacy else entry)

    def tensor(self, value: np.ndarray, key: str, *, legacy: bool, **changes: Any) -> _Fake:
        strides = tuple(step // value.itemsize for step in value.strides)
        storage = self.storage(value, key, legacy=legacy, count=changes.get("count"))
        shape = changes.get("shape", value.shape)
        arguments = (storage, changes.get("offset", 0), shape, changes.get("strides", strides))
        if legacy:
            return _Fake(self.utils._rebuild_tensor, arguments)
        return _Fake(self.utils._rebuild_tensor_v2, (*arguments, False, OrderedDict()))


def _dump(value: object) -> bytes:
    stream = io.BytesIO()
    _Pickler(stream, 2).dump(value)
    return stream.getvalue()


def torch_pickle(tensors: Tensors, *, legacy: bool, extra: Any = None, **changes: Any) -> bytes:
    with FakeTorch() as torch:
        state: OrderedDict[str, Any] = OrderedDict()
        for number, (name, value) in enumerate(tensors.items()):
            state[name] = torch.tensor(value, str(number), legacy=legacy, **changes)
        if extra is not None:
            state["extra"] = extra
        state._metadata = OrderedDict(version=1)  # type: ignore[attr-defined]
        return _dump(state)


def write_torch_zip(
    path: Path, tensors: Tensors, data: bytes | None = None, **options: Any
) -> Path:
    method = options.pop("method", zipfile.ZIP_STORED)
    with zipfile.ZipFile(path, "w", method) as archive:
        pickled = torch_pickle(tensors, legacy=False, **options) if data is None else data
        archive.writestr("archive/data.pkl", pickled)
        archive.writestr("archive/byteorder", "little")
        for number, value in enumerate(tensors.values()):
            # A transposed view is stored in the order of its memory.
            archive.writestr(f"archive/data/{number}", value.tobytes("A"))
        archive.writestr("archive/version", "3\n")
    return path


def write_torch_legacy(
    path: Path, tensors: Tensors, data: bytes | None = None, **options: Any
) -> Path:
    system = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"int": 4}}
    head = [_dump(value) for value in (MAGIC_NUMBER, 1001, system)]
    body = torch_pickle(tensors, legacy=True, **options) if data is None else data
    keys = [str(number) for number in range(len(tensors))]
    stored = [struct.pack("<q", value.size) + value.tobytes() for value in tensors.values()]
    path.write_bytes(b"".join([*head, body, _dump(keys), *stored]))
    return path


def write_safetensors(path: Path, tensors: Tensors, header: Any = None, tail: bytes = b"") -> Path:
    names = {"float16": "F16", "float32": "F32", "float64": "F64", "int64": "I64"}
    entries: dict[str, Any] = {}
    position = 0
    for name, value in tensors.items():
        offsets = [position, position + value.nbytes]
        entries[name] = {
            "dtype": names[value.dtype.name],
            "shape": list(value.shape),
            "data_offsets": offsets,
        }
        position += value.nbytes
    text = header if isinstance(header, bytes) else json.dumps(header or entries).encode()
    data = b"".join(value.tobytes() for value in tensors.values())
    path.write_bytes(struct.pack("<Q", len(text)) + text + data + tail)
    return path


def write_npz(path: Path, tensors: Tensors, *, compressed: bool = False) -> Path:
    with path.open("wb") as stream:
        save = np.savez_compressed if compressed else np.savez
        save(stream, allow_pickle=True, **tensors)  # type: ignore[arg-type]
    return path


def write_h5(path: Path, tensors: Tensors) -> Path:
    import h5py

    with h5py.File(path, "w") as file:
        for name, value in tensors.items():
            file[name] = value
    return path


def write_onnx(path: Path, weights: Tensors, *, between: str = "Relu", **changes: Any) -> Path:
    """A chain of Conv nodes with nameless weights, then a MatMul."""
    import onnx
    from onnx import helper, numpy_helper

    nodes, tensors, last = [], [], "image"
    convolutions = [name.partition(".")[0] for name in weights if name.endswith(".weight")]
    geometry = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]} | changes
    for number, name in enumerate(convolutions):
        names = [f"w{number}", f"b{number}"]
        for key, kind in zip(names, ("weight", "bias"), strict=True):
            tensors.append(numpy_helper.from_array(weights[f"{name}.{kind}"], key))
        nodes.append(helper.make_node("Conv", [last, *names], [f"c{number}"], **geometry))
        nodes.append(helper.make_node(between, [f"c{number}"], [f"r{number}"]))
        last = f"r{number}"
    graph = helper.make_graph(nodes, "g", [], [], tensors)
    model = helper.make_model(graph)
    helper.set_model_props(model, {"licence": "none"})
    path.write_bytes(model.SerializeToString())
    assert isinstance(model, onnx.ModelProto)
    return path
