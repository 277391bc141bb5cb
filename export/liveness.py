"""How much memory a program takes when it runs, from the program alone.

The nodes run in their order; a value lives from the node that makes it to the last one that uses
it. What they take is more than what lives: ONNX Runtime puts them into blocks that it does not give
back in between, and finds room in a block by the rules that `_Arena` repeats.
"""

from __future__ import annotations

import bisect
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

from .graph import Graph, Value

__all__ = ["Footprint", "footprint_of", "results_of", "run_bytes"]

_BYTES = {"float": 4, "int64": 8, "int32": 4, "bool": 1}
# Their results are their first argument seen differently.
_VIEWS = {"Reshape", "Unsqueeze", "Squeeze", "Identity"}
# They write over their argument where nobody else needs it any more.
_IN_PLACE = {"Relu", "HardSigmoid"}


@dataclass(frozen=True)
class Footprint:
    """What a program takes of the memory, in bytes.

    Args:
        run: while it runs, its results included.
        session: as long as its session is open: tables and nodes.
        program: as long as it is kept, to be opened again: tables and the model.
        weights: each weight that it declares, by name; programs share them.
    """

    run: int
    session: int
    program: int
    weights: Mapping[str, int]


# For each node, of a session and of a model: measured.
_NODE_BYTES, _WRITTEN_BYTES = 4096, 200


def footprint_of(graph: Graph) -> Footprint:
    """Of a lowered graph for one size.

    Raises:
        ValueError: a size is symbolic.
    """
    tables = sum(map(_bytes, graph.tables.values()))
    weights = {name: _bytes(value) for name, value in graph.weights.items()}
    session, program = (tables + each * len(graph.nodes) for each in (_NODE_BYTES, _WRITTEN_BYTES))
    return Footprint(run_bytes(graph), session, program, weights)


def results_of(graph: Graph) -> dict[Value, str]:
    """Values that are made as a result at once, with its name: a node writes them to where the
    caller wants them. Other results are copies: of inputs, of constants, of what has a name already
    or shares its memory with another value."""
    made = {value: node.op not in _VIEWS for node in graph.nodes for value in node.outputs}
    named: dict[Value, str] = {}
    for key, value in graph.outputs.items():
        if made.get(value):
            named.setdefault(value, key)
    return named


def run_bytes(graph: Graph) -> int:
    """Of a lowered graph for one size: the memory of its values, results included. What is given to
    a run (inputs, weights, tables) is not counted.

    Raises:
        ValueError: a size is symbolic.
    """
    results = results_of(graph)
    made, last = _lives(graph, results)
    ends: dict[int, list[Value]] = defaultdict(list)
    for value, number in made.items():
        ends[last.get(value, number)].append(value)
    arena = _Arena()
    places: dict[Value, int] = {}
    for number, node in enumerate(graph.nodes):
        for value in node.outputs:
            if value in made and value not in results:
                places[value] = arena.take(_bytes(value))
        for value in ends[number]:
            if value in places:
                arena.give(places.pop(value))
    return arena.touched + sum(map(_bytes, graph.outputs.values()))


def _lives(graph: Graph, results: Mapping[Value, str]) -> tuple[dict[Value, int], dict[Value, int]]:
    """The node that makes each value that has memory of its own, and the last one that needs it."""
    root: dict[Value, Value] = {}
    last: dict[Value, int] = {}
    made: dict[Value, int] = {}
    for number, node in enumerate(graph.nodes):
        for value in node.inputs:
            last[root.get(value, value)] = number
        for value in node.outputs:
            if node.op in _VIEWS:
                root[value] = root.get(node.inputs[0], node.inputs[0])
            else:
                made[value] = number
    for value in graph.outputs.values():
        last[root.get(value, value)] = len(graph.nodes)
    owner: dict[Value, Value] = {}
    for number, node in enumerate(graph.nodes):
        if node.op in _IN_PLACE and node.output not in results:
            given = root.get(node.inputs[0], node.inputs[0])
            given = owner.get(given, given)
            if given in made and given not in results and last[given] == number:
                owner[node.output] = given
                last[given] = last.get(node.output, number)
                del made[node.output]
    return made, last


def _bytes(value: Value) -> int:
    if any(not isinstance(size, int) for size in value.shape):
        raise ValueError(f"the size of {value.name} is not known: {value.shape}")
    return _BYTES[value.dtype] * prod(int(size) for size in value.shape)


class _Chunk:
    """A part of a block: free or taken."""

    def __init__(self, block: int, start: int, size: int) -> None:
        self.block, self.start, self.size = block, start, size
        self.free = True
        self.before: _Chunk | None = None
        self.after: _Chunk | None = None


class _Arena:
    """ONNX Runtime's arena: the smallest free chunk that is large enough, cut where the rest is
    worth it, merged with free neighbours; and where there is none a new block, of twice the last
    one's size, or of as much as is needed, which is then the size of the next one too. Of a block
    only what was written to takes memory, its beginning; and the list of what is where, which has
    a number for each 256 bytes of it."""

    _SMALLEST, _FIRST_BLOCK, _LARGEST_REST = 256, 1 << 20, 128 << 20
    _LISTED = 8

    def __init__(self) -> None:
        self._free: list[tuple[int, int]] = []  # (size, number), sorted
        self._chunks: dict[int, _Chunk] = {}
        self._numbers: dict[_Chunk, int] = {}
        self._used: list[int] = []  # of each block
        self._listed = 0
        self._block_size = self._FIRST_BLOCK
        self._count = 0

    @property
    def touched(self) -> int:
        """Bytes that were ever part of a taken chunk, and the lists of the blocks."""
        return sum(self._used) + self._listed

    def take(self, size: int) -> int:
        """A chunk for so many bytes, by its number."""
        size = max(1, -(-size // self._SMALLEST)) * self._SMALLEST
        place = bisect.bisect_left(self._free, (size, -1))
        if place == len(self._free):
            self._add_block(size)
            place = bisect.bisect_left(self._free, (size, -1))
        number = self._free.pop(place)[1]
        chunk = self._chunks[number]
        chunk.free = False
        if chunk.size >= 2 * size or chunk.size - size >= self._LARGEST_REST:
            self._cut(chunk, size)
        end = chunk.start + size
        self._used[chunk.block] = max(self._used[chunk.block], end)
        return number

    def give(self, number: int) -> None:
        """Free a chunk."""
        chunk = self._chunks[number]
        chunk.free = True
        if chunk.after is not None and chunk.after.free:
            self._merge(chunk, chunk.after)
        if chunk.before is not None and chunk.before.free:
            chunk = chunk.before
            self._unlist(chunk)
            after = chunk.after
            assert after is not None
            self._join(chunk, after)
        bisect.insort(self._free, (chunk.size, self._numbers[chunk]))

    def _add_block(self, size: int) -> None:
        grown = self._block_size < size
        while self._block_size < size:
            self._block_size *= 2
        self._add(_Chunk(len(self._used), 0, self._block_size))
        self._used.append(0)
        self._listed += self._LISTED * self._block_size // self._SMALLEST
        if not grown:  # else the next one is as large
            self._block_size *= 2

    def _cut(self, chunk: _Chunk, size: int) -> None:
        rest = _Chunk(chunk.block, chunk.start + size, chunk.size - size)
        rest.before, rest.after, chunk.size = chunk, chunk.after, size
        if rest.after is not None:
            rest.after.before = rest
        chunk.after = rest
        self._add(rest)

    def _merge(self, chunk: _Chunk, free: _Chunk) -> None:
        self._unlist(free)
        self._join(chunk, free)

    def _join(self, chunk: _Chunk, after: _Chunk) -> None:
        chunk.size += after.size
        chunk.after = after.after
        if after.after is not None:
            after.after.before = chunk
        del self._chunks[self._numbers.pop(after)]

    def _add(self, chunk: _Chunk) -> None:
        self._count += 1
        self._chunks[self._count] = chunk
        self._numbers[chunk] = self._count
        bisect.insort(self._free, (chunk.size, self._count))

    def _unlist(self, chunk: _Chunk) -> None:
        self._free.remove((chunk.size, self._numbers[chunk]))
