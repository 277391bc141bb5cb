"""Rows I06 and I13 to I24: what pixels mean, odd but sound pictures, names, and arrays."""

import io
import os
import random
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from impasto.engine.errors import CorruptImage, ImageError, ImageNotFound, OptionsError, StyleError
from impasto.engine.images import read_picture

from .rows import row
from .samples import SOUND, chunk, exif, photo, png, saved

RED, WHITE = (255, 0, 0), (255, 255, 255)


def rgb(data):
    return np.round(read_picture(data).rgb * 255).astype(np.uint8)


@row("I06")
@pytest.mark.parametrize("kind", SOUND)
def test_flipped_bytes_give_a_picture_or_an_image_error(kind):
    """A few of them; `fuzz.py` has the others."""
    choose = random.Random(kind)
    for _ in range(20):
        data = bytearray(SOUND[kind])
        data[choose.randrange(len(data))] ^= 1 << choose.randrange(8)
        try:
            assert read_picture(bytes(data)).rgb.shape[2] == 3
        except ImageError as error:
            assert "\n" not in str(error)


@row("I13")
def test_deep_grey_keeps_its_levels_and_its_white():
    ramp = (np.arange(256, dtype=np.uint16) * 257).reshape(16, 16)
    found = read_picture(saved(Image.fromarray(ramp), "PNG")).rgb
    assert len(np.unique(found)) == 256
    np.testing.assert_allclose(found[..., 0], ramp / 65535, atol=1e-6)
    assert found[-1, -1, 0] == 1
    np.testing.assert_allclose(found[8, 0], 128 / 255, atol=1e-6)


@row("I13")
def test_deep_colours_keep_their_levels_where_nothing_has_to_be_made_of_them():
    deep = np.random.default_rng(0).integers(0, 65536, (4, 5, 3), np.uint16)
    rows = zlib.compress(b"".join(b"\0" + line.astype(">u2").tobytes() for line in deep))
    read = read_picture(png(5, 4, 16, 2, rows))
    np.testing.assert_array_equal(read.samples, deep)
    foreign = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for between in (
        chunk(b"iCCP", b"a\0\0" + zlib.compress(foreign)),
        chunk(b"tRNS", struct.pack(">3H", 1, 2, 3)),
    ):
        found = read_picture(png(5, 4, 16, 2, rows, between)).samples
        assert found.dtype == np.uint8
        assert np.abs(found.astype(int) - deep / 257).max() < 1.5


def _modes():
    red = Image.new("RGB", (4, 4), RED)
    grey = Image.new("L", (4, 4), 51)
    yield "1", saved(Image.new("1", (4, 4), 1), "PNG"), WHITE
    yield "L", saved(grey, "PNG"), (51, 51, 51)
    yield "LA", saved(Image.merge("LA", (grey, Image.new("L", (4, 4), 255))), "PNG"), (51, 51, 51)
    yield "P", saved(red.quantize(2), "PNG"), RED
    yield "RGBA", saved(red.convert("RGBA"), "PNG"), RED
    deep = struct.pack(">HHH", 65535, 0, 0) * 4
    yield "deep RGB", png(4, 4, 16, 2, zlib.compress((b"\0" + deep) * 4)), RED
    yield "F", saved(Image.new("F", (4, 4), 0.2), "TIFF"), (51, 51, 51)
    yield "I", saved(Image.new("I", (4, 4), 51 * 257), "TIFF"), (51, 51, 51)
    yield "YCbCr", saved(Image.new("YCbCr", (4, 4), (76, 85, 255)), "TIFF"), (254, 0, 0)
    yield "LAB", saved(Image.new("LAB", (4, 4), (255, 128, 128)), "TIFF"), WHITE


@row("I14")
@pytest.mark.parametrize(("mode", "data", "colour"), list(_modes()), ids=[m[0] for m in _modes()])
def test_every_kind_of_pixel_becomes_its_colour(mode, data, colour):
    found = rgb(data)
    assert found.shape == (4, 4, 3)
    assert np.abs(found.astype(int) - colour).max() <= 1


@row("I15")
@pytest.mark.parametrize("profile", [None, b"no profile", "sRGB"])
def test_inks_are_not_inverted_and_a_damaged_profile_is_ignored(profile):
    """Pillow writes CMYK JPEGs as Adobe does, inverted, and with Adobe's mark."""
    if profile == "sRGB":  # of another kind of colour than the pixels: it does not fit either
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    inks = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    data = saved(inks, "JPEG", quality=95, **({} if profile is None else {"icc_profile": profile}))
    assert b"Adobe" in data
    assert np.abs(rgb(data).astype(int) - RED).max() <= 3


@row("I15")
def test_colours_go_through_their_profile():
    # L 49.8 is a luminance of 0.1826, and that by sRGB's curve 118.5 of 255.
    grey = Image.new("LAB", (4, 4), (127, 128, 128))
    assert np.abs(rgb(saved(grey, "TIFF")) - 118.5).max() <= 1


@row("I16")
@pytest.mark.parametrize(("suffix", "keeps"), [("png", True), ("jpg", False)])
def test_transparency_is_kept_where_the_output_can_and_white_elsewhere(
    tmp_path, paint, suffix, keeps
):
    image = photo(24, 32).convert("RGBA")
    image.putalpha(Image.new("L", image.size, 0))
    image.save(tmp_path / "clear.png")
    assert paint(content=tmp_path / "clear.png", output=f"clear-art.{suffix}").code == 0
    with Image.open(tmp_path / f"clear-art.{suffix}") as art:
        found = np.asarray(art)
    assert found.shape == (24, 32, 4 if keeps else 3)
    if keeps:
        assert found[..., 3].max() == 0
    else:
        assert found.min() >= 253


@row("I17")
@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_stand_upright_whatever_their_part(tmp_path, paint, orientation):
    upright = photo(16, 32)
    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = upright.transpose(turns[orientation]) if orientation in turns else upright
    data = saved(stored, "PNG", exif=exif(orientation))
    assert np.array_equal(read_picture(data).samples, np.asarray(upright))
    (tmp_path / "turned.png").write_bytes(data)
    assert paint(content=tmp_path / "turned.png", style=tmp_path / "turned.png").code == 0
    with Image.open(tmp_path / "art.png") as art:
        assert art.size == (32, 16)
        assert not art.getexif()


@row("I18")
@pytest.mark.parametrize(
    "block",
    [
        b"Exif\0\0",
        b"Exif\0\0II*\0",
        b"Exif\0\0II*\0\xff\xff\xff\xff",
        exif(6)[:-10],
        exif(0),
        exif(9),
        b"Exif\0\0MM\0*" + bytes(2),
        b"rubbish" * 9,
    ],
)
def test_damaged_metadata_turn_nothing(block):
    for format in ("PNG", "JPEG"):
        plain = read_picture(saved(photo(), format))
        odd = read_picture(saved(photo(), format, exif=block))
        assert np.array_equal(plain.samples, odd.samples)


def _many(format, count):
    frames = [photo().quantize(16).rotate(90 * (number % 4)) for number in range(count)]
    if format != "GIF":
        frames = [frame.convert("RGB") for frame in frames]
    return saved(frames[0], format, save_all=True, append_images=frames[1:], duration=20)


@row("I19")
@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "TIFF"])
def test_only_the_first_frame_is_decoded(format):
    one, two = _many(format, 1), _many(format, 2)
    first = read_picture(two).samples
    if format != "WEBP":
        assert np.array_equal(first, read_picture(one).samples)
    else:  # lossy, so that a frame of several is not the same bytes
        assert np.abs(first.astype(int) - read_picture(one).samples).mean() < 8
    with Image.open(io.BytesIO(two)) as image:
        assert image.n_frames == 2


@row("I19")
def test_ten_thousand_frames_are_one_picture():
    """The second frame and all behind it are damaged, and nobody sees it."""
    one = SOUND["gif"]
    found = read_picture(one[:-1] + b",\0\0\0\0\x28\0\x28\0\0\x0d\xff\xff" * 10_000 + b";")
    assert np.array_equal(found.samples, read_picture(one).samples)
    png_file = SOUND["png"]
    animated = png_file[:33] + chunk(b"acTL", struct.pack(">II", 10_000, 0)) + png_file[33:]
    assert np.array_equal(read_picture(animated).samples, read_picture(png_file).samples)


@row("I20")
@pytest.mark.parametrize("shade", [0.0, 0.5, 1.0])
def test_pictures_of_one_colour_are_finite(engine, asked, scene, shade):
    flat = np.full((24, 24, 3), shade, np.float32)
    for pair in ((flat, scene(20, 20)), (scene(20, 20), flat), (flat, flat)):
        result = engine.stylize(*pair, asked())
        assert np.isfinite(result.canvas).all()
        assert np.isfinite([result.loss, *result.terms.values()]).all()


@row("I21")
def test_one_file_may_be_content_and_style_but_never_replaced_by_its_art(content, paint, refused):
    before = content.read_bytes()
    assert paint(content=content, style=content, output="both.png").code == 0
    refused(paint(content=content, style=content, output=content), 2, content.name)
    assert content.read_bytes() == before


NAMES = ["with space.png", "line\nbreak.png", "\U0001f3a8.png", "n" * 251 + ".png", "-leading.png"]


@row("I22")
@pytest.mark.parametrize("name", [*NAMES, os.fsdecode(b"\xff\xfe.png")])
def test_any_name_that_the_system_allows_serves(tmp_path, content, paint, name):
    path = tmp_path / name
    try:
        path.write_bytes(content.read_bytes())
    except OSError:
        pytest.skip("this file system has no such names")
    ended = paint(content=name, output="art.png")
    assert ended.code == 0, ended.err
    path.unlink()
    ended = paint(content=name, output="art.png")
    assert ended.code == 3
    assert ended.err.count("\n") == 1


@row("I22")
@pytest.mark.parametrize("name", ["n" * 300 + ".png", "a\0b.png"])
def test_impossible_name_is_not_found(tmp_path, name):
    with pytest.raises(ImageNotFound) as caught:
        read_picture(f"{tmp_path}/{name}")
    assert str(caught.value).isprintable()


WRONG_ARRAYS = {
    "rank 1": np.zeros(9, np.float32),
    "rank 4": np.zeros((1, 9, 9, 3), np.float32),
    "two channels": np.zeros((9, 9, 2), np.float32),
    "five channels": np.zeros((9, 9, 5), np.float32),
    "no rows": np.zeros((0, 9, 3), np.float32),
    "no columns": np.zeros((9, 0, 3), np.uint8),
    "complex": np.zeros((9, 9, 3), np.complex64),
    "objects": np.zeros((9, 9, 3), object),
    "texts": np.full((9, 9, 3), "a"),
    "int64": np.zeros((9, 9, 3), np.int64),
    "NaN": np.full((9, 9, 3), np.nan, np.float32),
    "infinite": np.full((9, 9, 3), np.inf, np.float32),
    "negative": np.full((9, 9, 3), -0.5, np.float32),
    "above 1": np.full((9, 9, 3), 255.0, np.float32),
}


@row("I23")
@pytest.mark.parametrize("kind", WRONG_ARRAYS)
def test_arrays_that_are_no_pictures_are_refused(kind):
    with pytest.raises(StyleError) as caught:
        read_picture(WRONG_ARRAYS[kind])
    assert isinstance(caught.value, OptionsError | ImageError)


@row("I23")
def test_odd_arrays_serve_and_are_never_changed(engine, asked, scene):
    plain, style = scene(24, 24), scene(20, 20, 1)
    expected = engine.stylize(plain, style, asked()).canvas
    backwards = np.ascontiguousarray(plain[::-1, ::-1])[::-1, ::-1]
    column_first = np.asfortranarray(plain)
    read_only = plain.copy()
    read_only.flags.writeable = False
    for odd in (backwards, column_first, read_only, plain.astype(np.float64)):
        before = odd.tobytes()
        np.testing.assert_array_equal(engine.stylize(odd, style, asked()).canvas, expected)
        assert odd.tobytes() == before


@row("I24")
def test_file_that_is_replaced_while_it_is_read_is_one_or_the_other(tmp_path, monkeypatch):
    path, other = tmp_path / "x.png", tmp_path / "y.png"
    fdopen = os.fdopen

    def replaced(descriptor, mode):
        other.write_bytes(SOUND["bmp"])
        other.replace(path)
        return fdopen(descriptor, mode)

    path.write_bytes(SOUND["png"])
    with monkeypatch.context() as patched:
        patched.setattr(os, "fdopen", replaced)
        found = read_picture(path)
    assert np.array_equal(found.samples, read_picture(SOUND["png"]).samples)


@row("I24")
def test_file_that_is_cut_while_it_is_read_is_damaged(tmp_path, monkeypatch):
    path = tmp_path / "x.jpg"
    path.write_bytes(SOUND["jpeg"])
    fstat = os.fstat

    def cut(descriptor):
        told = fstat(descriptor)
        os.truncate(path, 400)
        return told

    with monkeypatch.context() as patched:
        patched.setattr(os, "fstat", cut)
        with pytest.raises(CorruptImage):
            read_picture(path)
