"""Every way in which Impasto says no: one tree, each class one sentence and one exit code.

StyleError                  2  (base; never raised itself)
├── OptionsError            2  an option, or a combination of options, that cannot be
├── ImageError              3  a picture that cannot be used
│   ├── ImageNotFound       3
│   ├── UnsupportedImage    3
│   ├── CorruptImage        3
│   ├── ImageTooLarge       3
│   └── ImageTooSmall       3
├── ModelError              4  a network, checkpoint, bundle or runtime that cannot be used
│   ├── ModelNotFound       4
│   ├── CorruptModel        4
│   ├── IncompatibleModel   4
│   ├── UntrustedModel      4
│   └── RuntimeMissing      4
├── OutputError             5  the result cannot be written
├── LimitError              6  more than the limits allow
│   ├── MemoryLimit         6
│   └── DeadlineExceeded    6
├── NumericalError          7  the loss or its gradient is not finite
├── ResumeError             8  a saved work that cannot be gone on with
└── ClusterError            9  a cluster that cannot be reached, or was lost
    └── WorkerKilled        9

This module imports nothing; beside `files`, it is what every layer of Impasto may import.
"""

from __future__ import annotations

__all__ = [
    "ClusterError",
    "CorruptImage",
    "CorruptModel",
    "DeadlineExceeded",
    "ImageError",
    "ImageNotFound",
    "ImageTooLarge",
    "ImageTooSmall",
    "IncompatibleModel",
    "LimitError",
    "MemoryLimit",
    "ModelError",
    "ModelNotFound",
    "NumericalError",
    "OptionsError",
    "OutputError",
    "ResumeError",
    "RuntimeMissing",
    "StyleError",
    "UnsupportedImage",
    "UntrustedModel",
    "WorkerKilled",
]


class StyleError(Exception):
    """The base of every error that Impasto raises on purpose; its text is one clear sentence.

    Where the work had begun, `result` is the best picture so far (an `impasto.Result`), else None.
    """

    exit_code = 2
    result: object | None = None


class OptionsError(StyleError):
    """An option has a value that cannot be, or two options contradict each other."""


class ImageError(StyleError):
    """A picture cannot be used."""

    exit_code = 3


class ImageNotFound(ImageError):
    """There is no readable regular file at that path."""


class UnsupportedImage(ImageError):
    """The content is no picture, or a format that Impasto does not open."""


class CorruptImage(ImageError):
    """The picture is cut off or damaged."""


class ImageTooLarge(ImageError):
    """The picture has more bytes or pixels than the limits allow."""


class ImageTooSmall(ImageError):
    """The picture is smaller than the network's deepest layer can see."""


class ModelError(StyleError):
    """A network, a checkpoint, a bundle or the runtime itself cannot be used."""

    exit_code = 4


class ModelNotFound(ModelError):
    """There is no network of that name, or no file at that path."""


class CorruptModel(ModelError):
    """The file is cut off, damaged, or not what it claims to be."""


class IncompatibleModel(ModelError):
    """The file is sound, but not a network that fits."""


class UntrustedModel(ModelError):
    """The file's hash is not a known one."""


class RuntimeMissing(ModelError):
    """A package that this work needs is not installed."""


class OutputError(StyleError):
    """The result cannot be written where it was asked for."""

    exit_code = 5


class LimitError(StyleError):
    """The work would exceed, or has exceeded, a limit."""

    exit_code = 6


class MemoryLimit(LimitError):
    """The work needs more memory than it may have."""


class DeadlineExceeded(LimitError):
    """The work took longer than it was allowed to."""


class NumericalError(StyleError):
    """The loss or its gradient became infinite or not a number."""

    exit_code = 7


class ResumeError(StyleError):
    """A saved work is damaged, or what it was begun with is not the same any more."""

    exit_code = 8


class ClusterError(StyleError):
    """The workers of a cluster cannot be reached, were lost, or are not what they must be."""

    exit_code = 9


class WorkerKilled(ClusterError):
    """Several workers of a cluster died of one piece of work, one after the other."""
