"""Rows I01 to I12, and I25: picture files that are none, are damaged, or ask for too much."""

import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from impasto.engine.errors import (
    CorruptImage,
    ImageError,
    ImageNotFound,
    ImageTooLarge,
    ImageTooSmall,
    UnsupportedImage,
)
from impasto.engine.images import read_picture
from impasto.engine.limits import Limits

from .rows import row
from .samples import PEAK, SOUND, chunk, exif, photo, png, saved

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def no_place(tmp_path, kind):
    path = tmp_path / "place.png"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "loop":
        path.symlink_to(path)
    elif kind == "dangling link":
        path.symlink_to(tmp_path / "none")
    elif kind == "file as folder":
        path.write_bytes(b"")
        path = path / "in.png"
    return path


@row("I01")
@pytest.mark.parametrize(
    "kind", ["missing", "folder", "pipe", "device", "loop", "dangling link", "file as folder"]
)
def test_what_is_no_readable_file_is_not_found(tmp_path, paint, refused, kind):
    path = no_place(tmp_path, kind)
    with pytest.raises(ImageNotFound):
        read_picture(path)
    refused(paint(content=path), 3, path)


@row("I01")
def test_file_without_permission_is_not_found(tmp_path, paint, refused):
    path = tmp_path / "private.png"
    path.write_bytes(SOUND["png"])
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("the superuser may read everything")
    refused(paint(content=path), 3, path, "denied")


NO_PICTURES = {
    "empty": b"",
    "one byte": b"\xff",
    "random": np.random.default_rng(3).bytes(5000),
    "text": b"a picture, they said\n" * 50,
    "html": b"<!doctype html><html><body>404</body></html>",
    "pdf": b"%PDF-1.7\n1 0 obj<<>>endobj\n%%EOF",
    "zip": b"PK\x03\x04" + bytes(200),
    "onnx": b"\x08\x08\x12\x04test" + bytes(100),
}


@row("I02")
@pytest.mark.parametrize("kind", NO_PICTURES)
def test_what_is_no_picture_is_unsupported_whatever_its_name(tmp_path, paint, refused, kind):
    path = tmp_path / "x.jpg"
    path.write_bytes(NO_PICTURES[kind])
    with pytest.raises(UnsupportedImage):
        read_picture(path)
    refused(paint(content=path), 3, path)


OTHER_FORMATS = {
    "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n{loop} loop\n",
    "psd": b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 9, 9, 8, 3) + bytes(300),
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>",
    "fits": b"SIMPLE  =                    T".ljust(2880),
    "jpeg 2000": b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(100),
    "tga": saved(photo(9, 9), "TGA"),
    "ico": saved(photo(16, 16), "ICO"),
    "gd": b"\xff\xfe\0\x09\0\x09\1\xff\xff\xff\xff" + bytes(400),
    "ppm": saved(photo(9, 9), "PPM"),
    "pcx": saved(photo(9, 9), "PCX"),
}


@row("I03")
@pytest.mark.parametrize("kind", OTHER_FORMATS)
def test_other_formats_are_refused_by_content_and_no_parser_runs(
    tmp_path, paint, refused, monkeypatch, kind
):
    def opened(*arguments, **rest):
        raise AssertionError("a parser was asked")

    path = tmp_path / "x.png"
    path.write_bytes(OTHER_FORMATS[kind])
    monkeypatch.setattr(Image, "open", opened)
    with pytest.raises(UnsupportedImage):
        read_picture(path)
    refused(paint(content=path), 3, path)


@row("I04")
@pytest.mark.parametrize("kind", SOUND)
@pytest.mark.parametrize("share", [0.25, 0.5, 0.9, 0.99, None])
def test_every_cut_is_seen_and_no_half_picture_is_made(kind, share):
    data = SOUND[kind]
    cut = data[: len(data) - 1 if share is None else int(share * len(data))]
    try:
        whole, found = read_picture(data), read_picture(cut)
    except (CorruptImage, UnsupportedImage):
        return
    # What a format does not need at its end: nothing but the same pixels.
    assert np.array_equal(whole.samples, found.samples)


@row("I04")
def test_cut_picture_is_one_sentence(tmp_path, paint, refused):
    path = tmp_path / "cut.jpg"
    path.write_bytes(SOUND["jpeg"][:-300])
    refused(paint(content=path), 3, path)
    refused(paint(style=path), 3, path, "style picture")


def _damaged():
    png_file, jpeg, webp = SOUND["png"], SOUND["jpeg"], SOUND["webp"]
    at = png_file.index(b"IDAT")
    stream = zlib.compress(bytes(41 * 40))
    table = jpeg.index(b"\xff\xc4") + 5
    yield "bad checksum", png_file[: at + 20] + bytes([png_file[at + 20] ^ 1]) + png_file[at + 21 :]
    yield "bad stream", png(40, 40, 8, 0, stream[:5] + b"\xff\xff" + stream[7:])
    yield "cut stream", png(40, 40, 8, 0, stream[: len(stream) // 2])
    yield "no end", png_file[:-12]
    yield "no pixels", SIGNATURE + chunk(b"IHDR", png_file[16:29]) + chunk(b"IEND", b"")
    yield "pixels before the header", SIGNATURE + png_file[33:] + png_file[8:33]
    yield "bad table", jpeg[:table] + b"\xff" * 16 + jpeg[table + 16 :]
    yield "no table", jpeg.replace(b"\xff\xc4", b"\xff\xfe")
    yield "bad size", webp[:4] + b"\xff\xff\xff\x7f" + webp[8:]
    yield "small size", webp[:4] + b"\4\0\0\0" + webp[8:]


DAMAGED = dict(_damaged())


@row("I05")
@pytest.mark.parametrize("kind", DAMAGED)
def test_damage_is_an_image_error_or_the_exact_picture(kind):
    try:
        found = read_picture(DAMAGED[kind])
    except CorruptImage as error:
        assert "\n" not in str(error)
    else:
        # Without tables the usual ones are meant (ITU-T T.81, K.3), and these are the usual ones.
        whole = SOUND["jpeg" if kind == "no table" else "webp"]
        assert np.array_equal(found.samples, read_picture(whole).samples)


BOMBS = {
    "square": png(50_000, 50_000, 8, 2, zlib.compress(b"")),
    "wide": png(100_000, 1, 8, 2, zlib.compress(b"")),
    "high": png(1, 100_000, 8, 2, zlib.compress(b"")),
    "gif": b"GIF89a"
    + struct.pack("<HHBBB", 65535, 65535, 0x80, 0, 0)
    + bytes(6)
    + struct.pack("<BHHHHB", 0x2C, 0, 0, 65535, 65535, 0)
    + b"\2\2\x4c\1\0;",
    "webp": b"RIFF\x1e\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\xfe\xff\xff\xfe\xff\xff" + bytes(8),
    "bmp": b"BM" + struct.pack("<IHHIIiiHH", 54, 0, 0, 54, 40, 50000, 50000, 1, 24) + bytes(24),
    "tiff": b"II*\0\x08\0\0\0\5\0"
    + b"".join(
        struct.pack("<HHII", *entry)
        for entry in (
            (256, 4, 1, 60000),
            (257, 4, 1, 60000),
            (258, 3, 1, 8),
            (262, 3, 1, 1),
            (273, 4, 1, 8),
        )
    )
    + bytes(4),
    "jpeg": b"\xff\xd8\xff\xc0\0\x11\x08\xff\xff\xff\xff\3\1\x11\0\2\x11\0\3\x11\0\xff\xd9",
}
_MEASURED = """
import sys
from impasto.engine.errors import ImageError
from impasto.engine.images import read_header, read_picture

read_picture(sys.argv[1])
before = peak()
for name in sys.argv[2:]:
    for read in (read_header, read_picture):
        try:
            read(name)
        except ImageError as error:
            print(type(error).__name__)
        grown = peak() - before
        assert grown < 8 * 2**20, (name, grown)
"""


@row("I07")
@pytest.mark.parametrize("kind", BOMBS)
def test_announced_pixels_are_refused_by_the_header(tmp_path, paint, refused, kind):
    path = tmp_path / "bomb.png"
    path.write_bytes(BOMBS[kind])
    with pytest.raises(ImageTooLarge):
        read_picture(path)
    refused(paint(content=path), 3, path)


@row("I07")
def test_sides_of_no_length_are_damage():
    with pytest.raises(ImageError):
        read_picture(png(0, 100_000, 8, 2, zlib.compress(b"")))


@row("I07")
def test_larger_frame_behind_the_first_is_never_looked_at(tmp_path):
    small = SOUND["gif"]
    frame = b"," + struct.pack("<HHHHB", 0, 0, 65535, 65535, 0) + b"\2\2\x4c\1\0"
    found = read_picture(small[:-1] + frame + b";")
    assert found.shape == (40, 40, 3)
    assert np.array_equal(found.samples, read_picture(small).samples)


@row("I07")
def test_bombs_take_no_memory(tmp_path, run_alone):
    """The peak of the whole process, in which one sound picture was read before."""
    paths = [tmp_path / "sound.png", *(tmp_path / f"{number}.png" for number in range(len(BOMBS)))]
    for path, data in zip(paths, [SOUND["png"], *BOMBS.values()], strict=True):
        path.write_bytes(data)
    assert run_alone(PEAK + _MEASURED, *paths) == "ImageTooLarge\n" * 2 * len(BOMBS)


_WITHIN = """
import sys
from impasto.engine.images import read_header, read_picture

read_picture(sys.argv[1])
before = peak()
told = read_header(sys.argv[2])
assert told.shape == (3000, 4000, 3)
found = read_picture(sys.argv[2])
print(found.samples.nbytes, told.held_bytes)
grown = peak() - before
assert grown <= told.decode_bytes, (grown, told.decode_bytes)
"""


@row("I08")
def test_small_file_of_many_equal_pixels_is_read_within_the_estimate(tmp_path, run_alone):
    data = png(4000, 3000, 8, 2, zlib.compress(bytes(12001 * 3000), 9))
    assert len(data) * 700 < 4000 * 3000 * 3
    for name, content in (("sound.png", SOUND["png"]), ("bomb.png", data)):
        (tmp_path / name).write_bytes(content)
    said = run_alone(PEAK + _WITHIN, tmp_path / "sound.png", tmp_path / "bomb.png")
    assert said == "36000000 36000000\n"


def _with_metadata(size):
    filler = os.urandom(1 << 16).hex().encode() * (size // (1 << 17))
    plain = SOUND["png"]
    text = chunk(b"tEXt", b"Comment\0" + filler)
    packed = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(size), 1))
    yield "png", plain[:33] + text + packed + chunk(b"eXIf", exif(1)[6:]) + plain[33:]
    piece = b"\xff\xfe\xff\xff" + filler[:65533]
    yield "jpeg", SOUND["jpeg"][:2] + piece * (size // 65535) + SOUND["jpeg"][2:]


@row("I09")
@pytest.mark.parametrize("kind", ["png", "jpeg"])
def test_metadata_count_by_the_byte_and_go_nowhere(tmp_path, paint, kind):
    data = dict(_with_metadata(30 << 20))[kind]
    assert np.array_equal(read_picture(data).samples, read_picture(SOUND[kind]).samples)
    with pytest.raises(ImageTooLarge):
        read_picture(data, Limits(file_bytes=len(data) - 1))
    (tmp_path / "long.png").write_bytes(data)
    assert paint(content=tmp_path / "long.png").code == 0
    with Image.open(tmp_path / "art.png") as art:
        # How it was made, and in which colours; nothing that the other says.
        assert art.info.keys() == {"impasto", "icc_profile"}
    assert (tmp_path / "art.png").stat().st_size < 10_000


@row("I10")
def test_bytes_of_a_file_at_the_limit_and_one_more(tmp_path):
    path = tmp_path / "x.png"
    path.write_bytes(SOUND["png"])
    size = len(SOUND["png"])
    assert read_picture(path, Limits(file_bytes=size)).shape == (40, 40, 3)
    with pytest.raises(ImageTooLarge, match=f"more than {size - 1} bytes"):
        read_picture(path, Limits(file_bytes=size - 1))


@row("I10")
def test_file_that_grows_while_it_is_read_is_read_up_to_the_limit(tmp_path, monkeypatch):
    """The same for streams without an end: their files are refused unopened, see I01."""
    path = tmp_path / "x.png"
    path.write_bytes(SOUND["png"])
    taken = []
    fdopen = os.fdopen

    class Endless:
        def __init__(self, stream):
            self._stream = stream

        def __enter__(self):
            return self

        def __exit__(self, *exc):
            self._stream.close()

        def fileno(self):
            return self._stream.fileno()

        def read(self, count):
            taken.append(count)
            return bytes(count)

    monkeypatch.setattr(os, "fdopen", lambda *given: Endless(fdopen(*given)))
    with pytest.raises(ImageTooLarge):
        read_picture(path, Limits(file_bytes=1 << 22))
    assert sum(taken) <= (1 << 22) + (1 << 20) + 1


@row("I10")
def test_sparse_file_beyond_the_limit_takes_no_more_than_the_limit(tmp_path, paint, refused):
    path = tmp_path / "x.png"
    with path.open("wb") as stream:
        stream.write(SOUND["png"])
        stream.truncate(1 << 40)
    refused(paint(content=path), 3, path, "bytes")


@row("I11")
@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1)])
def test_small_pictures_are_brought_to_size_or_refused_with_the_least_size(
    engine, asked, scene, shape
):
    """The deepest layer of the toy's works lies behind two poolings: 4 pixels a side."""
    content, style = scene(*shape), scene(20, 20)
    if min(shape) * 24 / max(shape) >= 4:
        assert engine.stylize(content, style, asked()).canvas.shape == (24, 24, 3)
    else:
        with pytest.raises(ImageTooSmall, match="4"):
            engine.stylize(content, style, asked())
    with pytest.raises(ImageTooSmall, match="4"):
        engine.stylize(scene(30, 30), style, asked(size=3))
    assert engine.stylize(scene(30, 30), content, asked(size=4)).canvas.shape == (4, 4, 3)


@row("I12")
@pytest.mark.parametrize("shape", [(1, 30_000), (30_000, 1)])
def test_extreme_shape_never_becomes_a_side_of_nothing(
    engine, asked, scene, tmp_path, paint, shape
):
    with pytest.raises(ImageTooSmall, match="4"):
        engine.stylize(np.zeros((*shape, 3), np.float32), scene(20, 20), asked(size=512))
    Image.new("RGB", shape[::-1]).save(tmp_path / "strip.png")
    assert paint(content=tmp_path / "strip.png").code == 3


def _after_start(kind, parts):
    """A sound file with these in front of its pixels."""
    at = {"png": 33, "jpeg": 2}[kind]
    return SOUND[kind][:at] + parts + SOUND[kind][at:]


TABLE, COMMENT = b"\xff\xdb\0\2", b"\xff\xfe\0\2"
PARTS = {
    "tables": _after_start("jpeg", TABLE * (1 << 18)),
    "tables between comments": _after_start("jpeg", (TABLE + COMMENT) * (1 << 17)),
    "as many as may be": _after_start("jpeg", (TABLE + COMMENT) * 8000),
    "pixels": _after_start("png", chunk(b"IDAT", b"") * 90_000),
    "texts": _after_start("png", chunk(b"tEXt", b"") * 90_000),
}


@row("I25")
@pytest.mark.parametrize("kind", PARTS.keys() - {"as many as may be"})
def test_parts_without_number_are_damage(tmp_path, paint, refused, kind):
    (tmp_path / "x.png").write_bytes(PARTS[kind])
    with pytest.raises(CorruptImage, match="parts"):
        read_picture(PARTS[kind])
    refused(paint(content=tmp_path / "x.png"), 3, "x.png", "parts")


@row("I25")
def test_parts_take_no_memory_but_for_their_bytes(tmp_path, run_alone):
    (tmp_path / "sound.png").write_bytes(SOUND["png"])
    for name, data in PARTS.items():
        (tmp_path / name).write_bytes(data)
    run_alone(PEAK + _MEASURED, tmp_path / "sound.png", *(tmp_path / name for name in PARTS))


@row("I25")
def test_files_of_thousands_of_parts_are_read():
    """A chunk for each byte of the pixels; segments of metadata between all tables."""
    rows = np.asarray(photo(60, 60)).reshape(60, 180)
    pixels = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows), 0)
    pieces = [chunk(b"IDAT", pixels[at : at + 1]) for at in range(len(pixels) - 1)]
    assert len(pieces) > 10_000
    found = read_picture(png(60, 60, 8, 2, pixels[-1:], *pieces))
    assert np.array_equal(found.samples, read_picture(png(60, 60, 8, 2, pixels)).samples)
    odd = _after_start("jpeg", (b"\xff\xe1\0\x06http" + COMMENT) * 4000)
    assert np.array_equal(read_picture(odd).samples, read_picture(SOUND["jpeg"]).samples)
