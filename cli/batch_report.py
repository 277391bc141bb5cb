"""The report of a batch: one line of JSON for each picture, there as soon as it is done."""

from __future__ import annotations

import contextlib
import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

from ..engine.errors import OptionsError, OutputError

__all__ = ["BatchReport", "Outcome"]


@dataclass(frozen=True)
class Outcome:
    """What became of one picture.

    Args:
        status: "made", "skipped" or "failed".
        loss: of the picture that was made.
        seconds: that it took to paint, or to fail.
        error: why it failed, in one sentence.
    """

    source: str
    output: str
    status: str
    loss: float | None = None
    seconds: float = 0.0
    error: str | None = None

    def line(self) -> str:
        """As JSON; what JSON has not is null."""
        told = asdict(self)
        if self.loss is not None and not math.isfinite(self.loss):
            told["loss"] = None
        return json.dumps(told, allow_nan=False) + "\n"


class BatchReport(contextlib.AbstractContextManager["BatchReport"]):
    """Lines are added to the file. That it cannot be written is no reason to end a batch.

    Args:
        path: None is no report at all.

    Raises:
        OptionsError: the suffix is not .jsonl.
        OutputError: the file cannot be opened.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._stream: TextIO | None = None
        self._failed: OSError | None = None
        if path is None:
            return
        if path.suffix.lower() != ".jsonl":
            raise OptionsError(f"the report {str(path)!r} must have the suffix .jsonl")
        try:
            self._stream = path.open("a", encoding="utf-8")
        except (OSError, ValueError) as error:
            raise self._unwritten(error) from error

    def __exit__(self, *ended: object) -> None:
        if self._stream is not None:
            with contextlib.suppress(
                OSError
            ):  # of what could not be written: `failure` tells of it
                self._stream.close()

    def add(self, outcome: Outcome) -> None:
        """Write a line, unless an earlier one could not be written."""
        if self._stream is None or self._failed is not None:
            return
        try:
            self._stream.write(outcome.line())
            self._stream.flush()
        except OSError as error:
            self._failed = error

    @property
    def failure(self) -> OutputError | None:
        """Why a line could not be written, where one could not."""
        return None if self._failed is None else self._unwritten(self._failed)

    def _unwritten(self, error: Exception) -> OutputError:
        reason = getattr(error, "strerror", None) or error
        return OutputError(f"cannot write {str(self._path)!r}: {reason}")
