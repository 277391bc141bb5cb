"""What a picture tells of how it was made is found in every format, and believed carefully."""

import io
import json
import struct
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from impasto.engine.embedding import MOST_CHARACTERS, embedded_text, exif_of
from impasto.engine.errors import (
    CorruptImage,
    ImageNotFound,
    OptionsError,
    ResumeError,
    UnsupportedImage,
)
from impasto.engine.images import read_picture, write_picture
from impasto.engine.options import Options
from impasto.engine.provenance import Ingredient, Provenance, read_provenance

FORMATS = ["png", "jpg", "webp", "tiff", "avif"]
MACHINE = {"model": None, "bundle": None, "device": "cpu", "precision": "float32", "threads": 2}
MACHINE |= {"lowering": "winograd"}


@pytest.fixture
def made(tmp_path, scene):
    for name in ("photo.png", "paint.png"):
        write_picture(tmp_path / name, scene(12, 10))
    return Provenance(
        version="1.2.3",
        task="stylize",
        options=Options(size=0.5, iterations=(3, 2), style_layers={"relu1_1": 2.0}, color="match"),
        model="vgg16",
        fingerprint="ab" * 32,
        machine=MACHINE,
        pictures=(
            Ingredient.of("content", tmp_path / "photo.png"),
            Ingredient.of("style", tmp_path / "paint.png"),
        ),
        memory=2**30,
        command="impasto stylize photo.png paint.png --size 50%",
        size=(7, 6),
        plan={"peak": 5},
    )


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("opaque", [True, False])
def test_what_is_told_is_read_again(suffix, opaque, made, scene, tmp_path):
    path = tmp_path / f"made.{suffix}"
    alpha = None if opaque else np.full((30, 20), 0.5, np.float32)
    write_picture(path, scene(30, 20), alpha, metadata=made.record())
    assert read_provenance(path) == made


@pytest.mark.parametrize("suffix", [*FORMATS, "bmp"])
def test_metadata_changes_no_pixel(suffix, made, scene, tmp_path):
    plain, told = tmp_path / f"plain.{suffix}", tmp_path / f"told.{suffix}"
    write_picture(plain, scene(30, 20))
    write_picture(told, scene(30, 20), metadata=made.record())
    np.testing.assert_array_equal(read_picture(plain).rgb, read_picture(told).rgb)


@pytest.mark.parametrize("suffix", FORMATS)
def test_other_programs_find_it_too(suffix, made, scene, tmp_path):
    path = tmp_path / f"made.{suffix}"
    write_picture(path, scene(30, 20), metadata=made.record())
    with Image.open(path) as image:
        if suffix == "png":
            text = image.text["impasto"]
        elif suffix == "tiff":
            text = image.tag_v2[270]
        else:
            comment = image.getexif().get_ifd(0x8769)[0x9286]
            text = comment.removeprefix(b"ASCII\0\0\0").decode("ascii")
    assert json.loads(text)["command"] == made.command


@pytest.mark.parametrize("order", ["<", ">"])
def test_both_orders_of_bytes_are_read(order):
    """Another program may have written the same words its own way."""
    text = b"ASCII\0\0\0" + b"words"
    head = b"II*\0" if order == "<" else b"MM\0*"
    block = head + struct.pack(order + "IHHHII", 8, 1, 34665, 4, 1, 26) + bytes(4)
    block += struct.pack(order + "HHHII", 1, 37510, 7, len(text), 44) + bytes(4) + text
    image = io.BytesIO()
    Image.new("RGB", (4, 4)).save(image, "JPEG", exif=b"Exif\0\0" + block)
    assert embedded_text(image) == "words"


def test_a_picture_of_others_tells_nothing(scene, tmp_path):
    for suffix in (*FORMATS, "bmp"):
        write_picture(tmp_path / f"plain.{suffix}", scene(9, 9))
        with pytest.raises(UnsupportedImage, match="does not tell how it was made"):
            read_provenance(tmp_path / f"plain.{suffix}")
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(UnsupportedImage):
        read_provenance(tmp_path / "text.png")
    for nothing in (tmp_path, tmp_path / "nowhere.png", "a\0b"):
        with pytest.raises(ImageNotFound):
            read_provenance(nothing)


@pytest.mark.parametrize(
    "change",
    [
        {"task": "paint"},
        {"options": {"size": "large"}},
        {"options": {"unknown": 1}},
        {"options": []},
        {"machine": {"model": None}},
        {"machine": {**MACHINE, "threads": 10**9}},
        {"machine": {**MACHINE, "device": 5}},
        {"pictures": []},
        {"pictures": [{"role": "thief", "path": "x", "sha256": ""}]},
        {"memory": -1},
        {"time": "long"},
        {"quality": 101},
        {"depth": 12},
        {"size": [1]},
        {"plan": 5},
        {"more": 1},
        {"impasto": None},
    ],
    ids=str,
)
def test_what_cannot_be_is_not_believed(change, made, scene, tmp_path):
    write_picture(tmp_path / "odd.png", scene(9, 9), metadata=made.record() | change)
    with pytest.raises(CorruptImage, match="tells in no sound way"):
        read_provenance(tmp_path / "odd.png")


@pytest.mark.parametrize("text", ["{", "[" * 50_000, "5", '{"impasto": NaN}', "null"])
def test_words_that_are_no_record_are_not_believed(text, tmp_path):
    Image.new("RGB", (4, 4)).save(tmp_path / "odd.jpg", exif=exif_of(text))
    with pytest.raises(CorruptImage):
        read_provenance(tmp_path / "odd.jpg")


def test_metadata_has_a_largest_size(scene, tmp_path):
    fits = {"a": "x" * (MOST_CHARACTERS - len('{"a":""}'))}
    for suffix in FORMATS:
        write_picture(tmp_path / f"long.{suffix}", scene(9, 9), metadata=fits)
    with pytest.raises(OptionsError, match="there is room for 60000"):
        write_picture(tmp_path / "long.png", scene(9, 9), metadata={**fits, "b": 1})
    with pytest.raises(OptionsError, match="cannot be written as JSON"):
        write_picture(tmp_path / "odd.png", scene(9, 9), metadata={"a": float("nan")})


def test_pictures_that_changed_are_refused(made, tmp_path):
    made.check()
    (tmp_path / "paint.png").write_bytes(b"other")
    with pytest.raises(ResumeError, match=r"style picture .* is not the one"):
        made.check()
    (tmp_path / "paint.png").unlink()
    with pytest.raises(ResumeError, match="paths are those that were typed"):
        made.check()


def test_equal_work_has_an_equal_record(made):
    assert replace(made) == made
    assert json.dumps(made.record()) == json.dumps(Provenance.read(made.record()).record())
