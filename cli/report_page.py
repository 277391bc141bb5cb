"""One page that tells everything of a picture: it stands alone, and asks nothing of a network."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from html import escape
from importlib import resources
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from ..engine.errors import ImageError, OptionsError
from ..engine.files import atomic_writer
from .curves_svg import drawn
from .frames import as_jpeg, shrunk_size
from .parsing import spelled_layers

if TYPE_CHECKING:
    from ..engine.engine import Engine
    from ..engine.records import Result
    from .curves import History
    from .watching import Watching

__all__ = ["check_report", "write_report"]

_RESULT_SIDE, _INPUT_SIDE = 1600, 640


def check_report(path: Path) -> None:
    """Raise `OptionsError` where the suffix is not that of a page."""
    if path.suffix.lower() not in (".html", ".htm"):
        raise OptionsError(f"the report {str(path)!r} must have the suffix .html")


def write_report(
    path: Path,
    watching: Watching,
    history: History,
    result: Result,
    engine: Engine | None = None,
    options: object | None = None,
) -> None:
    """Write the page as a whole or not at all.

    Args:
        engine: what made the result, where it is known.
        options: a dataclass of what was asked for, where it is known.

    Raises:
        OutputError: it cannot be written; what was at `path` is unchanged.
    """
    from .. import __version__

    page = Template(resources.files(__package__).joinpath("report_page.html").read_text("utf-8"))
    height, width = result.canvas.shape[:2]
    curves = drawn(history)
    text = page.substitute(
        title=escape(watching.output.name),
        lead=f"{width} x {height}, painted by Impasto {__version__}{_shrunk(result)}",
        result=_compared(watching, result),
        inputs="\n".join(_input(label, picture) for label, picture in watching.pictures),
        curves=f"<h2>Loss</h2>\n{curves}" if curves else "",
        levels=_levels(result),
        command=escape(watching.command),
        settings=_section("Settings", _settings(options)),
        work=_section("The work", [*_machine(engine), *_facts(result)]),
    )
    with atomic_writer(path) as stream:
        # A file name may hold bytes that are no text.
        stream.write(text.encode("utf-8", "backslashreplace"))


def _shrunk(result: Result) -> str:
    height, width = shrunk_size(result.canvas, _RESULT_SIDE)
    is_shrunk = (height, width) != result.canvas.shape[:2]
    return f"; shown here at {width} x {height}" if is_shrunk else ""


def _compared(watching: Watching, result: Result) -> str:
    """The result; with a slider over what it was made of, where that has its shape."""
    from ..engine.images import read_picture, resize

    size = shrunk_size(result.canvas, _RESULT_SIDE)
    after = as_jpeg(result.canvas, _RESULT_SIDE, result.alpha)
    name = watching.output.name
    if watching.before is None:
        return _figure(_image(after, f"The result {name}", size), name)
    try:
        picture = read_picture(watching.before)
    except ImageError:  # it was there when the work began
        return _figure(_image(after, f"The result {name}", size), name)
    alpha = None if picture.alpha is None else resize(picture.alpha, *size)
    before = as_jpeg(resize(picture, *size), _RESULT_SIDE, alpha)
    return (
        '<figure>\n<div class="compare">\n'
        + _image(before, f"Before: {watching.before.name}", size)
        + "\n"
        + _image(after, f"After: {name}", size, "after")
        + '\n<div class="edge"></div>\n'
        '<input type="range" min="0" max="100" value="50" step="1" '
        'aria-label="How much of the picture shows before, from the left">\n</div>\n'
        f"<figcaption>Left of the line {escape(watching.before.name)}, right of it "
        f"{escape(name)}: drag the line, or move it with the arrow keys.</figcaption>\n</figure>"
    )


def _input(label: str, path: Path) -> str:
    from ..engine.images import fitted_size, read_picture, resize

    caption = f"{label}: {path.name}"
    try:
        picture = read_picture(path)
    except ImageError as error:
        return _figure("", f"{caption} ({error})")
    height, width = picture.shape[:2]
    size = fitted_size(height, width, min(_INPUT_SIDE, max(height, width)))
    alpha = None if picture.alpha is None else resize(picture.alpha, *size)
    file = as_jpeg(resize(picture, *size), _INPUT_SIDE, alpha)
    return _figure(_image(file, caption, size), f"{caption}, {width} x {height}")


def _figure(image: str, caption: str) -> str:
    return f"<figure>\n{image}\n<figcaption>{escape(caption)}</figcaption>\n</figure>"


def _image(file: bytes, text: str, size: tuple[int, int], kind: str = "") -> str:
    height, width = size
    named = f'class="{kind}" ' if kind else ""
    data = base64.b64encode(file).decode("ascii")
    return (
        f'<img {named}alt="{escape(text)}" width="{width}" height="{height}" '
        f'src="data:image/jpeg;base64,{data}">'
    )


def _levels(result: Result) -> str:
    rows = [
        (
            f"{level.width} x {level.height}",
            str(level.iterations),
            str(level.evaluations),
            f"{level.loss:.5g}",
            f"{level.seconds:.1f} s",
            level.optimizer,
            level.stopped,
        )
        for level in result.levels
    ]
    headings = ("canvas", "steps", "evaluations", "loss", "time", "optimiser", "ended by")
    return _grid(headings, rows)


def _settings(options: Any) -> list[tuple[str, str]]:
    if options is None:
        return []
    return [
        (field.name.replace("_", " "), _spelled(getattr(options, field.name)))
        for field in fields(options)
    ]


def _spelled(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(spelled_layers(value))
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return "chosen by Impasto" if value is None else str(value)


def _machine(engine: Engine | None) -> list[tuple[str, str]]:
    if engine is None:
        return []
    names = ("model", "device", "precision", "lowering")
    return [(name, str(getattr(engine, name))) for name in names]


def _facts(result: Result) -> list[tuple[str, str]]:
    losses = {"initial": result.initial_loss, "final": result.loss, **result.terms}
    return [
        *((f"loss, {name}", f"{loss:.5g}") for name, loss in losses.items()),
        ("steps", str(result.iterations)),
        ("evaluations", str(result.evaluations)),
        ("time", f"{result.seconds:.1f} s"),
        ("ended by", result.stopped),
    ]


def _section(title: str, rows: Sequence[tuple[str, str]]) -> str:
    """A table under its title; nothing where it would be empty."""
    if not rows:
        return ""
    lines = [
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>'
        for name, value in rows
    ]
    table = "\n".join(["<table>", *lines, "</table>"])
    return f"<section>\n<h2>{title}</h2>\n{table}\n</section>"


def _grid(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{escape(heading)}</th>' for heading in headings)
    lines = ["<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows]
    return f"<table>\n<tr>{head}</tr>\n" + "\n".join(lines) + "\n</table>"
