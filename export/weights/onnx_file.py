"""Reader of the weights inside `.onnx` files, without the onnx package and without their graph.

Field numbers are those of `onnx.proto3` (https://onnx.ai/onnx/api/classes.html). The walk has a
fixed depth (model, graph, node, attribute, tensor); sub-graphs and functions are not entered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...engine.errors import IncompatibleModel
from .bytes_of_file import WeightsFile
from .numbers_of_file import ITEM_BYTES, checked_bytes, decode
from .protobuf import Span, Wire
from .source import FileSource, TensorInfo

__all__ = ["ConvNode", "OnnxFile", "is_onnx"]

# Tags of the fields that may follow `ir_version` in a model: 2 to 8, 14, 20, 25.
_SECOND_TAGS = b"\x12\x1a\x22\x28\x32\x3a\x42\x72\xa2\xca"
_DTYPES = {
    1: "float32",
    2: "uint8",
    3: "int8",
    4: "uint16",
    5: "int16",
    6: "int32",
    7: "int64",
    9: "bool",
    10: "float16",
    11: "float64",
    12: "uint32",
    13: "uint64",
    14: "complex64",
    15: "complex128",
    16: "bfloat16",
}
# Where numbers lie: raw_data, or a typed list that has the same bytes (float_data, double_data).
_RAW, _TYPED = 9, {4: "float32", 10: "float64"}


@dataclass(frozen=True)
class ConvNode:
    """A Conv of the graph: the names of its tensors, and its geometry.

    `bias` is None where there is none; `kernel` is empty where the file leaves it to the weight.
    """

    weight: str
    bias: str | None
    strides: tuple[int, ...] = (1, 1)
    pads: tuple[int, ...] = (0, 0, 0, 0)
    dilations: tuple[int, ...] = (1, 1)
    group: int = 1
    kernel: tuple[int, ...] = ()
    auto_pad: str = "NOTSET"


@dataclass
class _Node:
    operator: str = ""
    domain: str = ""
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    attributes: list[Span] = field(default_factory=list)


def is_onnx(head: bytes) -> bool:
    """Say whether a file that begins like this is meant to be a model: ONNX has no magic bytes."""
    return len(head) > 2 and head[0] == 0x08 and 0 < head[1] < 64 and head[2] in _SECOND_TAGS


class OnnxFile(FileSource):
    """An ONNX model as a container of tensors: initializers and `Constant` nodes.

    `convolutions` has the graph's Conv nodes in their order, `operators` the types of all nodes,
    `metadata` the `metadata_props`.
    """

    def __init__(self, file: WeightsFile) -> None:
        super().__init__(file)
        self._wire = Wire(file)
        self._places: dict[str, Span] = {}
        self._convolutions: list[ConvNode] = []
        self._operators: list[str] = []
        self._metadata: dict[str, str] = {}
        graphs = 0
        for number, value in self._wire.fields(Span(0, file.size)):
            if number == 7:
                graphs += 1
                self._read_graph(self._wire.span(value))
            elif number == 14:
                self._read_metadata(self._wire.span(value))
        if graphs != 1:
            raise file.corrupt(f"holds {graphs} graphs instead of one")

    @property
    def metadata(self) -> Mapping[str, str]:
        """The model's own notes, such as origin and licence."""
        return self._metadata

    @property
    def convolutions(self) -> tuple[ConvNode, ...]:
        """The Conv nodes in graph order."""
        return tuple(self._convolutions)

    @property
    def operators(self) -> tuple[str, ...]:
        """The type of every node in graph order."""
        return tuple(self._operators)

    def _read_graph(self, span: Span) -> None:
        for number, value in self._wire.fields(span):
            if number == 1:
                self._read_node(self._wire.span(value))
            elif number == 5:
                self._read_tensor(self._wire.span(value), None)

    def _read_metadata(self, span: Span) -> None:
        texts = {number: self._wire.text(value) for number, value in self._wire.fields(span)}
        self._metadata[texts.get(1, "")] = texts.get(2, "")

    def _read_node(self, span: Span) -> None:
        wire, node = self._wire, _Node()
        for number, value in wire.fields(span):
            if number == 1:
                node.inputs.append(wire.text(value))
            elif number == 2:
                node.outputs.append(wire.text(value))
            elif number == 4:
                node.operator = wire.text(value)
            elif number == 5:
                node.attributes.append(wire.span(value))
            elif number == 7:
                node.domain = wire.text(value)
        standard = node.domain in ("", "ai.onnx")
        self._operators.append(node.operator if standard else f"{node.domain}.{node.operator}")
        if standard and node.operator == "Conv":
            self._convolutions.append(self._conv(node))
        elif standard and node.operator == "Constant" and node.outputs:
            self._read_constant(node)

    def _conv(self, node: _Node) -> ConvNode:
        if len(node.inputs) not in (2, 3):
            raise self._file.corrupt("has a Conv without a weight")
        lists: dict[str, tuple[int, ...]] = {}
        group, auto_pad = 1, "NOTSET"
        for attribute in node.attributes:
            name, integers, integer, text = "", [], 1, ""
            for number, value in self._wire.fields(attribute):
                if number == 1:
                    name = self._wire.text(value)
                elif number == 3:
                    integer = self._wire.number(value)
                elif number == 4:
                    text = self._wire.text(value)
                elif number == 8:
                    integers += self._wire.numbers(value)
            if name == "group":
                group = integer
            elif name == "auto_pad":
                auto_pad = text
            else:
                lists[name] = tuple(integers)
        return ConvNode(
            weight=node.inputs[1],
            bias=node.inputs[2] or None if len(node.inputs) == 3 else None,
            strides=lists.get("strides", (1, 1)),
            pads=lists.get("pads", (0, 0, 0, 0)),
            dilations=lists.get("dilations", (1, 1)),
            group=group,
            kernel=lists.get("kernel_shape", ()),
            auto_pad=auto_pad,
        )

    def _read_constant(self, node: _Node) -> None:
        for attribute in node.attributes:
            for number, value in self._wire.fields(attribute):
                if number == 5:
                    self._read_tensor(self._wire.span(value), node.outputs[0])

    def _read_tensor(self, span: Span, constant: str | None) -> None:
        wire, name, kind = self._wire, "", 0
        shape: list[int] = []
        places: dict[int, Span] = {}
        external = False
        for number, value in wire.fields(span):
            if number == 1:
                shape += wire.numbers(value)
            elif number == 2:
                kind = wire.number(value)
            elif number == 8:
                name = wire.text(value)
            elif number == _RAW or number in _TYPED:
                if number in places:
                    raise self._file.corrupt(f"scatters the numbers of {name!r}")
                places[number] = wire.span(value)
            elif number == 13 or (number == 14 and wire.number(value)):
                external = True
        name = name if constant is None else constant
        if external:
            raise IncompatibleModel(
                f"{self._file.path} keeps {name!r} in another file, which is never opened"
            )
        dtype = _DTYPES.get(kind, f"type{kind}")
        if dtype in ITEM_BYTES:
            size = checked_bytes(self._file, name, shape, dtype)
            for number, place in places.items():
                if _TYPED.get(number, dtype) == dtype and place.size == size:
                    self._places[name] = place
                elif place.size:
                    raise self._file.corrupt(
                        f"holds {place.size} bytes for {name!r}, its shape needs {size}"
                    )
        self._add(name, TensorInfo(tuple(shape), dtype))

    def _load(self, name: str, info: TensorInfo) -> np.ndarray[Any, np.dtype[np.floating[Any]]]:
        size = checked_bytes(self._file, name, info.shape, info.dtype)
        place = self._places.get(name, Span(0, 0))
        if place.size != size:
            raise IncompatibleModel(
                f"{self._file.path} keeps {name!r} neither as raw bytes nor as a list of floats"
            )
        return decode(self._file.raw_at(*place), info.dtype).reshape(info.shape)
