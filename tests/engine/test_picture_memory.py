import sys

import numpy as np
import pytest
from PIL import Image

from impasto.engine.images import write_picture
from impasto.engine.picture_memory import encode_bytes

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")

# `malloc_trim`, for what is free in the heap would be taken first, and not counted.
MEASURE = """
import ctypes, re, sys
from pathlib import Path
import numpy as np
from impasto.engine.images import read_header, read_picture, write_picture
def status(name):
    found = re.search(rf"^{name}:\\s*(\\d+)", Path("/proc/self/status").read_text(), re.M)
    return int(found[1]) * 1024
def taken(work):
    getattr(ctypes.CDLL(None), "malloc_trim", int)(0)
    Path("/proc/self/clear_refs").write_text("5")
    before = status("VmRSS")
    work()
    return status("VmHWM") - before
"""
SIZE = (1500, 1200)


def picture(size):
    y, x = np.mgrid[0 : size[1], 0 : size[0]] / 200
    waves = [np.sin(x * k + y) * 127 + 127 for k in range(3)]
    return Image.fromarray(np.stack(waves, -1).astype(np.uint8))


@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        ("jpg", {}),
        ("jpg", {"progressive": True, "subsampling": 0}),
        ("png", {}),
        ("webp", {}),
        ("tif", {"compression": "tiff_lzw"}),
        ("bmp", {}),
    ],
)
def test_what_is_told_of_decoding_is_never_below_what_is_taken(
    tmp_path, run_alone, suffix, options
):
    for name, size in (("tiny", (48, 40)), ("large", SIZE)):
        picture(size).save(tmp_path / f"{name}.{suffix}", **options)
    program = (
        MEASURE
        + """
tiny, large = sys.argv[1:]
read_header(tiny), read_picture(tiny)
print(read_header(large).decode_bytes, taken(lambda: read_picture(large)))
"""
    )
    paths = (tmp_path / f"{name}.{suffix}" for name in ("tiny", "large"))
    told, taken = map(int, run_alone(program, *paths).split())
    assert taken <= told
    # And close enough that a plan made of it is no waste.
    # A BMP, as large as its pixels, may stay in the heap or not.
    assert told <= (1.6 if suffix == "bmp" else 1.25) * taken


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_so_it_is_for_colours_of_16_bits(tmp_path, run_alone, suffix):
    for name, size in (("tiny", (48, 40)), ("large", SIZE)):
        pixels = np.asarray(picture(size)) / np.float32(255)
        write_picture(tmp_path / f"{name}.{suffix}", pixels, depth=16)
    program = (
        MEASURE
        + """
tiny, large = sys.argv[1:]
read_header(tiny), read_picture(tiny)
print(read_header(large).decode_bytes, taken(lambda: read_picture(large)))
"""
    )
    paths = (tmp_path / f"{name}.{suffix}" for name in ("tiny", "large"))
    told, taken = map(int, run_alone(program, *paths).split())
    assert taken <= told <= 1.25 * taken


@pytest.mark.parametrize(
    ("suffix", "depth"),
    [(s, 8) for s in ("jpg", "png", "webp", "tif", "bmp", "avif")] + [("png", 16), ("tif", 16)],
)
def test_what_is_told_of_encoding_is_never_below_what_is_taken(tmp_path, run_alone, suffix, depth):
    program = (
        MEASURE
        + """
path, height, width, depth = sys.argv[1], *map(int, sys.argv[2:])
pixels = np.full((height, width, 3), 0.25, np.float32)
pixels[::2, ::3] = 1
write_picture(path, pixels[:40, :48], depth=depth)
print(taken(lambda: write_picture(path, pixels, depth=depth)))
"""
    )
    format = {"jpg": "JPEG", "tif": "TIFF"}.get(suffix, suffix.upper())
    taken = int(run_alone(program, tmp_path / f"x.{suffix}", SIZE[1], SIZE[0], depth))
    assert taken <= encode_bytes(SIZE[1], SIZE[0], 3, format, depth)
