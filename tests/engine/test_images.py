import io
import os
import random
import struct
import subprocess
import sys
import warnings
import zlib

import numpy as np
import pillow_heif
import pytest
from PIL import AvifImagePlugin, Image, ImageCms, ImageFile

from impasto.engine.errors import (
    CorruptImage,
    ImageError,
    ImageNotFound,
    ImageTooLarge,
    OptionsError,
    OutputError,
    UnsupportedImage,
)
from impasto.engine.images import (
    check_encoding,
    encode_picture,
    fitted_size,
    output_format,
    read_header,
    read_picture,
    resize,
    write_picture,
)
from impasto.engine.limits import Limits
from impasto.engine.srgb import SRGB_PROFILE

COLOURS = np.array(
    [[[255, 0, 0], [0, 255, 0], [0, 0, 255]], [[0, 51, 102], [153, 204, 255], [255] * 3]]
)
COLOURS = COLOURS.astype(np.uint8)
RGB = COLOURS / np.float32(255)


def saved(image, format, **options):
    stream = io.BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


def photo(side=40):
    """Smooth colour with a little noise, so that every coder has something to code."""
    rows, columns = np.mgrid[0:side, 0:side] / side
    noise = np.random.default_rng(7).random((side, side)) * 0.2
    pixels = np.stack([rows, columns, 1 - rows * columns], axis=2) * 0.8 + noise[..., None]
    return Image.fromarray((pixels * 255).astype(np.uint8))


def chunk(kind, data):
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def png(width, height, depth, colour_type, rows, *between):
    """A PNG by hand: `rows` are the packed samples of each row."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", header),
            *between,
            chunk(b"IDAT", pixels),
            chunk(b"IEND", b""),
        ]
    )


def exif_block(orientation):
    entry = struct.pack("<HHIHH", 274, 3, 1, orientation, 0)
    return b"Exif\0\0II*\0" + struct.pack("<IH", 8, 1) + entry + struct.pack("<I", 0)


FILES = {
    "jpeg": saved(photo(), "JPEG", quality=90),
    "progressive": saved(photo(), "JPEG", quality=90, progressive=True),
    "png": saved(photo(), "PNG"),
    "palette": saved(photo().quantize(16), "PNG", transparency=3),
    "webp": saved(photo(), "WEBP", quality=90),
    "lossless webp": saved(photo(), "WEBP", lossless=True),
    "tiff": saved(photo(), "TIFF"),
    "lzw tiff": saved(photo(), "TIFF", compression="tiff_lzw"),
    "bmp": saved(photo(), "BMP"),
    "gif": saved(photo().quantize(32), "GIF"),
}
if AvifImagePlugin.SUPPORTED:
    FILES["avif"] = saved(photo(), "AVIF")


def heic(image, **options):
    stream = io.BytesIO()
    pillow_heif.from_pillow(image).save(stream, **options)
    return stream.getvalue()


FILES["heic"] = heic(photo(), quality=90)


class TestPlaces:
    def test_missing_file_is_named(self, tmp_path):
        with pytest.raises(ImageNotFound, match=r"style picture .*nowhere\.png"):
            read_picture(tmp_path / "nowhere.png", what="style picture")

    def test_folder_is_refused(self, tmp_path):
        with pytest.raises(ImageNotFound, match="regular file"):
            read_picture(tmp_path)

    def test_pipe_is_refused_without_waiting_for_a_writer(self, tmp_path):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(ImageNotFound, match="regular file"):
            read_picture(tmp_path / "pipe")

    def test_device_is_refused(self):
        with pytest.raises(ImageNotFound, match="regular file"):
            read_picture("/dev/zero")

    def test_file_without_permission_is_refused(self, tmp_path):
        path = tmp_path / "private.png"
        path.write_bytes(FILES["png"])
        path.chmod(0)
        if os.access(path, os.R_OK):
            pytest.skip("the superuser may read everything")
        with pytest.raises(ImageNotFound, match="denied"):
            read_picture(path)

    @pytest.mark.parametrize("name", ["a\0b", "n" * 300, "line\nbreak", os.fsdecode(b"\xff\xfe")])
    def test_impossible_name_gives_one_printable_line(self, tmp_path, name):
        with pytest.raises(ImageNotFound) as caught:
            read_picture(str(tmp_path) + "/" + name)
        assert "\n" not in str(caught.value)
        str(caught.value).encode("utf-8")

    @pytest.mark.parametrize("name", ["with space", "line\nbreak", "\U0001f3a8", "-x", "n" * 255])
    def test_any_possible_name_is_read(self, tmp_path, name):
        (tmp_path / name).write_bytes(FILES["png"])
        assert read_picture(str(tmp_path / name)).rgb.shape == (40, 40, 3)

    def test_path_string_and_bytes_give_the_same(self, tmp_path):
        path = tmp_path / "x.jpg"
        path.write_bytes(FILES["jpeg"])
        expected = read_picture(FILES["jpeg"]).rgb
        np.testing.assert_array_equal(read_picture(path).rgb, expected)
        np.testing.assert_array_equal(read_picture(str(path)).rgb, expected)

    def test_image_without_pixels_is_refused(self):
        with pytest.raises(OptionsError, match="0 x 5"):
            read_picture(Image.new("RGB", (0, 5)))

    @pytest.mark.parametrize("source", [None, 5, ["x.png"], io.BytesIO(b"x"), bytearray(b"x")])
    def test_other_sources_are_refused(self, source):
        with pytest.raises(OptionsError, match="must be a path"):
            read_picture(source)


class TestContent:
    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"\xff",
            bytes(random.Random(3).randbytes(4096)),
            b"BMW is not a bitmap, and this is a text of some length",
            b"<!doctype html><html></html>",
            b"%PDF-1.7\n",
            b"PK\x03\x04" + bytes(60),
            b"\x08\x07\x12\x07pytorch" + bytes(60),
            b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
            b"8BPS\0\1" + bytes(60),
            b"<svg xmlns='http://www.w3.org/2000/svg'/>",
            b"SIMPLE  =                    T",
            b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(60),
            saved(photo(), "TGA"),
            saved(photo(), "ICO"),
            saved(photo(), "PPM"),
        ],
    )
    def test_anything_but_the_known_formats_is_unsupported(self, tmp_path, data):
        path = tmp_path / "picture.png"
        path.write_bytes(data)
        with pytest.raises(UnsupportedImage, match=r"picture\.png"):
            read_picture(path)

    @pytest.mark.parametrize("kind", FILES)
    def test_every_known_format_is_decoded(self, kind):
        picture = read_picture(FILES[kind])
        assert picture.rgb.dtype == np.float32
        assert picture.rgb.flags["C_CONTIGUOUS"]
        assert picture.rgb.shape == (40, 40, 3)
        expected = np.asarray(photo()) / 255
        assert np.abs(picture.rgb - expected).mean() < (0.1 if kind in ("palette", "gif") else 0.04)

    @pytest.mark.parametrize("keep", [0.25, 0.5, 0.9, 0.99, 1])
    @pytest.mark.parametrize("kind", [k for k in FILES if k not in ("gif", "bmp")])
    def test_cut_file_is_corrupt(self, kind, keep):
        data = FILES[kind]
        cut = data[:-1] if keep == 1 else data[: int(len(data) * keep)]
        with pytest.raises(CorruptImage):
            read_picture(cut)

    def test_cut_file_is_corrupt_even_where_the_host_tolerates_it(self, monkeypatch):
        monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
        for kind in ("jpeg", "png", "avif", "heic"):
            with pytest.raises(CorruptImage):
                read_picture(FILES[kind][:-100])

    def test_damaged_checksum_is_corrupt(self):
        data = bytearray(FILES["png"])
        data[data.index(b"IDAT") + 40] ^= 1
        with pytest.raises(CorruptImage):
            read_picture(bytes(data))

    def test_damaged_compression_is_corrupt(self):
        data = png(2, 1, 8, 0, [b"\0\0"]).split(chunk(b"IDAT", zlib.compress(b"\0\0\0")))
        assert len(data) == 2
        with pytest.raises(CorruptImage):
            read_picture(data[0] + chunk(b"IDAT", b"no zlib") + data[1])

    def test_a_heic_says_what_reads_it(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "pillow_heif", None)
        with pytest.raises(UnsupportedImage, match=r"pip install 'impasto\[heif\]'"):
            read_picture(FILES["heic"])

    def test_a_heic_of_more_pixels_than_it_announces_is_refused(self):
        data = heic(Image.new("RGB", (2000, 2000)))
        size = data.index(b"ispe") + 8
        with pytest.raises(ImageError):
            read_picture(data[:size] + struct.pack(">II", 40, 40) + data[size + 8 :])

    def test_missing_end_is_corrupt(self):
        with pytest.raises(CorruptImage):
            read_picture(FILES["png"][:-12])

    @pytest.mark.parametrize("kind", FILES)
    def test_flipped_byte_gives_a_picture_or_an_image_error(self, kind):
        source = random.Random(kind)
        for _ in range(150):
            data = bytearray(FILES[kind])
            # Half of the flips fall where headers are, which are the smaller part of a file.
            end = len(data) if source.random() < 0.5 else min(len(data), 120)
            data[source.randrange(end)] ^= 1 << source.randrange(8)
            with warnings.catch_warnings():
                warnings.simplefilter(source.choice(["error", "ignore"]))
                try:
                    rgb = read_picture(bytes(data), Limits(pixels=1_000_000)).rgb
                except ImageError:
                    continue
            assert rgb.min() >= 0
            assert rgb.max() <= 1


class TestLimits:
    def bomb(self, width, height):
        return png(width, height, 8, 2, [b""])

    @pytest.mark.parametrize("size", [(50_000, 50_000), (100_000, 1), (1, 100_000), (9000, 9000)])
    def test_announced_size_is_refused(self, size):
        with pytest.raises(ImageTooLarge, match=f"{size[0]} x {size[1]}"):
            read_picture(self.bomb(*size))

    def test_side_of_zero_is_corrupt(self):
        with pytest.raises(CorruptImage):
            read_picture(self.bomb(0, 100_000))

    def test_bomb_is_refused_without_memory(self, tmp_path):
        path = tmp_path / "bomb.png"
        path.write_bytes(self.bomb(50_000, 50_000))
        program = f"""
import resource
from impasto.engine.errors import ImageTooLarge
from impasto.engine.images import read_picture
from PIL import ImageCms, PngImagePlugin
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before = peak()
try:
    read_picture({str(path)!r})
except ImageTooLarge:
    print(peak() - before)
"""
        result = subprocess.run(
            [sys.executable, "-P", "-W", "error", "-c", program],
            capture_output=True,
            text=True,
            check=True,
        )
        assert int(result.stdout) < 20_000
        assert result.stderr == ""

    def test_our_limit_decides_where_pillow_would_warn(self, monkeypatch):
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
        assert read_picture(FILES["png"]).rgb.shape == (40, 40, 3)
        with pytest.raises(ImageTooLarge):
            read_picture(FILES["png"], Limits(pixels=1599))
        assert read_picture(FILES["png"], Limits(pixels=1600)).rgb.shape == (40, 40, 3)

    def test_side_is_limited_for_images_and_arrays_too(self):
        with pytest.raises(ImageTooLarge):
            read_picture(photo(), Limits(side=39))
        with pytest.raises(ImageTooLarge):
            read_picture(np.zeros((40, 40)), Limits(side=39))

    def test_huge_tile_of_a_small_tiff_is_refused(self):
        tags = [(256, 4), (257, 4), (258, 8), (259, 1), (262, 1), (277, 1)]
        tags += [(322, 20_000), (323, 20_000), (324, 8), (325, 16)]
        entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
        data = b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4 + 64)
        with pytest.raises(ImageTooLarge):
            read_picture(data)

    def test_later_larger_frame_costs_nothing(self):
        stream = io.BytesIO(saved(Image.new("P", (2, 2), 1), "GIF"))
        first = stream.getvalue()[:-1]
        frame = b"\x2c\0\0\0\0" + struct.pack("<HH", 60_000, 60_000) + b"\0\x02\x02\x4c\x01\0;"
        assert read_picture(first + frame).rgb.shape == (2, 2, 3)

    def test_file_longer_than_the_limit_is_refused(self, tmp_path):
        data = FILES["png"]
        path = tmp_path / "x.png"
        path.write_bytes(data)
        for source in (path, data):
            assert read_picture(source, Limits(file_bytes=len(data))).alpha is None
            with pytest.raises(ImageTooLarge, match="bytes"):
                read_picture(source, Limits(file_bytes=len(data) - 1))

    @pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
    def test_file_longer_than_it_says_is_refused(self):
        with pytest.raises(ImageTooLarge, match="bytes"):
            read_picture("/proc/self/maps", Limits(file_bytes=10))

    def test_pixels_that_compress_a_thousandfold_are_accepted(self):
        data = saved(Image.new("RGB", (2000, 2000), (255, 0, 0)), "PNG")
        assert len(data) * 700 < 2000 * 2000 * 3
        assert read_picture(data).rgb[1999, 1999].tolist() == [1, 0, 0]

    def test_text_that_would_inflate_hugely_is_skipped(self):
        text = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(30_000_000)))
        plain = chunk(b"tEXt", b"Comment\0" + b"x" * 30_000_000)
        assert read_picture(png(1, 1, 8, 0, [b"\xff"], text, plain)).rgb.tolist() == [[[1, 1, 1]]]


class TestColour:
    @pytest.mark.parametrize("format", ["PNG", "BMP", "TIFF"])
    def test_lossless_rgb_is_exact(self, format):
        picture = read_picture(saved(Image.fromarray(COLOURS), format))
        np.testing.assert_array_equal(picture.rgb, RGB)
        assert picture.alpha is None

    def test_16_bit_grey_ramp_keeps_its_levels(self):
        levels = [257 * level for level in range(256)]
        picture = read_picture(png(256, 1, 16, 0, [struct.pack(">256H", *levels)]))
        expected = np.repeat(np.arange(256)[:, None] / 255, 3, axis=1)
        np.testing.assert_allclose(picture.rgb[0], expected, atol=1e-7)

    def test_16_bit_grey_is_finer_than_8_bits(self):
        picture = read_picture(png(2, 1, 16, 0, [struct.pack(">2H", 32768, 32769)]))
        np.testing.assert_allclose(picture.rgb[0, :, 0], [32768 / 65535, 32769 / 65535], atol=1e-7)
        assert picture.rgb[0, 0, 0] != picture.rgb[0, 1, 0]

    def test_16_bit_grey_transparency_is_exact(self):
        trns = chunk(b"tRNS", struct.pack(">H", 500))
        picture = read_picture(png(2, 1, 16, 0, [struct.pack(">2H", 500, 501)], trns))
        assert picture.alpha.tolist() == [[0, 1]]

    def test_16_bit_rgb(self):
        row = struct.pack(">6H", 65535, 0, 32896, 0, 257, 65535)
        rgb = read_picture(png(2, 1, 16, 2, [row])).rgb
        np.testing.assert_allclose(rgb * 255, [[[255, 0, 128], [0, 1, 255]]], atol=1e-4)

    def test_16_bit_rgba(self):
        picture = read_picture(png(1, 1, 16, 6, [struct.pack(">4H", 65535, 0, 32896, 32896)]))
        np.testing.assert_allclose(picture.rgb * 255, [[[255, 0, 128]]], atol=1e-4)
        np.testing.assert_allclose(picture.alpha * 255, [[128]], atol=1e-4)

    def test_16_bit_grey_with_alpha(self):
        picture = read_picture(png(1, 1, 16, 4, [struct.pack(">2H", 32896, 13107)]))
        np.testing.assert_allclose(picture.rgb * 255, [[[128, 128, 128]]], atol=1e-4)
        np.testing.assert_allclose(picture.alpha * 255, [[51]], atol=1e-4)

    def test_one_bit(self):
        assert read_picture(png(2, 1, 1, 0, [b"\x40"])).rgb.tolist() == [[[0] * 3, [1] * 3]]

    def test_grey(self):
        rgb = read_picture(png(2, 1, 8, 0, [b"\x33\xff"])).rgb
        np.testing.assert_allclose(rgb[0], [[0.2] * 3, [1] * 3], atol=1e-7)

    def test_grey_with_transparent_value(self):
        picture = read_picture(png(2, 1, 8, 0, [b"\x33\xff"], chunk(b"tRNS", b"\0\x33")))
        np.testing.assert_allclose(picture.rgb[0], [[0.2] * 3, [1] * 3], atol=1e-7)
        assert picture.alpha.tolist() == [[0, 1]]

    def test_rgb_with_transparent_value(self):
        trns = chunk(b"tRNS", struct.pack(">3H", 255, 0, 51))
        picture = read_picture(png(2, 1, 8, 2, [b"\xff\0\x33\xff\0\x34"], trns))
        np.testing.assert_allclose(picture.rgb[0] * 255, [[255, 0, 51], [255, 0, 52]], atol=1e-4)
        assert picture.alpha.tolist() == [[0, 1]]

    def test_grey_with_alpha_is_not_multiplied(self):
        picture = read_picture(png(2, 1, 8, 4, [b"\x33\x00\xff\x33"]))
        np.testing.assert_allclose(picture.rgb[0], [[0.2] * 3, [1] * 3], atol=1e-7)
        np.testing.assert_allclose(picture.alpha, [[0, 0.2]], atol=1e-7)

    def test_rgba_is_not_multiplied(self):
        picture = read_picture(png(2, 1, 8, 6, [b"\xff\x33\x00\x00\x33\xff\x00\x80"]))
        np.testing.assert_allclose(picture.rgb[0], [[1, 0.2, 0], [0.2, 1, 0]], atol=1e-7)
        np.testing.assert_allclose(picture.alpha, [[0, 128 / 255]], atol=1e-7)
        assert picture.alpha.dtype == np.float32

    @pytest.mark.parametrize("trns", [b"", b"\xff\x00\x33"])
    def test_palette(self, trns):
        between = [chunk(b"PLTE", bytes([255, 0, 0, 0, 255, 0, 0, 0, 51]))]
        if trns:
            between.append(chunk(b"tRNS", trns))
        picture = read_picture(png(3, 1, 8, 3, [b"\0\1\2"], *between))
        np.testing.assert_allclose(picture.rgb, [[[1, 0, 0], [0, 1, 0], [0, 0, 0.2]]], atol=1e-7)
        if trns:
            np.testing.assert_allclose(picture.alpha, [[1, 0, 0.2]], atol=1e-7)
        else:
            assert picture.alpha is None

    def test_palette_with_alpha_band(self):
        image = Image.new("PA", (1, 1))
        image.putpalette([255, 51, 0])
        image.putpixel((0, 0), (0, 102))
        picture = read_picture(image)
        np.testing.assert_allclose(picture.rgb, [[[1, 0.2, 0]]], atol=1e-7)
        np.testing.assert_allclose(picture.alpha, [[0.4]], atol=1e-7)

    @pytest.mark.parametrize(
        ("mode", "pixel", "rgb", "alpha"),
        [
            ("RGBa", (51, 0, 102, 102), [0.5, 0, 1], 0.4),
            ("La", (51, 102), [0.5, 0.5, 0.5], 0.4),
        ],
    )
    def test_multiplied_alpha_is_divided_out(self, mode, pixel, rgb, alpha):
        picture = read_picture(Image.new(mode, (1, 1), pixel))
        np.testing.assert_allclose(picture.rgb[0, 0], rgb, atol=0.5 / 255)
        np.testing.assert_allclose(picture.alpha, [[alpha]], atol=1e-7)

    def test_float_tiff_counts_from_0_to_1(self):
        values = np.array([[0.0, 0.25, 1.0]], dtype=np.float32)
        rgb = read_picture(saved(Image.fromarray(values), "TIFF")).rgb
        np.testing.assert_array_equal(rgb, np.repeat(values[..., None], 3, axis=2))

    @pytest.mark.parametrize("bad", [1.5, -0.1, np.nan, np.inf])
    def test_float_outside_its_range_is_unsupported(self, bad):
        with pytest.raises(UnsupportedImage, match=r"outside 0\.\.1,"):
            read_picture(Image.fromarray(np.array([[0.5, bad]], dtype=np.float32)))

    def test_32_bit_integers_count_from_0_to_65535(self):
        data = saved(Image.fromarray(np.array([[0, 13107, 65535]], dtype=np.int32)), "TIFF")
        np.testing.assert_allclose(read_picture(data).rgb[0, :, 0], [0, 0.2, 1], atol=1e-7)
        with pytest.raises(UnsupportedImage, match=r"outside 0\.\.65535,"):
            read_picture(Image.new("I", (1, 1), 65536))

    def test_12_bit_tiff_reaches_white(self):
        tags = [(256, 2), (257, 1), (258, 12), (259, 1), (262, 1), (273, 122), (277, 1), (278, 1)]
        tags += [(279, 3)]
        entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
        data = b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4)
        assert len(data) == 122
        rgb = read_picture(data + b"\xff\xf0\x00").rgb
        np.testing.assert_array_equal(rgb[0, :, 0], [1, 0])

    def test_cmyk_is_not_inverted(self):
        image = Image.new("CMYK", (16, 16), (255, 0, 0, 0))
        for data in (saved(image, "TIFF"), saved(image, "JPEG", quality=100)):
            np.testing.assert_allclose(read_picture(data).rgb[8, 8], [0, 1, 1], atol=2 / 255)

    def test_ycbcr(self):
        # ITU-R BT.601, full range: Y 76, Cb 85, Cr 255 is red.
        rgb = read_picture(Image.new("YCbCr", (1, 1), (76, 85, 255))).rgb
        np.testing.assert_allclose(rgb[0, 0], [254 / 255, 0, 0], atol=1 / 255)

    @pytest.mark.parametrize(
        ("lab", "grey"), [((0, 128, 128), 0), ((255, 128, 128), 1), ((136, 128, 128), 0.4985)]
    )
    def test_lab_neutrals(self, lab, grey):
        # L* 53.33 is luminance 0.2134, in sRGB 0.4985 (1.055 * 0.2134 ** (1 / 2.4) - 0.055).
        data = saved(Image.new("LAB", (4, 4), lab), "TIFF")
        np.testing.assert_allclose(read_picture(data).rgb[1, 1], [grey] * 3, atol=1.5 / 255)

    def test_white_is_zero_tiff_is_turned(self):
        image = Image.fromarray(np.array([[0, 51, 255]], dtype=np.uint8))
        rgb = read_picture(saved(image, "TIFF", tiffinfo={262: 0})).rgb
        np.testing.assert_allclose(rgb[0, :, 0], [0, 0.2, 1], atol=1e-7)


def swapped_profile():
    """The sRGB profile with the names of its red and its blue primary exchanged."""
    data = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return data.replace(b"rXYZ", b"tXYZ").replace(b"bXYZ", b"rXYZ").replace(b"tXYZ", b"bXYZ")


class TestProfile:
    @pytest.mark.parametrize("format", ["PNG", "TIFF", "JPEG", "WEBP"])
    def test_embedded_profile_is_applied(self, format):
        options = {"lossless": True} if format == "WEBP" else {"quality": 100}
        image = Image.new("RGB", (16, 16), (255, 0, 0))
        data = saved(image, format, icc_profile=swapped_profile(), **options)
        np.testing.assert_allclose(read_picture(data).rgb[8, 8], [0, 0, 1], atol=3 / 255)

    def test_profile_of_a_heic_is_applied(self):
        image = Image.new("RGB", (64, 64), (255, 0, 0))
        data = heic(image, quality=100, chroma=444, icc_profile=swapped_profile())
        np.testing.assert_allclose(read_picture(data).rgb[8, 8], [0, 0, 1], atol=5 / 255)

    def test_profile_leaves_alpha_alone(self):
        image = Image.new("RGBA", (2, 2), (255, 0, 0, 51))
        picture = read_picture(saved(image, "PNG", icc_profile=swapped_profile()))
        np.testing.assert_allclose(picture.rgb[0, 0], [0, 0, 1], atol=2 / 255)
        np.testing.assert_allclose(picture.alpha, 0.2, atol=1e-7)

    def test_srgb_profile_changes_nothing(self):
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        data = saved(Image.fromarray(COLOURS), "PNG", icc_profile=profile)
        np.testing.assert_allclose(read_picture(data).rgb, RGB, atol=1.01 / 255)

    @pytest.mark.parametrize("profile", [b"no profile", swapped_profile()[:200], b"\0" * 3000])
    @pytest.mark.parametrize("format", ["PNG", "TIFF"])
    def test_damaged_profile_is_ignored(self, format, profile):
        data = saved(Image.fromarray(COLOURS), format, icc_profile=profile)
        np.testing.assert_array_equal(read_picture(data).rgb, RGB)

    def test_profile_of_another_colour_space_is_ignored(self):
        data = saved(Image.new("L", (2, 2), 51), "PNG", icc_profile=swapped_profile())
        np.testing.assert_allclose(read_picture(data).rgb, 0.2, atol=1e-7)
        data = saved(
            Image.new("CMYK", (2, 2), (0, 0, 0, 255)), "TIFF", icc_profile=swapped_profile()
        )
        np.testing.assert_array_equal(read_picture(data).rgb, 0)


# What a viewer must see of [[a, b, c], [d, e, f]] (EXIF 2.32, tag 274: where row 0 and
# column 0 of the stored pixels lie).
UPRIGHT = {
    1: ["abc", "def"],
    2: ["cba", "fed"],
    3: ["fed", "cba"],
    4: ["def", "abc"],
    5: ["ad", "be", "cf"],
    6: ["da", "eb", "fc"],
    7: ["fc", "eb", "da"],
    8: ["cf", "be", "ad"],
}
GREYS = {letter: 40 * number for number, letter in enumerate("abcdef")}


class TestOrientation:
    def stored(self):
        return Image.fromarray(np.array([[0, 40, 80], [120, 160, 200]], dtype=np.uint8))

    def expected(self, orientation):
        rows = [[GREYS[letter] for letter in row] for row in UPRIGHT[orientation]]
        return np.array(rows) / np.float32(255)

    @pytest.mark.parametrize("orientation", UPRIGHT)
    @pytest.mark.parametrize("format", ["PNG", "TIFF"])
    def test_picture_is_turned_upright(self, orientation, format):
        exif = Image.Exif()
        exif[274] = orientation
        rgb = read_picture(saved(self.stored(), format, exif=exif)).rgb
        np.testing.assert_allclose(rgb[..., 0], self.expected(orientation), atol=1e-7)
        assert rgb.flags["C_CONTIGUOUS"]

    @pytest.mark.parametrize("orientation", UPRIGHT)
    @pytest.mark.parametrize("format", ["JPEG", "WEBP"])
    def test_photograph_is_turned_upright(self, orientation, format):
        large = self.stored().resize((48, 32), Image.Resampling.NEAREST)
        data = saved(large, format, quality=100, exif=exif_block(orientation))
        rgb = read_picture(data).rgb
        np.testing.assert_allclose(rgb[8::16, 8::16, 0], self.expected(orientation), atol=3 / 255)

    @pytest.mark.parametrize("orientation", UPRIGHT)
    def test_photograph_of_a_telephone_is_turned_upright(self, orientation):
        """Its file turns it by itself; what its EXIF says of that was meant for others."""
        large = self.stored().resize((48, 32), Image.Resampling.NEAREST).convert("RGB")
        data = heic(large, quality=100, exif=exif_block(orientation))
        rgb = read_picture(data).rgb
        np.testing.assert_allclose(rgb[8::16, 8::16, 0], self.expected(orientation), atol=5 / 255)
        assert read_header(data).shape == rgb.shape

    def test_opened_image_is_turned_too(self):
        image = Image.open(io.BytesIO(saved(self.stored(), "PNG", exif=exif_block(6))))
        rgb = read_picture(image).rgb
        np.testing.assert_allclose(rgb[..., 0], self.expected(6), atol=1e-7)

    def test_alpha_is_turned_too(self):
        stored = self.stored()
        data = saved(Image.merge("LA", (stored, stored)), "PNG", exif=exif_block(8))
        np.testing.assert_allclose(read_picture(data).alpha, self.expected(8), atol=1e-7)

    def test_big_endian_exif(self):
        entry = struct.pack(">HHIHH", 274, 3, 1, 3, 0)
        exif = b"Exif\0\0MM\0*" + struct.pack(">IH", 8, 1) + entry + struct.pack(">I", 0)
        rgb = read_picture(saved(self.stored(), "PNG", exif=exif)).rgb
        np.testing.assert_allclose(rgb[..., 0], self.expected(3), atol=1e-7)

    @pytest.mark.parametrize(
        "exif",
        [
            b"Exif\0\0",
            b"Exif\0\0II*\0",
            b"Exif\0\0II*\0\xff\xff\xff\xff",
            b"Exif\0\0II*\0" + struct.pack("<IH", 8, 9) + bytes(30),
            b"Exif\0\0" + random.Random(5).randbytes(300),
            exif_block(6)[:-8],
            exif_block(0),
            exif_block(9),
        ],
    )
    @pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
    def test_corrupt_exif_is_ignored(self, exif, format):
        rgb = read_picture(saved(self.stored(), format, exif=exif)).rgb
        np.testing.assert_array_equal(rgb.shape, (2, 3, 3))


class TestFrames:
    @pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "TIFF"])
    def test_only_the_first_frame_is_used(self, format):
        frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
        options = {"lossless": True} if format == "WEBP" else {}
        data = saved(frames[0], format, save_all=True, append_images=frames[1:], **options)
        assert len(data) > len(saved(frames[0], format, **options))
        np.testing.assert_array_equal(read_picture(data).rgb[4, 4], [1, 0, 0])

    def test_transparent_gif(self):
        image = Image.fromarray(np.array([[0, 1]], dtype=np.uint8), "L").convert("P")
        image.putpalette([255, 0, 0, 0, 0, 255])
        picture = read_picture(saved(image, "GIF", transparency=1))
        np.testing.assert_array_equal(picture.rgb, [[[1, 0, 0], [0, 0, 1]]])
        assert picture.alpha.tolist() == [[1, 0]]


class TestArrays:
    @pytest.mark.parametrize(
        "dtype", [np.uint8, np.uint16, ">u2", np.float16, np.float32, np.float64]
    )
    def test_full_range_of_each_type_is_0_to_1(self, dtype):
        top = np.iinfo(dtype).max if np.dtype(dtype).kind == "u" else 1
        array = np.array([[0, top]], dtype=dtype)
        picture = read_picture(array)
        assert picture.rgb.dtype == np.float32
        assert picture.rgb.tolist() == [[[0] * 3, [1] * 3]]

    def test_shapes(self):
        grey = np.random.default_rng(1).random((3, 5)).astype(np.float32)
        expected = np.stack([grey] * 3, axis=2)
        np.testing.assert_array_equal(read_picture(grey).rgb, expected)
        np.testing.assert_array_equal(read_picture(grey[..., None]).rgb, expected)
        rgba = np.random.default_rng(1).random((3, 5, 4)).astype(np.float32)
        picture = read_picture(rgba)
        np.testing.assert_array_equal(picture.rgb, rgba[..., :3])
        np.testing.assert_array_equal(picture.alpha, rgba[..., 3])
        assert picture.rgb.flags["C_CONTIGUOUS"]
        assert picture.alpha.flags["C_CONTIGUOUS"]

    @pytest.mark.parametrize("dtype", [np.uint8, np.float32])
    def test_callers_array_is_neither_changed_nor_shared(self, dtype):
        array = np.ones((4, 6, 3), dtype=dtype)
        array.flags.writeable = False
        picture = read_picture(array)
        assert not np.shares_memory(picture.rgb, array)
        picture.rgb[:] = 0
        assert (array == 1).all()

    def test_strided_and_reversed_arrays(self):
        array = np.random.default_rng(1).random((8, 10, 3))
        view = array[::-2, ::3]
        np.testing.assert_array_equal(read_picture(view).rgb, view.astype(np.float32))
        turned = array.transpose(1, 0, 2)
        assert read_picture(turned).rgb.flags["C_CONTIGUOUS"]

    @pytest.mark.parametrize(
        "array",
        [
            np.zeros(3),
            np.zeros((2, 2, 2)),
            np.zeros((2, 2, 5)),
            np.zeros((1, 2, 2, 3)),
            np.zeros((0, 4, 3)),
            np.zeros((4, 0)),
            np.zeros((2, 2), dtype=bool),
            np.zeros((2, 2), dtype=np.int64),
            np.zeros((2, 2), dtype=np.uint32),
            np.zeros((2, 2), dtype=complex),
            np.full((2, 2), None),
            np.full((2, 2), "x"),
            np.full((2, 2), np.nan),
            np.full((2, 2), np.inf),
            np.full((2, 2), -0.01),
            np.full((2, 2), 1.01),
        ],
        ids=str,
    )
    def test_array_that_is_no_picture_is_refused(self, array):
        with pytest.raises(OptionsError, match="style picture"):
            read_picture(array, what="style picture")


class TestHeader:
    @pytest.mark.parametrize("kind", FILES)
    def test_header_tells_the_size_and_what_is_held(self, kind):
        header, picture = read_header(FILES[kind]), read_picture(FILES[kind])
        assert header.shape == picture.shape == picture.rgb.shape
        opacity = 0 if picture.opacity is None else picture.opacity.nbytes
        assert header.held_bytes == picture.samples.nbytes + opacity
        assert header.decode_bytes > header.held_bytes

    @pytest.mark.parametrize("orientation", range(1, 9))
    @pytest.mark.parametrize("format", ["PNG", "TIFF", "JPEG", "WEBP"])
    def test_header_is_upright(self, orientation, format):
        exif = Image.Exif()
        exif[274] = orientation
        data = saved(Image.new("RGB", (48, 32)), format, exif=exif)
        expected = (48, 32, 3) if orientation > 4 else (32, 48, 3)
        assert read_header(data).shape == read_picture(data).shape == expected

    @pytest.mark.parametrize("array", [np.zeros((4, 6)), np.zeros((4, 6, 4), np.uint16)])
    def test_arrays_have_a_header_too(self, array):
        header, picture = read_header(array), read_picture(array)
        opacity = 0 if picture.opacity is None else picture.opacity.nbytes
        assert header.shape == (4, 6, 3)
        assert header.held_bytes == header.decode_bytes == picture.samples.nbytes + opacity

    def test_a_loaded_image_is_its_owners(self):
        header = read_header(photo())
        assert (header.shape, header.decode_bytes) == ((40, 40, 3), 40 * 40 * 3)

    def test_no_pixel_is_decoded(self, monkeypatch):
        def refuse(image):
            raise AssertionError

        monkeypatch.setattr(ImageFile.ImageFile, "load", refuse)
        for kind, data in FILES.items():
            assert read_header(data).shape == (40, 40, 3), kind
        opened = Image.open(io.BytesIO(FILES["jpeg"]))
        assert read_header(opened).decode_bytes > 7 * 40 * 40

    @pytest.mark.parametrize(
        ("source", "error"),
        [
            ("nowhere.png", ImageNotFound),
            (b"", UnsupportedImage),
            (b"GIF89a", CorruptImage),
            (FILES["png"][:-12], CorruptImage),
            (FILES["jpeg"][: len(FILES["jpeg"]) // 2], CorruptImage),
            (png(50_000, 50_000, 8, 2, [b""]), ImageTooLarge),
            (np.zeros((9, 33_000)), ImageTooLarge),
            (np.full((2, 2), 2.0), OptionsError),
            (None, OptionsError),
        ],
    )
    def test_errors_are_those_of_reading(self, source, error):
        told = []
        for read in (read_header, read_picture):
            with pytest.raises(error) as caught:
                read(source, what="style picture")
            told.append(str(caught.value))
        assert told[0] == told[1]


class TestSamples:
    def test_pixels_are_held_as_they_were_decoded(self):
        assert read_picture(FILES["jpeg"]).samples.dtype == np.uint8
        deep = read_picture(png(2, 1, 16, 0, [struct.pack(">2H", 32768, 32769)]))
        assert (deep.samples.dtype, deep.samples.shape) == (np.uint16, (1, 2, 1))
        assert read_picture(np.zeros((2, 3, 4))).samples.dtype == np.float32

    @pytest.mark.parametrize("kind", [*FILES, "grey", "deep", "clear"])
    @pytest.mark.parametrize("size", [(17, 23), (40, 23), (17, 40), (40, 40), (77, 50)])
    def test_a_smaller_version_is_that_of_the_floats(self, kind, size):
        grey = photo().convert("L")
        more = {
            "grey": saved(grey, "PNG"),
            "deep": saved(Image.fromarray(np.asarray(grey).astype(np.uint16) * 200), "PNG"),
            "clear": saved(Image.merge("LA", (grey, grey)), "PNG"),
        }
        picture = read_picture({**FILES, **more}[kind])
        np.testing.assert_array_equal(resize(picture, *size), resize(picture.rgb, *size))
        if picture.opacity is not None:
            np.testing.assert_array_equal(
                resize(picture.opacity, *size), resize(picture.alpha, *size)
            )

    @pytest.mark.parametrize(
        "data", [photo(300), photo(300).convert("CMYK"), photo(300).quantize()]
    )
    def test_bands_meet(self, data, monkeypatch):
        picture = read_picture(data)
        np.testing.assert_array_equal(picture.samples, np.asarray(data.convert("RGB")))


class TestResize:
    @pytest.mark.parametrize("old", [(1500, 900), (700, 2000)])
    @pytest.mark.parametrize("new", [(300, 200), (1700, 2100), (1700, 333), (333, 2100)])
    def test_bands_give_what_pillow_gives_for_the_whole(self, old, new):
        plane = np.random.default_rng(1).random(old, np.float32)
        whole = Image.fromarray(plane).resize(new[::-1], Image.Resampling.LANCZOS)
        # Pillow may go down first where that is less work, which rounds otherwise.
        one_way = (new[0] < old[0]) == (new[1] < old[1])
        np.testing.assert_allclose(
            resize(plane, *new),
            np.clip(np.asarray(whole), 0, 1),
            atol=0 if one_way else 2e-7,
            rtol=0,
        )

    def test_equal_size_is_an_exact_copy(self):
        rgb = np.random.default_rng(1).random((4, 6, 3)).astype(np.float32)
        copy = resize(rgb, 4, 6)
        np.testing.assert_array_equal(copy, rgb)
        assert not np.shares_memory(copy, rgb)

    @pytest.mark.parametrize("size", [(3, 5), (9, 14), (1, 1), (20, 2)])
    def test_constant_stays_constant(self, size):
        for shape in ((7, 11, 3), (7, 11)):
            result = resize(np.full(shape, 0.3, dtype=np.float32), *size)
            assert result.shape == (*size, *shape[2:])
            assert result.dtype == np.float32
            np.testing.assert_allclose(result, 0.3, atol=1e-6)

    @pytest.mark.parametrize(("old", "new"), [(12, 5), (12, 4), (6, 17)])
    def test_result_is_the_sum_that_lanczos_defines(self, old, new):
        row = np.random.default_rng(1).uniform(0.4, 0.6, old)
        scale = old / new
        stretch = max(scale, 1.0)
        expected = []
        for index in range(new):
            centre = (index + 0.5) * scale
            first, last = int(centre - 3 * stretch + 0.5), int(centre + 3 * stretch + 0.5)
            taps = range(max(first, 0), min(last, old))
            distances = np.array([(tap + 0.5 - centre) / stretch for tap in taps])
            weights = np.where(abs(distances) < 3, np.sinc(distances) * np.sinc(distances / 3), 0)
            expected.append((weights / weights.sum()) @ row[list(taps)])
        picture = np.tile(row.astype(np.float32)[None, :, None], (4, 1, 3))
        np.testing.assert_allclose(resize(picture, 4, new)[2, :, 1], expected, atol=1e-6)
        upright = resize(picture.transpose(1, 0, 2), new, 4)
        np.testing.assert_allclose(upright[:, 2, 1], expected, atol=1e-6)

    def test_shrinking_does_not_alias(self):
        stripes = np.tile(np.array([0, 1], dtype=np.float32), (8, 64))
        np.testing.assert_allclose(resize(stripes, 8, 16)[:, 3:-3], 0.5, atol=0.02)

    def test_overshoot_is_clipped(self):
        edge = np.repeat(np.array([[0, 0, 0, 1, 1, 1]], dtype=np.float32), 6, axis=0)
        result = resize(edge, 24, 24)
        assert result.min() == 0
        assert result.max() == 1

    def test_channels_do_not_mix(self):
        rgb = np.random.default_rng(1).random((9, 7, 3)).astype(np.float32)
        result = resize(rgb, 5, 6)
        for channel in range(3):
            np.testing.assert_array_equal(result[..., channel], resize(rgb[..., channel], 5, 6))

    def test_finer_than_8_bits(self):
        ramp = np.linspace(0.5, 0.501, 64, dtype=np.float32)[None, :].repeat(4, axis=0)
        assert len(np.unique(resize(ramp, 2, 32))) == 32

    @pytest.mark.parametrize("size", [(0, 5), (5, 0), (-1, 5)])
    def test_side_below_one_is_refused(self, size):
        with pytest.raises(OptionsError):
            resize(np.zeros((4, 4, 3), dtype=np.float32), *size)


@pytest.mark.parametrize(
    ("size", "longer", "expected"),
    [
        ((600, 800), 512, (384, 512)),
        ((800, 600), 512, (512, 384)),
        ((100, 100), 7, (7, 7)),
        ((3, 4), 2, (2, 2)),  # 1.5 rounds up
        ((5, 4), 2, (2, 2)),  # 1.6
        ((1, 30_000), 512, (1, 512)),
        ((30_000, 1), 512, (512, 1)),
        ((5, 10), 5, (3, 5)),  # 2.5 rounds up
        ((10, 20), 40, (20, 40)),
    ],
)
def test_fitted_size_keeps_the_shape(size, longer, expected):
    assert fitted_size(*size, longer) == expected


@pytest.mark.parametrize("arguments", [(0, 5, 5), (5, 0, 5), (5, 5, 0)])
def test_fitted_size_refuses_empty_sides(arguments):
    with pytest.raises(OptionsError):
        fitted_size(*arguments)


class TestWriting:
    @pytest.mark.parametrize(
        ("name", "format"),
        [
            ("x.png", "PNG"),
            ("x.jpg", "JPEG"),
            ("x.JPEG", "JPEG"),
            ("x.webp", "WEBP"),
            ("x.tif", "TIFF"),
            ("x.y.TIFF", "TIFF"),
            ("x.bmp", "BMP"),
            ("x.avif", "AVIF"),
        ],
    )
    def test_suffix_decides_the_format(self, tmp_path, name, format):
        assert output_format(name) == format
        write_picture(tmp_path / name, np.ones((16, 16, 3), dtype=np.float32))
        with Image.open(tmp_path / name) as image:
            assert (image.format, image.mode, image.size) == (format, "RGB", (16, 16))
            assert not image.getexif().get(274)
            assert image.info.get("icc_profile") == (None if format == "BMP" else SRGB_PROFILE)

    @pytest.mark.parametrize("name", ["x", "x.", "x.gif", "x.heic", ".png", "x.png/"])
    def test_unknown_suffix_names_the_known_ones(self, tmp_path, name):
        if name == "x.png/":
            assert output_format(name) == "PNG"
            return
        with pytest.raises(OptionsError, match=r"\.png \.jpg .*\.bmp"):
            write_picture(str(tmp_path / name), RGB)
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("suffix", ["png", "tiff", "bmp"])
    def test_lossless_picture_comes_back(self, tmp_path, suffix):
        write_picture(tmp_path / f"x.{suffix}", RGB)
        np.testing.assert_array_equal(read_picture(tmp_path / f"x.{suffix}").rgb, RGB)

    def test_values_are_rounded_and_clipped(self, tmp_path):
        values = np.array([[-0.5, 0.499 / 255, 0.501 / 255, 254.499 / 255, 254.501 / 255, 1.5]])
        write_picture(tmp_path / "x.png", np.repeat(values[..., None], 3, axis=2))
        with Image.open(tmp_path / "x.png") as image:
            assert np.asarray(image)[0, :, 0].tolist() == [0, 0, 1, 254, 255, 255]

    @pytest.mark.parametrize("suffix", ["png", "tiff", "webp", "avif"])
    def test_alpha_is_kept(self, tmp_path, suffix):
        alpha = np.array([[0, 0.2, 1], [0.4, 0.6, 0.8]], dtype=np.float32)
        write_picture(tmp_path / f"x.{suffix}", RGB, alpha)
        picture = read_picture(tmp_path / f"x.{suffix}")
        np.testing.assert_allclose(picture.alpha, alpha, atol=0.02 if suffix == "avif" else 1e-7)
        if suffix not in ("webp", "avif"):
            np.testing.assert_array_equal(picture.rgb, RGB)

    @pytest.mark.parametrize("format", ["PNG", "TIFF", "BMP"])
    def test_bands_of_a_picture_meet(self, format):
        rgb = np.random.default_rng(1).random((301, 300, 3), np.float32)
        expected = np.round(rgb * np.float32(255)).astype(np.uint8)
        read = read_picture(encode_picture(rgb, None, format))
        np.testing.assert_array_equal(read.samples, expected)

    def test_a_full_disk_is_an_output_error_with_the_path(self, tmp_path, monkeypatch):
        class Full(io.FileIO):
            def write(self, data):
                raise OSError(28, "No space left on device")

        path = tmp_path / "x.png"
        path.write_bytes(b"old")
        monkeypatch.setattr(type(path), "open", lambda self, mode: Full(self, "x"), raising=True)
        with pytest.raises(OutputError, match=r"x\.png.*No space left"):
            write_picture(path, np.zeros((400, 400, 3)))
        monkeypatch.undo()
        assert path.read_bytes() == b"old"

    def test_transparent_picture_is_shown_on_white_without_alpha(self, tmp_path):
        alpha = np.array([[0, 0.2, 1], [0.4, 0.6, 0.8]], dtype=np.float32)
        write_picture(tmp_path / "x.bmp", RGB, alpha)
        expected = RGB * alpha[..., None] + 1 - alpha[..., None]
        picture = read_picture(tmp_path / "x.bmp")
        np.testing.assert_allclose(picture.rgb, expected, atol=0.51 / 255)
        assert picture.alpha is None

    def test_jpeg_keeps_colour_resolution(self):
        rgb = np.asarray(photo()) / 255
        default = encode_picture(rgb, None, "JPEG")
        frame = default.index(b"\xff\xc0")
        # Sampling factors of the three components, in the frame header.
        assert [default[frame + 11 + 3 * number] for number in range(3)] == [0x11] * 3

    @pytest.mark.parametrize(
        ("rgb", "alpha"),
        [
            (np.zeros((2, 2)), None),
            (np.zeros((2, 2, 4)), None),
            (np.zeros((0, 2, 3)), None),
            (np.full((2, 2, 3), np.nan), None),
            (np.zeros((2, 2, 3)), np.zeros((2, 3))),
            (np.zeros((2, 2, 3)), np.full((2, 2), np.inf)),
        ],
    )
    def test_pixels_that_are_no_picture_are_refused(self, rgb, alpha):
        with pytest.raises(OptionsError):
            encode_picture(rgb, alpha, "PNG")

    def test_unknown_format_is_refused(self):
        with pytest.raises(OptionsError, match="known: PNG"):
            encode_picture(RGB, None, "EPS")

    @pytest.mark.parametrize(("format", "width"), [("WEBP", 16384), ("AVIF", 65537)])
    def test_picture_too_wide_for_its_format_is_an_output_error(self, tmp_path, format, width):
        path = tmp_path / f"x.{format.lower()}"
        path.write_bytes(b"old")
        with pytest.raises(OutputError, match=format):
            write_picture(path, np.zeros((1, width, 3), dtype=np.float32))
        assert path.read_bytes() == b"old"

    def test_avif_is_near_and_the_same_each_time(self, tmp_path):
        rgb = np.asarray(photo()) / np.float32(255)
        first = encode_picture(rgb, None, "AVIF")
        assert np.abs(read_picture(first).rgb - rgb).mean() < 0.02
        assert encode_picture(rgb, None, "AVIF") == first
        for quality in (95, 30):
            write_picture(tmp_path / f"{quality}.avif", rgb, quality=quality)
        assert (tmp_path / "95.avif").read_bytes() == first
        assert (tmp_path / "30.avif").stat().st_size < 0.7 * len(first)

    def test_a_pillow_without_avif_says_so_before(self, monkeypatch):
        monkeypatch.setattr(AvifImagePlugin, "SUPPORTED", False)
        with pytest.raises(OptionsError, match="this Pillow cannot write AVIF"):
            check_encoding("AVIF")
        with pytest.raises(UnsupportedImage, match="this Pillow cannot decode"):
            read_picture(FILES["avif"])

    def test_input_may_be_its_own_output(self, tmp_path):
        path = tmp_path / "x.png"
        path.write_bytes(FILES["png"])
        picture = read_picture(path)
        write_picture(path, 1 - picture.rgb)
        np.testing.assert_allclose(read_picture(path).rgb, 1 - picture.rgb, atol=1e-6)

    def test_given_arrays_are_not_changed(self):
        rgb, alpha = np.full((2, 2, 3), 1.5), np.full((2, 2), 0.5)
        encode_picture(rgb, alpha, "JPEG")
        assert (rgb == 1.5).all()
        assert (alpha == 0.5).all()


def test_pillow_globals_stay_as_they_are():
    before = (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, list(warnings.filters))
    for data in FILES.values():
        read_picture(data)
    assert before == (
        Image.MAX_IMAGE_PIXELS,
        ImageFile.LOAD_TRUNCATED_IMAGES,
        list(warnings.filters),
    )


def test_importing_does_not_load_pillow():
    program = "import sys, impasto.engine.images; sys.exit('PIL' in sys.modules)"
    subprocess.run([sys.executable, "-P", "-c", program], check=True)
