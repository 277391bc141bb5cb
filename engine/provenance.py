"""How a picture was made, as it is told inside the picture itself, and read again from there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypeAlias, get_args

from .arguments import engine_arguments, text_of
from .checks import bit_depth, number, shown, whole
from .embedding import MOST_CHARACTERS, embedded_text
from .errors import (
    CorruptImage,
    ImageNotFound,
    OptionsError,
    ResumeError,
    StyleError,
    UnsupportedImage,
)
from .files import open_regular
from .limits import Limits
from .options import STARTS, Options
from .settings import Source

if TYPE_CHECKING:
    from .records import Result

__all__ = ["Ingredient", "Provenance", "Role", "TaskName", "read_provenance"]

TaskName: TypeAlias = Literal["stylize", "reconstruct", "texture"]
Role: TypeAlias = Literal["content", "style", "initial", "mask"]

_LARGEST = 2**53


@dataclass(frozen=True)
class Ingredient:
    """A picture that another was made of: its part, its path as it was typed, and its SHA-256."""

    role: Role
    path: str
    sha256: str

    @classmethod
    def of(cls, role: Role, path: str | Path, limits: Limits | None = None) -> Ingredient:
        """The file as it is now.

        Raises:
            ImageNotFound: there is no readable regular file.
        """
        return cls(role, str(path), Source.of(path, limits or Limits(), f"{role} picture").sha256)

    def check(self, limits: Limits | None = None) -> None:
        """Raise `ResumeError` where the file is gone, or not the same any more."""
        try:
            same = Ingredient.of(self.role, self.path, limits) == self
        except ImageNotFound as error:
            raise ResumeError(
                f"{error}; paths are those that were typed, seen from the folder of then"
            ) from error
        if not same:
            raise ResumeError(
                f"the {self.role} picture {self.path!r} is not the one that it was made of: its "
                "SHA-256 is another"
            )


@dataclass(frozen=True)
class Provenance:
    """Everything that a picture was made from; the same work has the same record.

    Args:
        version: of Impasto.
        task: what was done.
        options: with which options.
        model, fingerprint: name of the network, and hash of all that it computes.
        machine: arguments of the `Engine` that make it again: "model" and "bundle" as they were
            given, "device", "precision", "threads" and "lowering" as they were chosen.
        pictures: what it was made of.
        memory, time: bytes and seconds that it was given, or None.
        quality: of a JPEG, WebP or AVIF, where one was asked for.
        depth: bits of each sample of its file.
        command: what was typed, or nothing.
        size: (width, height) of the result; None before there is one.
        plan: how it was computed, for people to read.
    """

    version: str
    task: TaskName
    options: Options
    model: str
    fingerprint: str
    machine: Mapping[str, Any]
    pictures: tuple[Ingredient, ...]
    memory: int | None = None
    time: float | None = None
    quality: int | None = None
    depth: int = 8
    command: str = ""
    size: tuple[int, int] | None = None
    plan: Mapping[str, Any] | None = None

    def of(self, result: Result, plan: Mapping[str, Any] | None) -> Provenance:
        """That of this result, which was planned so."""
        height, width = result.canvas.shape[:2]
        return replace(self, size=(width, height), plan=plan)

    def record(self) -> dict[str, Any]:
        """All of it for JSON."""
        told = asdict(self)
        return {"impasto": told.pop("version"), **told}

    def check(self) -> None:
        """Raise `ResumeError` where a picture is gone, or not the same any more."""
        for picture in self.pictures:
            picture.check()

    def paths(self, role: Role) -> list[Path]:
        """Of the pictures of a part."""
        return [Path(picture.path) for picture in self.pictures if picture.role == role]

    @classmethod
    def read(cls, told: object) -> Provenance:
        """What `record` gave.

        Raises:
            OptionsError: it is no such record; the message says why.
        """
        known = {field.name for field in fields(cls)} - {"version"} | {"impasto"}
        if not isinstance(told, dict) or not known >= told.keys():
            raise OptionsError("it is no record of this version")
        try:
            made = cls(
                version=text_of(told["impasto"]),
                task=_one_of(told["task"], get_args(TaskName)),
                options=Options(**_table(told["options"])),
                model=text_of(told["model"]),
                fingerprint=text_of(told["fingerprint"]),
                machine=_machine(_table(told["machine"])),
                pictures=tuple(_ingredient(_table(one)) for one in told["pictures"]),
                memory=_maybe(told["memory"], lambda v: whole("memory", v, 1, _LARGEST)),
                time=_maybe(told["time"], lambda v: number("time", v, 0, _LARGEST)),
                quality=_maybe(told["quality"], lambda v: whole("quality", v, 1, 100)),
                depth=bit_depth("depth", told.get("depth", 8)),  # older records have none
                command=text_of(told["command"]),
                size=_maybe(told["size"], _size),
                plan=_maybe(told["plan"], _table),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise OptionsError(f"a part of it is missing or wrong: {error}") from error
        made._check_pictures()
        return made

    def _check_pictures(self) -> None:
        count = {role: len(self.paths(role)) for role in get_args(Role)}
        starts_from = self.options.init not in STARTS
        initial = [self.options.init] if starts_from else []
        if (
            count["content"] != (self.task != "texture")
            or (count["style"] > 0) != (self.task != "reconstruct")
            or [one.path for one in self.pictures if one.role == "initial"] != initial
            or [one.path for one in self.pictures if one.role == "mask"] != self.options.mask_paths
        ):
            raise OptionsError(f"its pictures are not those of {self.task}")


def read_provenance(path: str | Path) -> Provenance:
    """How the picture in a file was made. Only the record is read, and nothing it names is opened.

    Raises:
        ImageNotFound: there is no readable regular file.
        UnsupportedImage: it tells nothing of how it was made.
        CorruptImage: what it tells cannot be.
    """
    name = f"picture {str(path)!r}"
    try:
        with open_regular(path) as stream:
            text = embedded_text(stream)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ImageNotFound(f"{name} cannot be read: {reason}") from error
    if text is None:
        raise UnsupportedImage(
            f"{name} does not tell how it was made: it is not of Impasto, was written with "
            "--no-metadata, or lost its metadata since"
        )
    try:
        if len(text) > MOST_CHARACTERS:
            raise OptionsError("it is too long")
        return Provenance.read(json.loads(text, parse_constant=_refuse))
    except (StyleError, ValueError, RecursionError) as error:
        raise CorruptImage(f"{name} tells in no sound way how it was made: {error}") from error


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number of JSON")


def _maybe(value: Any, read: Any) -> Any:
    return None if value is None else read(value)


def _table(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(f"{shown(value)} is no table")
    return value


def _one_of(value: object, choices: tuple[str, ...]) -> Any:
    if value not in choices:
        raise ValueError(f"{shown(value)} is none of {', '.join(choices)}")
    return value


def _size(value: Any) -> tuple[int, int]:
    width, height = value
    return whole("width", width, 1, _LARGEST), whole("height", height, 1, _LARGEST)


def _ingredient(told: dict[str, Any]) -> Ingredient:
    digest = text_of(told["sha256"])
    return Ingredient(_one_of(told["role"], get_args(Role)), text_of(told["path"]), digest)


def _machine(told: dict[str, Any]) -> dict[str, Any]:
    """The arguments of an engine, of which the threads are those that were chosen."""
    whole("threads", told["threads"], 1, 1024)
    return engine_arguments(told)
