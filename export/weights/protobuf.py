"""The wire format of protocol buffers, read from a file piece by piece and never trusted.

Source: https://protobuf.dev/programming-guides/encoding/. Messages are spans of the file; a field
that nobody asks for is skipped without being read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from .bytes_of_file import WeightsFile

__all__ = ["Field", "Span", "Wire"]

_MAX_FIELDS = 1_000_000
_MAX_TEXT = 64 << 10
_MAX_TEXTS = 16 << 20
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5


class Span(NamedTuple):
    """A piece of the file: a message, a text, or numbers."""

    start: int
    size: int


class Field(NamedTuple):
    """One field: its number and its value, which is a Span or an integer of 64 bits."""

    number: int
    value: Span | int


class Wire:
    """The fields of a file, with one budget of fields and texts for all of it."""

    def __init__(self, file: WeightsFile) -> None:
        self._file = file
        self._fields_left = _MAX_FIELDS
        self._texts_left = _MAX_TEXTS

    def fields(self, span: Span) -> Iterator[Field]:
        """Give the fields of the message in `span`, in order."""
        position, end = span.start, span.start + span.size
        while position < end:
            self._fields_left -= 1
            if self._fields_left < 0:
                raise self._file.corrupt(f"holds more than {_MAX_FIELDS} fields")
            tag, position = self._varint(position, end)
            value, position = self._value(tag & 7, position, end)
            if not tag >> 3:
                raise self._file.corrupt("is a damaged protocol buffer: a field has no number")
            yield Field(tag >> 3, value)

    def text(self, value: Span | int) -> str:
        """Give a field as text; names longer than 64 KiB, or 16 MiB in all, are refused."""
        span = self.span(value)
        self._texts_left -= span.size
        if span.size > _MAX_TEXT or self._texts_left < 0:
            raise self._file.corrupt("holds more text than any network")
        try:
            return self._file.bytes_at(*span).decode("utf-8")
        except UnicodeDecodeError as error:
            raise self._file.corrupt("holds a name that is no text") from error

    def span(self, value: Span | int) -> Span:
        """Give a field that must be a message, a text or packed numbers."""
        if not isinstance(value, Span):
            raise self._file.corrupt(
                "is a damaged protocol buffer: a number where a message was due"
            )
        return value

    def number(self, value: Span | int) -> int:
        """Give a field that must be an integer; int32 and int64 share one encoding."""
        if isinstance(value, Span):
            raise self._file.corrupt(
                "is a damaged protocol buffer: a message where a number was due"
            )
        return value - (1 << 64) if value >> 63 else value

    def numbers(self, value: Span | int) -> list[int]:
        """Give a repeated integer field, packed or not, one occurrence at a time."""
        if not isinstance(value, Span):
            return [self.number(value)]
        if value.size > _MAX_TEXT:
            raise self._file.corrupt("holds a longer list of sizes than any network")
        result: list[int] = []
        position, end = value.start, value.start + value.size
        while position < end:
            raw, position = self._varint(position, end)
            result.append(self.number(raw))
        return result

    def _value(self, kind: int, position: int, end: int) -> tuple[Span | int, int]:
        if kind == _VARINT:
            return self._varint(position, end)
        if kind == _LENGTH:
            size, position = self._varint(position, end)
        elif kind in (_FIXED32, _FIXED64):
            size = 4 if kind == _FIXED32 else 8
        else:
            raise self._file.corrupt(f"is a damaged protocol buffer: wire type {kind}")
        if size > end - position:
            raise self._file.corrupt("is cut off or damaged: a field reaches past its message")
        return Span(position, size), position + size

    def _varint(self, position: int, end: int) -> tuple[int, int]:
        data = self._file.bytes_at(position, min(10, end - position))
        value = 0
        for index, byte in enumerate(data):
            value |= (byte & 0x7F) << (7 * index)
            if byte < 0x80:
                return value & ((1 << 64) - 1), position + index + 1
        raise self._file.corrupt("is cut off or damaged: a number does not end")
