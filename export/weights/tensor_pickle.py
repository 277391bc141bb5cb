"""A pickle machine that can build tensors and containers, and nothing else.

Python's own unpickler is a program loader: even with `find_class` closed, a BUILD fills
`__dict__`, a memo index of 2^31 takes gigabytes, and hashing tuples nested a million deep ends
the process. This machine knows the instructions that `torch.save` emits for a state dict; what
they make is in `torch_records`.
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import Callable
from typing import Any, BinaryIO

from .bytes_of_file import WeightsFile
from .torch_records import KNOWN_NAMES, Name, Parameter, Storage, make, make_storage

__all__ = ["read_pickle"]

# A VGG's takes thousands of each. An instruction makes at most eighty bytes, a byte of text four.
MAX_PICKLE = 4 << 20
MAX_STEPS = 250_000

_CONSTANTS = {
    pickle.NONE: None,
    pickle.NEWTRUE: True,
    pickle.NEWFALSE: False,
    pickle.EMPTY_TUPLE: (),
}
_NUMBERS = {
    pickle.BININT: "<i",
    pickle.BININT1: "<B",
    pickle.BININT2: "<H",
    pickle.BINFLOAT: ">d",
}
_TEXTS = {
    pickle.BINUNICODE: ("<I", "utf-8"),
    pickle.SHORT_BINUNICODE: ("<B", "utf-8"),
    # Strings of Python 2, in which the oldest published checkpoints were written.
    pickle.BINSTRING: ("<i", "latin-1"),
    pickle.SHORT_BINSTRING: ("<B", "latin-1"),
}
_PUTS = {pickle.BINPUT: "<B", pickle.LONG_BINPUT: "<I"}
_GETS = {pickle.BINGET: "<B", pickle.LONG_BINGET: "<I"}
_TUPLES = {pickle.TUPLE1: 1, pickle.TUPLE2: 2, pickle.TUPLE3: 3}


def read_pickle(file: WeightsFile, stream: BinaryIO, storages: list[Storage] | None = None) -> Any:
    """Build the value of one pickle, of plain containers, scalars and `torch_records`.

    `stream` is left just behind the pickle; `storages` gets every storage that is mentioned.

    Raises:
        CorruptModel: it is cut off or malformed, or it would run code.
    """
    return _Machine(file, stream, [] if storages is None else storages).run()


class _Machine:
    def __init__(self, file: WeightsFile, stream: BinaryIO, storages: list[Storage]) -> None:
        self._file = file
        self._storages = storages
        self._read = stream.read
        self._left = MAX_PICKLE
        self._steps = MAX_STEPS
        self._stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: dict[int, Any] = {}

    def run(self) -> Any:
        while (code := self._take(1)) != pickle.STOP:
            self._spend(1)
            try:
                self._step(code)
            except (struct.error, ValueError, LookupError, TypeError) as error:
                raise self._malformed() from error
        return self._pop()

    def _step(self, code: bytes) -> None:
        push = self._stack.append
        if code in _CONSTANTS:
            push(_CONSTANTS[code])
        elif code in _NUMBERS:
            push(self._number(_NUMBERS[code]))
        elif code in _TEXTS:
            width, encoding = _TEXTS[code]
            push(self._take(self._number(width)).decode(encoding))
        elif code in _PUTS:
            self._memo[self._number(_PUTS[code])] = self._top()
        elif code in _GETS:
            push(self._memo[self._number(_GETS[code])])
        elif code in _TUPLES:
            push(tuple(self._pop_many(_TUPLES[code])))
        elif code in _STEPS:
            _STEPS[code](self)
        else:
            raise self._file.corrupt(
                f"holds a pickle with the instruction {code!r}, which no tensor needs; "
                "it was not run"
            )

    # Steps, bytes and stack: every way to fall off an end is a malformed file.

    def _spend(self, steps: int) -> None:
        self._steps -= steps
        if self._steps < 0:
            raise self._file.corrupt(f"holds a pickle of more than {MAX_STEPS} instructions")

    def _take(self, count: int) -> bytes:
        if not 0 <= count <= self._left:
            raise self._file.corrupt(f"holds a pickle of more than {MAX_PICKLE} bytes")
        self._left -= count
        data = self._read(count)
        if len(data) < count:
            raise self._file.corrupt("is cut off inside its pickle")
        return data

    def _number(self, width: str) -> Any:
        return struct.unpack(width, self._take(struct.calcsize(width)))[0]

    def _malformed(self) -> Exception:
        return self._file.corrupt("holds a malformed pickle")

    def _pop_many(self, count: int) -> list[Any]:
        floor = len(self._stack) - count
        if floor < (self._marks[-1] if self._marks else 0):
            raise self._malformed()
        taken = self._stack[floor:]
        del self._stack[floor:]
        return taken

    def _pop(self) -> Any:
        return self._pop_many(1)[0]

    def _top(self) -> Any:
        value = self._pop()
        self._stack.append(value)
        return value

    def _pop_marked(self) -> list[Any]:
        if not self._marks:
            raise self._malformed()
        taken = self._stack[self._marks[-1] :]
        del self._stack[self._marks.pop() :]
        return taken

    # Instructions that are more than a value.

    def _protocol(self) -> None:
        if self._take(1)[0] > pickle.HIGHEST_PROTOCOL:
            raise self._malformed()

    def _frame(self) -> None:
        self._take(8)

    def _mark(self) -> None:
        self._marks.append(len(self._stack))

    def _long(self) -> None:
        digits = self._take(self._number("<B"))
        self._stack.append(int.from_bytes(digits, "little", signed=True))

    def _memoize(self) -> None:
        self._memo[len(self._memo)] = self._top()

    def _list(self) -> None:
        self._stack.append([])

    def _dict(self) -> None:
        self._stack.append({})

    def _tuple(self) -> None:
        self._stack.append(tuple(self._pop_marked()))

    def _append(self) -> None:
        self._extend([self._pop()])

    def _appends(self) -> None:
        self._extend(self._pop_marked())

    def _extend(self, items: list[Any]) -> None:
        target = self._top()
        if not isinstance(target, list):
            raise self._malformed()
        target.extend(items)

    def _set_item(self) -> None:
        self._update(self._pop_many(2))

    def _set_items(self) -> None:
        self._update(self._pop_marked())

    def _update(self, items: list[Any]) -> None:
        target = self._top()
        if not isinstance(target, dict) or len(items) % 2:
            raise self._malformed()
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[self._key(key)] = value

    def _key(self, key: Any) -> Any:
        # Hashing a tuple recurses in C without a limit, so that only flat keys are hashed.
        if not isinstance(key, str | int | float | None):
            raise self._malformed()
        return key

    def _global(self) -> None:
        self._name(self._line(), self._line())

    def _stack_global(self) -> None:
        self._name(*self._pop_many(2))

    def _line(self) -> str:
        line = bytearray()
        while (byte := self._take(1)) != b"\n":
            line += byte
            if len(line) > 256:
                raise self._malformed()
        return line.decode("utf-8")

    def _name(self, module: object, name: object) -> None:
        path = f"{module}.{name}"
        if path not in KNOWN_NAMES:
            raise self._file.corrupt(f"contains code ({path[:100]!r}), which was not run")
        self._stack.append(Name(path))

    def _call(self) -> None:
        name, arguments = self._pop_many(2)
        if isinstance(arguments, tuple) and len(arguments) == 1 and isinstance(arguments[0], list):
            # Pairs, of which each call makes a dict anew, however short the instruction is.
            self._spend(len(arguments[0]))
        self._stack.append(make(name, arguments))

    def _build(self) -> None:
        """The state of a dict is its `_metadata`, of no use here."""
        state, target = self._pop(), self._top()
        if isinstance(target, Parameter):
            target.set_state(state)
        elif not isinstance(target, dict):
            raise self._malformed()

    def _persistent(self) -> None:
        storage = make_storage(self._pop())
        self._storages.append(storage)
        self._stack.append(storage)


_STEPS: dict[bytes, Callable[[_Machine], None]] = {
    pickle.PROTO: _Machine._protocol,
    pickle.FRAME: _Machine._frame,
    pickle.MARK: _Machine._mark,
    pickle.LONG1: _Machine._long,
    pickle.MEMOIZE: _Machine._memoize,
    pickle.EMPTY_LIST: _Machine._list,
    pickle.EMPTY_DICT: _Machine._dict,
    pickle.TUPLE: _Machine._tuple,
    pickle.APPEND: _Machine._append,
    pickle.APPENDS: _Machine._appends,
    pickle.SETITEM: _Machine._set_item,
    pickle.SETITEMS: _Machine._set_items,
    pickle.GLOBAL: _Machine._global,
    pickle.STACK_GLOBAL: _Machine._stack_global,
    pickle.REDUCE: _Machine._call,
    pickle.NEWOBJ: _Machine._call,
    pickle.BUILD: _Machine._build,
    pickle.BINPERSID: _Machine._persistent,
}
