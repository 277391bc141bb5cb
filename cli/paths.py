"""Paths that were given on the command line, before anything is done with them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ..engine.errors import OptionsError

__all__ = ["path_of", "refuse_to_replace"]


def path_of(text: str) -> Path:
    """The path that a text names; an empty one would be the current folder.

    Raises:
        OptionsError: the text is empty, or asks for a stream.
    """
    if not text:
        raise OptionsError("a path must not be empty")
    if text == "-":
        raise OptionsError(
            "a stream is not supported here: give a path instead of -, "
            "or ./- for a file of that name"
        )
    return Path(text)


def refuse_to_replace(output: Path, sources: Iterable[Path | str | None]) -> None:
    """Refuse an output that is one of the files it is made of.

    Raises:
        OptionsError: it is; the message names the file.
    """
    for source in sources:
        if source is not None and _is_same_file(output, Path(source)):
            raise OptionsError(f"the result would replace its own source {str(source)!r}")


def _is_same_file(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except (OSError, ValueError):  # one of them cannot be looked at: whoever opens it says so
        return False
