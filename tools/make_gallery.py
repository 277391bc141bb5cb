"""Paint one photograph with each of the artist's controls, and put all on one labelled sheet.

    python tools/make_gallery.py
    python tools/make_gallery.py PHOTO PAINTING SECOND_PAINTING --size 256 -o gallery.png

Under each picture stands what is typed after `impasto stylize PHOTO PAINTING`. Takes about ten
minutes on two cores.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from typer.main import get_command

from impasto import Engine, Options
from impasto.cli.main import app
from impasto.cli.sheets import Cell, Row, drawn_sheet
from impasto.cli.tasks import options_of
from impasto.engine.errors import StyleError
from impasto.engine.images import fitted_size, read_picture, resize, write_picture

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"
# The second painting, where it stands among the arguments.
SECOND = "SECOND"
# What each cell is painted with, beside the defaults; the first one has nothing else.
CONTROLS: Mapping[str, Sequence[str]] = {
    "How much": ("", "--style-weight 3", "--style-weight 60", "--strength 0.5"),
    "Whose colours": ("--color content", "--color luminance", "--color match"),
    "Where": (
        f"{SECOND} --mask left.png --mask right.png",
        "--mask left.png",
        "--mask left.png:top.png",
        "--keep left.png",
    ),
    "Two paintings": (
        SECOND,
        f"{SECOND} --style-blend 4,1",
        f"{SECOND} --layer-style relu1_1=2",
        f"{SECOND} --layer-style relu4_1=2",
    ),
    "Strokes": (
        "--style-scale 0.4",
        "--style-scale 2",
        "--style-falloff 0.3",
        "--style-falloff 3",
    ),
    "What is compared": (
        "--style-loss moments",
        "--style-loss wasserstein",
        "--balance-gradients",
        "--style-layer relu1_1 --style-layer relu2_1",
    ),
    "What is left of the photograph": (
        "--content-layer relu2_2",
        "--content-layer relu5_1",
        "--content-weight 0",
        "--init noise --seed 1",
    ),
    "How the network sees": (
        "--pool average",
        "--border zeros",
        "--border reflect",
        "--border wrap",
    ),
    "How smooth, and how it is found": (
        "--tv-weight 30",
        "--tv-weight 3 --tv-loss absolute",
        "--init-blend 0.5",
        "--optimizer adam",
    ),
}


def options_for(arguments: Sequence[str], paths: Mapping[str, str]) -> Options:
    """What the command line makes of a cell's arguments; files stand in them by their names here,
    and are found by these paths."""
    given = [":".join(paths.get(name, name) for name in one.split(":")) for one in arguments]
    words = ["PHOTO", "PAINTING", *given]
    context = get_command(app).commands["stylize"].make_context("stylize", words)
    return options_of(context, Options())


def masks_in(folder: Path, shape: tuple[int, int], painting: tuple[int, int]) -> dict[str, str]:
    """Halves with a soft edge, by the names that stand in the cells: of the photograph's shape, and
    one of the painting's."""
    across, down = np.linspace(0, 1, shape[1])[None], np.linspace(0, 1, painting[0])[:, None]
    left = np.broadcast_to(np.clip(0.5 + 20 * (0.5 - across), 0, 1), shape)
    top = np.broadcast_to(np.clip(0.5 + 20 * (0.5 - down), 0, 1), painting)
    found = {}
    for name, mask in (("left.png", left), ("right.png", 1 - left), ("top.png", top)):
        found[name] = str(folder / name)
        write_picture(folder / name, np.repeat(mask[..., None], 3, 2).astype(np.float32))
    return found


def shown(path: Path, size: int) -> np.ndarray:
    """A picture with this longer side."""
    picture = read_picture(path)
    return resize(picture, *fitted_size(*picture.shape[:2], size))


def painted(
    engine: Engine, pictures: Sequence[Path], more: Sequence[str], folder: Path
) -> list[Row]:
    """A row for each kind of control.

    Args:
        pictures: the photograph, the painting and the second one.
        more: arguments of every cell, such as the size.
        folder: for masks.
    """
    photo, *paintings = pictures
    shapes = [read_picture(path).shape[:2] for path in pictures[:2]]
    masks = masks_in(folder, *shapes)
    rows = []
    for title, controls in CONTROLS.items():
        cells = []
        for control in controls:
            sys.stderr.write(f"{title}: {control}\n")
            words = shlex.split(control)
            styles = paintings if SECOND in words else paintings[:1]
            given = [word for word in words if word != SECOND]
            options = options_for([*more, *given], masks)
            result = engine.stylize(photo, styles, options)
            cells.append(Cell(result.canvas, control or "(nothing)"))
        rows.append(Row(title, cells))
    return rows


def main() -> None:
    """Paint all of them, and write the sheet."""
    parser = argparse.ArgumentParser(description="The artist's controls on one sheet.")
    parser.add_argument("photo", nargs="?", type=Path, default=EXAMPLES / "photo_cat.jpg")
    parser.add_argument("painting", nargs="?", type=Path, default=EXAMPLES / "style_strokes.jpg")
    parser.add_argument("second", nargs="?", type=Path, default=EXAMPLES / "style_mosaic.jpg")
    parser.add_argument("--size", type=int, default=176)
    parser.add_argument("--iterations", default="60")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--quality", type=int)
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "docs/images/gallery.jpg")
    given = parser.parse_args()
    pictures = [given.photo, given.painting, given.second]
    names = ("PHOTO", "PAINTING", SECOND)
    try:
        sources = [
            Cell(shown(path, given.size), name) for path, name in zip(pictures, names, strict=True)
        ]
        more = ["--size", str(given.size), "--iterations", given.iterations]
        with tempfile.TemporaryDirectory() as folder:
            rows = painted(Engine(threads=given.threads), pictures, more, Path(folder))
        sheet = drawn_sheet([Row("impasto stylize PHOTO PAINTING ...", sources), *rows])
        write_picture(given.output, sheet, quality=given.quality)
    except StyleError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
