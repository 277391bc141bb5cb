"""The profile that every result has is sRGB: by the standard's own numbers, and by Little CMS."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from impasto.engine.images import encode_picture, read_picture
from impasto.engine.srgb import SRGB_PROFILE


def parts():
    (count,) = struct.unpack_from(">I", SRGB_PROFILE, 128)
    entries = (struct.unpack_from(">4sII", SRGB_PROFILE, 132 + 12 * n) for n in range(count))
    return {name.decode(): SRGB_PROFILE[at : at + size] for name, at, size in entries}


def fixed(part, shape):
    return np.array(struct.unpack_from(f">{np.prod(shape)}i", part, 8)).reshape(shape) / 65536


def colours():
    every = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    random = np.random.default_rng(0).integers(0, 256, (40_000, 3), np.uint8)
    return np.concatenate([every, random])[None]


def test_it_is_a_small_whole_of_aligned_parts():
    (size,) = struct.unpack_from(">I", SRGB_PROFILE)
    assert size == len(SRGB_PROFILE) < 600
    (count,) = struct.unpack_from(">I", SRGB_PROFILE, 128)
    for number in range(count):
        at, length = struct.unpack_from(">II", SRGB_PROFILE, 136 + 12 * number)
        assert at % 4 == 0 == length % 4
        assert at + length <= size


def test_its_matrix_is_that_of_the_standard_under_the_white_of_profiles():
    """BT.709's primaries and D65 by their chromaticities, adapted by Bradford's matrix."""
    white = np.array([0.3127, 0.3290, 1 - 0.3127 - 0.3290]) / 0.3290
    primaries = np.array([[0.64, 0.33, 0.03], [0.30, 0.60, 0.10], [0.15, 0.06, 0.79]]).T
    to_xyz = primaries * np.linalg.solve(primaries, white)
    cones = np.array(
        [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
    )
    wanted = np.array([0.9642, 1, 0.8249])
    adapts = np.linalg.inv(cones) @ np.diag(cones @ wanted / (cones @ white)) @ cones
    found = parts()
    matrix = np.stack([fixed(found[name], 3) for name in ("rXYZ", "gXYZ", "bXYZ")], axis=1)
    np.testing.assert_allclose(matrix, adapts @ to_xyz, atol=1.5 / 65536)
    np.testing.assert_allclose(fixed(found["chad"], (3, 3)), adapts, atol=1.5 / 65536)
    np.testing.assert_allclose(fixed(found["wtpt"], 3), wanted, atol=1 / 65536)


def test_its_curve_is_that_of_the_standard():
    power, scale, offset, slope, border = np.array(struct.unpack_from(">5i", parts()["gTRC"], 12))
    given = np.array([power, scale, offset, slope, border]) / 65536
    expected = [2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045]
    np.testing.assert_allclose(given, expected, atol=0.51 / 65536)


@pytest.mark.parametrize("intent", list(ImageCms.Intent))
def test_little_cms_finds_every_colour_where_it_was(intent):
    there = ImageCms.ImageCmsProfile(io.BytesIO(SRGB_PROFILE))
    own = ImageCms.createProfile("sRGB")
    for source, target in ((there, own), (own, there)):
        change = ImageCms.buildTransform(source, target, "RGB", "RGB", renderingIntent=intent)
        found = np.asarray(change.apply(Image.fromarray(colours())))
        np.testing.assert_array_equal(found, colours())


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "TIFF", "AVIF"])
def test_a_picture_of_ours_is_read_without_a_conversion(format, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError

    monkeypatch.setattr(ImageCms, "buildTransform", refuse)
    data = encode_picture(colours()[:, :99] / np.float32(255), None, format)
    assert SRGB_PROFILE in data or format == "PNG"  # where it is compressed
    assert read_picture(data).shape == (1, 99, 3)
