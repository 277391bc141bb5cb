"""What a client is told when something cannot be: a status, a type and a sentence, no more."""

from __future__ import annotations

from pathlib import Path

from ..engine import errors
from ..engine.errors import LimitError
from .messages import Failed

__all__ = ["QueueFull", "Refusal", "ending", "no_room", "refusal_of"]

_STATUS = {
    "OptionsError": 400,
    "LimitError": 400,  # a request asked for more than the host allows
    "ImageNotFound": 400,
    "ImageError": 422,
    "UnsupportedImage": 415,
    "CorruptImage": 422,
    "ImageTooLarge": 413,
    "ImageTooSmall": 422,
    "OutputError": 507,
    "MemoryLimit": 503,
    "DeadlineExceeded": 503,
    "NumericalError": 500,
    "ResumeError": 409,
}
_OPAQUE = "something went wrong here, and was written to the server's log"


class QueueFull(LimitError):
    """As many jobs wait as may wait."""


class Refusal(Exception):
    """Ends a request.

    Args:
        status: of HTTP.
        kind: name of an error.
        sentence: fit for strangers.
        retry_after: seconds after which another try makes sense.
    """

    def __init__(
        self, status: int, kind: str, sentence: str, retry_after: int | None = None
    ) -> None:
        super().__init__(sentence)
        self.status = status
        self.kind = kind
        self.sentence = sentence
        self.retry_after = retry_after


def ending() -> Refusal:
    """Of a server that accepts nothing more: perhaps another one begins."""
    return Refusal(503, "LimitError", "the server is ending", 30)


def no_room() -> Refusal:
    """Of a disk that has none for another job."""
    return Refusal(507, "OutputError", "there is no room for another job")


def refusal_of(failed: Failed, *folders: Path) -> Refusal:
    """What a client may know of an error.

    Args:
        folders: of the server; a sentence that still names one, when the names of files in them
            are taken out, is not told.
    """
    status = _STATUS.get(failed.kind, 500)
    sentence = failed.sentence
    for folder in folders:
        sentence = _without_names(sentence, folder)
    if failed.kind not in errors.__all__ or status == 500 or _names_a_path(sentence):
        kind = "StyleError" if failed.kind not in _STATUS else failed.kind
        return Refusal(status, kind, _OPAQUE)
    return Refusal(status, failed.kind, sentence)


def _without_names(sentence: str, folder: Path) -> str:
    """Without the quoted paths inside the folder."""
    begin = f" '{folder}"
    while (start := sentence.find(begin)) >= 0:
        end = sentence.find("'", start + len(begin))
        if end < 0:
            return _OPAQUE
        sentence = sentence[:start] + sentence[end + 1 :]
    return sentence


def _names_a_path(sentence: str) -> bool:
    return any(word.lstrip("'\"(").startswith(("/", "\\")) for word in sentence.split())
