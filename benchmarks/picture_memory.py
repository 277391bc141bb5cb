"""Memory of decoding and encoding pictures: what was told before, and what a process took (Linux).

    python benchmarks/picture_memory.py [PHOTOGRAPH ...] [--size 2048]

Pictures of every kind are made of the first photograph, or of noise and waves where none is given;
each is decoded, or encoded to a file, in a process of its own that had done so with a tiny one
before. The last column is what was told, in hundredths of what was taken: 100 to 125 is right,
but for reading BMP and writing WebP (see `engine/picture_memory.py`).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from impasto.engine.images import read_picture, resize
from impasto.engine.limits import Limits

CHILD = """
import ctypes, re, sys, tempfile
from pathlib import Path
import numpy as np
from impasto.engine.images import read_header, read_picture, write_picture
from impasto.engine.limits import Limits
from impasto.engine.picture_memory import encode_bytes
limits = Limits(file_bytes=1 << 30)
def status(name):
    found = re.search(rf"^{name}:\\s*(\\d+)", Path("/proc/self/status").read_text(), re.M)
    return int(found[1]) * 1024
def taken(work):
    # Else what is free in the heap would be taken first, and not counted.
    ctypes.CDLL(None).malloc_trim(0)
    before = status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    work()
    return status("VmHWM") - before
kind, path, tiny = sys.argv[1:]
if kind == "decode":
    read_header(tiny, limits), read_picture(tiny, limits)
    print(read_header(path, limits).decode_bytes, taken(lambda: read_picture(path, limits)))
else:
    format, channels = kind.split()
    suffix = {"JPEG": "jpg", "WEBP": "webp", "TIFF": "tif"}.get(format, format.lower())
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / f"x.{suffix}"
        pixels = np.load(path)
        alpha = pixels[..., 1].copy() if channels == "4" else None
        rgb = np.load(tiny)
        write_picture(output, rgb, None if alpha is None else rgb[..., 1].copy())
        told = encode_bytes(*pixels.shape[:2], int(channels), format)
        print(told, taken(lambda: write_picture(output, pixels, alpha)))
"""
ENCODED = (
    "PNG 3",
    "PNG 4",
    "JPEG 3",
    "WEBP 3",
    "WEBP 4",
    "TIFF 3",
    "TIFF 4",
    "BMP 3",
    "AVIF 3",
    "AVIF 4",
)


def main() -> None:
    """Print one line for each kind of picture."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("photographs", type=Path, nargs="*")
    parser.add_argument("--size", type=int, default=2048)
    arguments = parser.parse_args()
    pixels = photograph(arguments.photographs[:1], arguments.size)
    noise = np.random.default_rng(0).random(pixels.shape, np.float32)
    with tempfile.TemporaryDirectory() as name:
        folders = [Path(name) / part for part in ("tiny", "large")]
        for folder, picture in zip(folders, (resize(pixels, 40, 48), pixels), strict=True):
            folder.mkdir()
            save_kinds(folder, Image.fromarray(np.round(picture * 255).astype(np.uint8)))
            np.save(folder / "photograph.npy", picture)
            np.save(folder / "noise.npy", noise[: picture.shape[0], : picture.shape[1]])
        tiny, large = folders
        height, width = pixels.shape[:2]
        print(f"{width} x {height}")
        for path in sorted(large.iterdir()):
            for kind in ENCODED if path.suffix == ".npy" else ("decode",):
                report(kind, path, tiny / path.name)
        for path in arguments.photographs:
            report("decode", path, next(tiny.glob(f"*{path.suffix}")))


def photograph(paths: list[Path], size: int) -> np.ndarray:
    """(H, W, 3) in 0..1."""
    for path in paths:
        return resize(read_picture(path, Limits(file_bytes=1 << 30)), size * 2 // 3, size)
    y, x = np.mgrid[0 : size * 2 // 3, 0:size] / np.float32(size)
    return np.stack([np.sin(9 * x * (k + y)) / 2 + 0.5 for k in range(3)], -1).astype(np.float32)


def save_kinds(folder: Path, picture: Image.Image) -> None:
    grey = picture.convert("L")
    deep = np.asarray(grey).astype(np.uint16) * 257
    clear = picture.copy()
    clear.putalpha(grey)
    random = np.random.default_rng(0).integers(0, 256, (*deep.shape, 3), np.uint8)
    noise = Image.fromarray(random)
    turned = Image.Exif()
    turned[274] = 6
    for name, image, options in (
        ("420.jpg", picture, {}),
        ("444.jpg", picture, {"quality": 95, "subsampling": 0}),
        ("420-progressive.jpg", picture, {"progressive": True}),
        ("444-progressive.jpg", picture, {"subsampling": 0, "progressive": True}),
        ("grey.jpg", grey, {}),
        ("grey-progressive.jpg", grey, {"progressive": True}),
        ("cmyk.jpg", picture.convert("CMYK"), {}),
        ("noise.jpg", noise, {"quality": 95}),
        ("turned.jpg", picture, {"exif": turned}),
        ("rgb.png", picture, {}),
        ("rgba.png", clear, {}),
        ("grey.png", grey, {}),
        ("grey-16.png", Image.fromarray(deep), {}),
        ("grey-alpha.png", Image.merge("LA", (grey, grey)), {}),
        ("palette.png", picture.quantize(256), {}),
        ("one-bit.png", grey.convert("1"), {}),
        ("noise.png", noise, {}),
        ("lossy.webp", picture, {}),
        ("lossless.webp", picture, {"lossless": True, "method": 0}),
        ("alpha.webp", clear, {"method": 0}),
        ("raw.tif", picture, {}),
        ("lzw.tif", picture, {"compression": "tiff_lzw"}),
        ("jpeg.tif", picture, {"compression": "jpeg"}),
        ("alpha.tif", clear, {"compression": "tiff_lzw"}),
        ("one-strip.tif", picture, {"compression": "tiff_lzw", "tiffinfo": {278: picture.height}}),
        ("turned.tif", picture, {"exif": turned}),
        ("grey-16.tif", Image.fromarray(deep), {}),
        ("float.tif", Image.fromarray((deep / 65535).astype(np.float32)), {}),
        ("rgb.bmp", picture, {}),
        ("grey.bmp", grey, {}),
        ("palette.gif", picture.quantize(64), {}),
        ("420.avif", picture, {"speed": 10}),
        ("444.avif", picture, {"speed": 10, "subsampling": "4:4:4"}),
        ("alpha.avif", clear, {"speed": 10}),
    ):
        image.save(folder / name, **options)


def report(kind: str, path: Path, tiny: Path) -> None:
    command = [sys.executable, "-P", "-c", CHILD, kind, str(path), str(tiny)]
    told, taken = map(int, subprocess.check_output(command, text=True).split())
    print(
        f"{kind:7} {path.name:24} taken {taken / 1e6:7.1f} MB  told {told / 1e6:7.1f} MB "
        f"{100 * told / taken:5.0f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
