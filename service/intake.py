"""What a submission may hold, and how its pictures come into the folder of a job.

Names that a client gives to its files are never looked at, nothing is fetched, no path is taken.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, BinaryIO

from ..engine.checks import number, shown, whole
from ..engine.containers import SUFFIXES
from ..engine.errors import OptionsError
from ..engine.options import FILE_OPTIONS, STARTS, Options
from .messages import Failed
from .refusals import no_room, refusal_of
from .settings import ServiceSettings

__all__ = ["MOST_STYLES", "Submission", "named_styles", "submission_of", "write_pictures"]

MOST_STYLES = 4
_FIELDS = {"content", "style", "style_name", "options", "memory", "time"}
_SUFFIXES = {*SUFFIXES, ".style"}
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Submission:
    """Checked as far as it can be without looking at pictures.

    Args:
        content: the upload, as a file that is open.
        styles: uploads, then named ones by their paths.
        memory, time: limits of its own.
    """

    content: BinaryIO
    styles: tuple[BinaryIO | Path, ...]
    options: Options
    memory: int | None
    time: float | None


def named_styles(settings: ServiceSettings) -> dict[str, Path]:
    """Pictures and style files that a request may name: files of one folder, by name."""
    if settings.styles is None:
        return {}
    found = sorted(settings.styles.iterdir())
    return {
        path.stem: path
        for path in found
        if path.suffix.lower() in _SUFFIXES and path.is_file() and not path.name.startswith(".")
    }


def submission_of(
    parts: Sequence[tuple[str, str | BinaryIO]], settings: ServiceSettings
) -> Submission:
    """What the parts of a form ask for.

    Args:
        parts: names, and texts or open files.

    Raises:
        Refusal: it cannot be.
    """
    try:
        return _submission(parts, settings)
    except OptionsError as error:
        raise refusal_of(Failed("OptionsError", str(error))) from error


def _submission(
    parts: Sequence[tuple[str, str | BinaryIO]], settings: ServiceSettings
) -> Submission:
    unknown = {name for name, _ in parts} - _FIELDS
    if unknown:
        raise OptionsError(f"the form may have {', '.join(sorted(_FIELDS))}, and nothing else")
    files = {name: [part for key, part in parts if key == name] for name in _FIELDS}
    contents = [part for part in files["content"] if not isinstance(part, str)]
    styles: list[BinaryIO | Path] = [part for part in files["style"] if not isinstance(part, str)]
    if len(contents) != 1 or len(files["content"]) != 1:
        raise OptionsError("content must be one picture file")
    if len(styles) != len(files["style"]):
        raise OptionsError("style must be a picture file; one of the server has a style_name")
    known = named_styles(settings)
    for name in files["style_name"]:
        if not isinstance(name, str) or name not in known:
            raise OptionsError("there is no style of that name")
        styles.append(known[name])
    if not 1 <= len(styles) <= MOST_STYLES:
        raise OptionsError(f"a job has 1 to {MOST_STYLES} styles")
    memory, seconds = _text(files, "memory"), _text(files, "time")
    return Submission(
        contents[0],
        tuple(styles),
        _options(_text(files, "options") or "{}", settings),
        None if memory is None else _memory(memory, settings),
        None if seconds is None else _time(seconds, settings),
    )


def _text(files: Mapping[str, Sequence[str | BinaryIO]], name: str) -> str | None:
    found = files[name]
    if not found:
        return None
    if len(found) > 1 or not isinstance(found[0], str):
        raise OptionsError(f"{name} must be given once, as text")
    return found[0]


def _memory(text: str, settings: ServiceSettings) -> int:
    try:
        return whole("memory", int(text), 1, settings.memory)
    except ValueError as error:
        raise OptionsError("memory must be a whole number of bytes") from error


def _time(text: str, settings: ServiceSettings) -> float:
    try:
        return number("time", float(text), 0.001, settings.time)
    except ValueError as error:
        raise OptionsError("time must be a number of seconds") from error


def _options(text: str, settings: ServiceSettings) -> Options:
    try:
        told = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise OptionsError("options must be JSON") from error
    known = {field.name for field in fields(Options)}.difference(FILE_OPTIONS)
    if not isinstance(told, dict):
        raise OptionsError(f"options must be a JSON object of {', '.join(sorted(known))}")
    if unknown := sorted(set(told) - known):
        raise OptionsError(
            f"options must not have {shown(unknown[0])}, but {', '.join(sorted(known))}"
        )
    if told.get("init", "content") not in STARTS:
        raise OptionsError(f"init must be one of {', '.join(STARTS)}")
    options = replace(Options(), **told)
    longest = max(options.size) if isinstance(options.size, tuple) else options.size
    if isinstance(longest, int) and longest > settings.limits.output_side:
        raise OptionsError(f"size may be at most {settings.limits.output_side}")
    return options


def write_pictures(folder: Path, submission: Submission) -> list[str]:
    """Put the pictures into the folder, safely on the disk; the names of those of styles.

    Raises:
        Refusal: there is no room.
    """
    try:
        _write(folder / "content", submission.content)
        names = []
        for place, style in enumerate(submission.styles):
            names.append(f"style-{place}")
            if isinstance(style, Path):
                with style.open("rb") as stream:
                    _write(folder / names[-1], stream)
            else:
                _write(folder / names[-1], style)
    except OSError as error:
        raise no_room() from error
    return names


def _write(path: Path, stream: Any) -> None:
    with path.open("xb") as target:
        shutil.copyfileobj(stream, target, _BLOCK)
        target.flush()
        os.fsync(target.fileno())
