"""What a work was begun with, so that another process can begin it again."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, get_args

from .arguments import engine_arguments, text_of
from .checks import number, path_of, shown, whole
from .devices import Precision, is_device
from .errors import ImageNotFound, OptionsError, ResumeError
from .files import open_regular
from .limits import Limits
from .lowerings import Lowering
from .options import STARTS, Options

__all__ = ["Checkpoint", "Settings", "Source"]

_BLOCK = 2**20


@dataclass(frozen=True)
class Checkpoint:
    """Where a work is saved while it goes on, and how often.

    Args:
        folder: is made if there is none; it must not hold another work that is not finished.
        every: seconds between two saves, at least; where saving takes long, they are fewer.
        output: where the picture will be written, told to whoever resumes. `Engine` writes none.
        record: what the picture is to tell of itself (`Provenance.record`), likewise.

    Raises:
        OptionsError: the number of seconds is below 0, or another value is of another kind.
    """

    folder: str | Path
    every: float = 30.0
    output: str | Path | None = None
    record: Mapping[str, Any] | None = field(default=None, hash=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "every", number("checkpoint_every", self.every, 0, 1e9))
        path_of("the folder of the checkpoint", self.folder)
        if self.output is not None:
            path_of("the output of the checkpoint", self.output)
        if self.record is not None and not isinstance(self.record, Mapping):
            raise OptionsError(f"the record must be a mapping, not {shown(self.record)}")

    @classmethod
    def of(cls, where: str | Path | Checkpoint) -> Checkpoint:
        """A folder alone is saved to as often as is usual."""
        return where if isinstance(where, Checkpoint) else cls(where)


@dataclass(frozen=True)
class Source:
    """A picture file, by its absolute path, and the SHA-256 that it had."""

    path: str
    sha256: str

    @classmethod
    def of(cls, picture: object, limits: Limits, what: str) -> Source:
        """The file that a picture is to be read from, of which no more is read than may be.

        Raises:
            OptionsError: it is not given by path.
            ImageNotFound: there is no readable regular file.
        """
        if not isinstance(picture, str | Path):
            raise OptionsError(
                f"the {what} must be given by path: a work with a checkpoint finds it there when "
                "it goes on"
            )
        path = Path(picture).absolute()
        digest, left = hashlib.sha256(), limits.file_bytes
        try:
            with open_regular(path) as stream:
                while left > 0 and (block := stream.read(min(left, _BLOCK))):
                    digest.update(block)
                    left -= len(block)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise ImageNotFound(f"{what} {str(picture)!r} cannot be read: {reason}") from error
        return cls(str(path), digest.hexdigest())

    @classmethod
    def read(cls, told: Mapping[str, Any]) -> Source:
        """That of which `dataclasses.asdict` made JSON; `KeyError` or `TypeError` for another."""
        return cls(text_of(told["path"]), text_of(told["sha256"]))

    def check(self, limits: Limits) -> None:
        """Raise `ResumeError` where the file is not the same any more."""
        try:
            same = Source.of(self.path, limits, "picture") == self
        except ImageNotFound as error:
            raise ResumeError(f"{error}; the work was begun with it") from error
        if not same:
            raise ResumeError(f"the picture {self.path!r} was changed since the work was begun")


@dataclass(frozen=True)
class Settings:
    """Everything that a work was begun with.

    Args:
        engine: arguments of the `Engine`, as they were given; paths are absolute.
        limits: what it accepts.
        fingerprint: of its network.
        options: what was asked for; paths of an initial picture and of masks are absolute.
        content, styles, initial: the pictures; `content` only where there is one, and `initial`
            where it is one of its own.
        masks: that the options name, in their order.
        time: seconds for the whole work, or None.
        memory: bytes for the whole work, or None.
        every: seconds between two saves.
        output, record: where the picture is to be written, and what it is to tell of itself, if the
            caller has said so.
    """

    engine: Mapping[str, Any]
    limits: Limits
    fingerprint: str
    options: Options
    content: Source | None
    styles: tuple[Source, ...]
    initial: Source | None
    time: float | None
    memory: int | None
    every: float
    output: str | None
    record: Mapping[str, Any] | None = None
    masks: tuple[Source, ...] = ()

    def check(self, fingerprint: str) -> None:
        """Raise `ResumeError` where the network or a picture is not the same any more."""
        if fingerprint != self.fingerprint:
            raise ResumeError("the network is another one than the work was begun with")
        for source in (self.content, *self.styles, self.initial, *self.masks):
            if source is not None:
                source.check(self.limits)

    @classmethod
    def of(
        cls,
        engine: Mapping[str, Any],
        limits: Limits,
        fingerprint: str,
        options: Options,
        content: object | None,
        styles: Sequence[object],
        checkpoint: Checkpoint,
        *,
        time: float | None,
        memory: int | None = None,
    ) -> Settings:
        """Those of a work that begins.

        Raises:
            OptionsError: a picture is not given by path.
            ImageNotFound: a picture cannot be read.
        """
        initial = None
        if options.init not in STARTS:
            initial = Source.of(options.init, limits, "initial picture")
            options = replace(options, init=initial.path)
        masks = tuple(Source.of(path, limits, "mask") for path in options.mask_paths)
        options = options.with_mask_paths([mask.path for mask in masks])
        output = checkpoint.output
        return cls(
            _lasting(engine),
            limits,
            fingerprint,
            options,
            None if content is None else Source.of(content, limits, "content picture"),
            tuple(Source.of(style, limits, "style picture") for style in styles),
            initial,
            time,
            memory,
            checkpoint.every,
            None if output is None else str(Path(output).absolute()),
            checkpoint.record,
            masks,
        )

    @classmethod
    def read(cls, told: Mapping[str, Any]) -> Settings:
        """Those that `dataclasses.asdict` made JSON of.

        Raises:
            KeyError, TypeError, ValueError, StyleError: they cannot be.
        """
        options = dict(told["options"])
        content, initial = told["content"], told["initial"]
        time, memory = told["time"], told["memory"]
        output, record = told["output"], told["record"]
        read = {
            "engine": _engine(told["engine"]),
            "fingerprint": text_of(told["fingerprint"]),
            "options": Options(**options),
            "limits": Limits(**told["limits"]),
            "content": None if content is None else Source.read(content),
            "styles": tuple(map(Source.read, told["styles"])),
            "initial": None if initial is None else Source.read(initial),
            "masks": tuple(map(Source.read, told["masks"])),
            "time": None if time is None else number("time", time, 0, 1e12),
            "memory": None if memory is None else whole("memory", memory, 1, sys.maxsize),
            "every": number("every", told["every"], 0, 1e9),
            "output": None if output is None else text_of(output),
            "record": None if record is None else dict(record),
        }
        return cls(**{**told, **read})


def _engine(told: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments that an engine has taken before."""
    found = engine_arguments(told)
    if (
        not is_device(found["device"])
        or found["precision"] not in get_args(Precision)
        or found["lowering"] not in get_args(Lowering)
    ):
        raise ValueError("no engine has had these arguments")
    return found


def _lasting(engine: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of an engine, to be used in another folder."""
    from ..models.store import describe

    model, bundle = engine["model"], engine["bundle"]
    if isinstance(model, bytes):
        raise OptionsError(
            "the network must be given by name or path: a work with a checkpoint finds it there "
            "when it goes on"
        )
    if model is not None:
        known = describe(model)
        model = str(known.path.absolute()) if known.state == "file" and known.path else str(model)
    return {
        **engine,
        "model": model,
        "bundle": None if bundle is None else str(Path(bundle).absolute()),
    }
