"""Pictures with 16 bits: FFmpeg's decoders and our own find the samples that were meant."""

import io
import json
import struct

import av
import numpy as np
import pytest
from PIL import Image

from impasto.engine.embedding import embedded_text
from impasto.engine.errors import CorruptImage, OptionsError
from impasto.engine.images import encode_picture, read_header, read_picture, write_picture
from impasto.engine.srgb import SRGB_PROFILE

FORMATS = ["PNG", "TIFF"]
# One pixel; one row of few; rows in several blocks, the last of which is smaller.
SHAPES = [(1, 1), (2, 5), (301, 150)]


def floats(shape, channels):
    """Noise, and what has to be clipped and rounded."""
    values = np.random.default_rng(0).random((*shape, channels), np.float32)
    values.reshape(-1)[:3] = [-0.5, 1.5, 1 / 65535 / 2 + 1e-6]
    return values[..., :3], values[..., 3] if channels == 4 else None


def samples(values):
    """In float64, half a level away from none of these."""
    return np.rint(np.clip(values.astype(np.float64), 0, 1) * 65535)


def by_ffmpeg(data, channels):
    with av.open(io.BytesIO(data)) as file:
        (frame,) = file.decode(video=0)
    return frame.to_ndarray(format="rgb48le" if channels == 3 else "rgba64le")


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("format", FORMATS)
def test_every_sample_is_the_nearest_of_65536(format, channels, shape):
    rgb, alpha = floats(shape, channels)
    data = encode_picture(rgb, alpha, format, 16)
    together = rgb if alpha is None else np.concatenate([rgb, alpha[..., None]], axis=2)
    # Where the product in float32 is rounded, a half may become the other neighbour.
    assert np.abs(samples(together) - by_ffmpeg(data, channels)).max() <= 1
    assert (samples(together) == by_ffmpeg(data, channels)).mean() > 0.99
    picture = read_picture(data)
    np.testing.assert_array_equal(picture.samples, by_ffmpeg(data, channels)[..., :3])
    assert (picture.opacity is None) == (channels == 3)
    if channels == 4:
        np.testing.assert_array_equal(picture.opacity, by_ffmpeg(data, channels)[..., 3])


@pytest.mark.parametrize("format", FORMATS)
def test_samples_of_16_bits_go_round_unchanged(format):
    """Every level there is, in each channel."""
    levels = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    rgb = np.stack([levels, levels[::-1], levels.T], axis=2)
    picture = read_picture(rgb)
    np.testing.assert_array_equal(
        read_picture(encode_picture(picture.rgb, None, format, 16)).samples, rgb
    )


@pytest.mark.parametrize("format", FORMATS)
def test_pillow_finds_the_upper_half_and_what_lies_beside_the_pixels(format, tmp_path):
    path = tmp_path / f"x.{format.lower()}"
    rgb, _ = floats((30, 20), 3)
    write_picture(path, rgb, metadata={"words": "x" * 99}, depth=16)
    with Image.open(path) as image:
        assert (image.format, image.mode, image.size) == (format, "RGB", (20, 30))
        assert image.info["icc_profile"] == SRGB_PROFILE
        np.testing.assert_array_equal(np.asarray(image), read_picture(path).samples >> 8)
        text = image.text["impasto"] if format == "PNG" else image.tag_v2[270]
    with path.open("rb") as stream:
        assert text == embedded_text(stream)
    assert json.loads(text) == {"words": "x" * 99}


@pytest.mark.parametrize("format", FORMATS)
def test_the_same_picture_is_the_same_bytes(format):
    rgb, alpha = floats((40, 30), 4)
    assert encode_picture(rgb, alpha, format, 16) == encode_picture(rgb, alpha, format, 16)


def test_a_tiff_keeps_to_its_own_order():
    """Directories begin at even offsets, with their tags in rising order (TIFF 6.0, section 2)."""
    for width in range(1, 9):
        data = encode_picture(floats((3, width), 4)[0], None, "TIFF", 16)
        (at,) = struct.unpack_from("<I", data, 4)
        (count,) = struct.unpack_from("<H", data, at)
        tags = [struct.unpack_from("<H", data, at + 2 + 12 * number)[0] for number in range(count)]
        assert at % 2 == 0
        assert tags == sorted(tags)


@pytest.mark.parametrize("format", ["JPEG", "WEBP", "BMP"])
def test_other_formats_have_8_bits(format, tmp_path):
    path = tmp_path / f"x.{format.lower()}"
    with pytest.raises(OptionsError, match=f"more than {format} holds: only PNG and TIFF"):
        write_picture(path, np.zeros((2, 2, 3)), depth=16)
    assert not path.exists()


@pytest.mark.parametrize("depth", [0, 12, 32, -8, True, "16", 16.0, None])
def test_there_are_two_depths(depth):
    with pytest.raises(OptionsError, match="depth must be 8 or 16"):
        encode_picture(np.zeros((2, 2, 3)), None, "PNG", depth)


def saved(values, channels, compression=None):
    """By FFmpeg, so that reading has an oracle of its own."""
    stream = io.BytesIO()
    options = {"compression_algo": compression} if compression else {}
    with av.open(stream, "w", format="image2pipe") as file:
        codec = file.add_stream("tiff" if compression else "png", rate=1, options=options)
        codec.height, codec.width = values.shape[:2]
        big = "le" if compression else "be"
        codec.pix_fmt = ("rgb48" if channels == 3 else "rgba64") + big
        frame = av.VideoFrame.from_ndarray(
            values, format="rgb48le" if channels == 3 else "rgba64le"
        )
        for packet in [*codec.encode(frame.reformat(format=codec.pix_fmt)), *codec.encode()]:
            file.mux(packet)
    return stream.getvalue()


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("compression", [None, "raw", "lzw", "deflate", "packbits"])
def test_deep_colours_of_others_are_read_in_full(channels, compression):
    values = np.random.default_rng(1).integers(0, 65536, (31, 17, channels), np.uint16)
    data = saved(values, channels, compression)
    picture, header = read_picture(data), read_header(data)
    np.testing.assert_array_equal(picture.samples, values[..., :3])
    assert header.held_bytes == values.nbytes
    assert header.decode_bytes > 2 * header.held_bytes
    with pytest.raises(CorruptImage):
        read_picture(data[: len(data) // 2])
