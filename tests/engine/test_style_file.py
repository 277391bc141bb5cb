import dataclasses
import io
import json
import struct
import zipfile

import numpy as np
import pytest

from impasto.engine import targets
from impasto.engine.engine import Engine
from impasto.engine.errors import (
    CorruptImage,
    ImageTooLarge,
    OptionsError,
    OutputError,
    UnsupportedImage,
)
from impasto.engine.images import encode_picture, read_header, read_picture
from impasto.engine.known_targets import Fitting, KnownLook, KnownTargets
from impasto.engine.limits import Limits
from impasto.engine.style_file import is_style_file, opened_style, style_file
from impasto.engine.style_source import known_of


@pytest.fixture
def looked(monkeypatch, saved):
    """Sizes at which style pictures are looked at from now on, one after the other."""
    seen, look = [], targets._grams

    def looking(view, tiling, style, mask, size, stop):
        seen.append(size)
        return look(view, tiling, style, mask, size, stop)

    monkeypatch.setattr(targets, "_grams", looking)
    return seen


@pytest.fixture
def painting(scene, tmp_path):
    path = tmp_path / "painting.png"
    path.write_bytes(encode_picture(scene(30, 20, 5), None, "PNG"))
    return path


@pytest.fixture
def saved(engine, asked, painting, tmp_path):
    path = tmp_path / "painting.style"
    engine.save_style(painting, path, asked(levels=2), sizes=[24, 48])
    return path


@pytest.fixture
def fresh(toy_file):
    return Engine(toy_file, threads=1, device="cpu")


def known(gram=None):
    grams = {"layer": np.eye(4, dtype=np.float32) if gram is None else gram}
    return KnownTargets("toy", "f" * 64, 1.5, (KnownLook((3, 5), "max", "zeros", grams),))


def test_style_file_gives_back_what_was_put_in():
    picture, made = opened_style(style_file(b"any bytes", known()), Limits(), "it")
    assert picture == b"any bytes"
    assert (made.model, made.fingerprint, made.scale) == ("toy", "f" * 64, 1.5)
    (look,) = made.looks
    assert (look.size, look.pool, look.border) == ((3, 5), "max", "zeros")
    np.testing.assert_array_equal(look.grams["layer"], np.eye(4))
    assert not look.grams["layer"].flags.writeable
    assert style_file(picture, made) == style_file(b"any bytes", known())


def test_picture_in_it_is_the_file_as_it_was_given(saved, painting):
    data = saved.read_bytes()
    assert is_style_file(data) and not is_style_file(painting.read_bytes())
    with zipfile.ZipFile(saved) as archive:
        assert archive.read("picture") == painting.read_bytes()
    made = read_picture(saved)
    np.testing.assert_array_equal(made.samples, read_picture(painting).samples)
    assert made.known is not None
    header = read_header(saved)
    assert header.shape == made.shape
    assert header.held_bytes - read_header(painting).held_bytes == made.known.nbytes


@pytest.mark.parametrize("border", ["replicate", "reflect", "wrap"])
def test_same_picture_is_painted_and_nothing_is_looked_at(
    fresh, engine, asked, looked, painting, scene, tmp_path, border
):
    path, options = tmp_path / "a.style", asked(border=border, levels=2, size=48)
    engine.save_style(painting, path, options, sizes=[48])
    content = scene(48, 32, 1)
    expected = engine.stylize(content, painting, options)
    looked.clear()
    made = fresh.stylize(content, path, options)
    assert looked == []
    np.testing.assert_array_equal(made.canvas, expected.canvas)
    assert made.loss == expected.loss


@pytest.mark.parametrize(
    "change",
    [
        {"size": 32},
        {"pool": "average"},
        {"border": "zeros"},
        {"border": "wrap"},
        {"style_scale": 1.5},
        {"style_layers": {"relu2_2": 1.0}},
        {"style_loss": "moments"},
        {"color": "match"},
    ],
)
def test_whatever_it_does_not_know_is_looked_at(fresh, looked, saved, asked, scene, change):
    fresh.objective(scene(24, 24), saved, asked())
    assert looked == []
    fresh.objective(scene(24, 24), saved, asked(**change))
    assert len(looked) == 1


def test_fewer_layers_are_known_too(fresh, looked, saved, asked, scene):
    fresh.objective(scene(24, 24), saved, asked(style_layers={"relu2_1": 1.0}))
    assert looked == []


def test_targets_of_another_network_are_not_used(fresh, looked, saved, asked, scene, painting):
    data, made = opened_style(saved.read_bytes(), Limits(), "it")
    other = style_file(data, dataclasses.replace(made, fingerprint="0" * 64))
    objective = fresh.objective(scene(24, 24), other, asked())
    assert len(looked) == 1
    expected = fresh.objective(scene(24, 24), painting, asked())
    canvas = scene(24, 24, 9)
    assert objective.evaluate(canvas)[0] == expected.evaluate(canvas)[0]


def test_targets_of_wrong_shapes_are_not_used():
    fitting = Fitting("f" * 64, {"layer": 4})
    assert known().find(fitting, (3, 5), "max", "zeros", ["layer"]) is not None
    for gram in (np.eye(3), np.ones(4), np.ones((4, 4, 4))):
        wrong = known(gram.astype(np.float32))
        assert wrong.find(fitting, (3, 5), "max", "zeros", ["layer"]) is None
    mean = known()
    mean.looks[0].grams["layer.mean"] = np.ones(4, np.float32)
    assert mean.find(fitting, (3, 5), "max", "zeros", ["layer", "layer.mean"]) is not None


def test_what_a_stranger_wrote_beside_a_picture_is_not_kept_for_others(
    fresh, asked, saved, painting, scene
):
    data, made = opened_style(saved.read_bytes(), Limits(), "it")
    looks = tuple(
        dataclasses.replace(one, grams={name: 0 * gram for name, gram in one.grams.items()})
        for one in made.looks
    )
    forged = style_file(data, dataclasses.replace(made, looks=looks))
    content, canvas = scene(24, 24), scene(24, 24, 9)
    right = fresh.objective(content, painting, asked()).evaluate(canvas)[0]
    other = Engine(fresh._arguments["model"], threads=1, device="cpu")
    assert other.objective(content, forged, asked()).evaluate(canvas)[0] != right
    assert other.objective(content, painting, asked()).evaluate(canvas)[0] == right


def test_arrays_become_png_and_style_files_can_be_saved_again(
    engine, asked, saved, scene, tmp_path
):
    path = tmp_path / "array.style"
    made = engine.save_style(scene(9, 8), path, asked(), sizes=())
    assert made.looks == ()
    expected = np.round(scene(9, 8) * 255).astype(np.uint8)
    np.testing.assert_array_equal(read_picture(path).samples, expected)
    again = tmp_path / "again.style"
    engine.save_style(saved, again, asked(levels=2), sizes=[24, 48])
    assert again.read_bytes() == saved.read_bytes()
    assert known_of(scene(9, 8)) is None
    assert known_of(again).fingerprint == engine.fingerprint


def test_what_cannot_be_saved_leaves_nothing(engine, asked, painting, tmp_path):
    with pytest.raises(OptionsError, match=r"must have the suffix \.style"):
        engine.save_style(painting, tmp_path / "a.png", asked())
    with pytest.raises(OptionsError, match="style_scale must list one number"):
        engine.save_style(painting, tmp_path / "a.style", asked(style_scale=(1, 2)))
    with pytest.raises(OutputError):
        engine.save_style(painting, tmp_path / "no" / "a.style", asked())
    most = painting.stat().st_size + 100
    small = Engine(
        engine._arguments["model"], threads=1, device="cpu", limits=Limits(file_bytes=most)
    )
    with pytest.raises(ImageTooLarge, match="name fewer sizes"):
        small.save_style(painting, tmp_path / "a.style", asked())
    assert [path.name for path in tmp_path.iterdir()] == ["painting.png"]


def archive(members, **changes):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", changes.pop("compression", zipfile.ZIP_STORED)) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return stream.getvalue()


def changed(**changes):
    """A style file whose manifest says something else."""
    with zipfile.ZipFile(io.BytesIO(style_file(b"", known()))) as file:
        members = {one.filename: file.read(one) for one in file.infolist()}
    name = "impasto-style.json"
    told = json.loads(members[name]) | changes
    return archive(members | {name: json.dumps(told)})


def look(**changes):
    usual = {"size": [3, 5], "pool": "max", "border": "zeros", "statistics": {"layer": [4, 4]}}
    return {"looks": [usual | changes]}


HOSTILE = {
    "no manifest": archive({"impasto-style.json.not": b""}),
    "no json": archive({"impasto-style.json": b"{"}),
    "deep json": archive({"impasto-style.json": b"[" * 100_000}),
    "a list": archive({"impasto-style.json": b"[]"}),
    "a bomb": archive({"impasto-style.json": b" " * 10**7}, compression=zipfile.ZIP_DEFLATED),
    "many parts": archive({"impasto-style.json": b"{}", **{str(i): b"" for i in range(99)}}),
    "no picture": archive({"impasto-style.json": b'{"version": 1}'}),
    "many looks": changed(looks=[{}] * 65),
    "looks of another kind": changed(looks=5),
    "a huge side": changed(**look(size=[3, 2**40])),
    "three sides": changed(**look(size=[3, 3, 3])),
    "a huge gram": changed(**look(statistics={"layer": [2**19, 2**19]})),
    "a negative gram": changed(**look(statistics={"layer": [-4, -4]})),
    "too few numbers": changed(**look(statistics={"layer": [4, 5]})),
    "too many numbers": changed(**look(statistics={"layer": [4, 3]})),
    "a long name": changed(**look(pool="x" * 201)),
    "a number for a name": changed(model=5),
    "no scale": changed(scale=float("nan")),
    "not finite": style_file(b"", known(np.full((4, 4), np.nan, np.float32))),
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_hostile_files_are_corrupt_pictures_in_one_sentence(data):
    assert is_style_file(data)
    with pytest.raises(CorruptImage, match="a style file that is damaged: ") as no:
        read_picture(data, what="style picture")
    assert "\n" not in str(no.value) and len(str(no.value)) < 400


def test_every_cut_and_every_flipped_byte_is_refused_or_harmless(scene):
    picture = encode_picture(scene(3, 3), None, "PNG")
    data = style_file(picture, known())
    expected = read_picture(picture).samples
    for length in range(60, len(data), 7):
        with pytest.raises(CorruptImage):
            read_picture(data[:length])
    for place in range(60, len(data), 3):
        other = bytearray(data)
        other[place] ^= 0x55
        try:
            made = read_picture(bytes(other))
        except (CorruptImage, UnsupportedImage):
            continue
        np.testing.assert_array_equal(made.samples, expected)


def test_parts_that_share_their_bytes_are_refused():
    data = bytearray(style_file(b"x" * 5000, known()))
    # The second member's sizes in the central directory, as large as the file.
    at = data.rindex(b"picture") - 46
    assert data[at : at + 4] == b"PK\1\2"
    data[at + 20 : at + 28] = struct.pack("<II", len(data), len(data))
    with pytest.raises(CorruptImage, match="its parts overlap"):
        opened_style(bytes(data), Limits(), "it")


def test_newer_version_too_large_file_and_wrong_picture_have_their_own_errors(scene):
    with pytest.raises(UnsupportedImage, match="a style file of version '2', not 1"):
        read_picture(changed(version=2))
    with pytest.raises(ImageTooLarge):
        read_picture(style_file(b"", known()), Limits(file_bytes=100))
    with pytest.raises(UnsupportedImage, match="is empty"):
        read_picture(style_file(b"", known()))
    with pytest.raises(UnsupportedImage):
        read_picture(style_file(style_file(b"", known()), known()))
    large = encode_picture(scene(20, 20), None, "PNG")
    with pytest.raises(ImageTooLarge):
        read_picture(style_file(large, known()), Limits(pixels=399))
