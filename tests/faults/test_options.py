"""Rows O01 to O08: options that cannot be, said before any work."""

import math
import os
import stat
from pathlib import Path

import numpy as np
import pytest

from impasto.engine.engine import Engine
from impasto.engine.errors import ImageTooLarge, LimitError, MemoryLimit, OptionsError
from impasto.engine.images import read_picture
from impasto.engine.limits import Limits
from impasto.engine.options import Options

from .rows import row

FLOATS = ["content_weight", "style_weight", "tv_weight", "step", "init_blend", "style_scale"]


@pytest.fixture
def no_work(monkeypatch):
    """Nothing may be computed."""

    def ran(*arguments, **rest):
        raise AssertionError("the work was begun")

    monkeypatch.setattr("impasto.engine.objectives.Objectives.at", ran)


@row("O01")
@pytest.mark.parametrize("name", FLOATS)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -1.0, 1e308, "abc", 2**2000])
def test_numbers_out_of_range_are_named_with_their_range(name, value):
    with pytest.raises(OptionsError, match=f"{name} must be"):
        Options(**{name: value})


@row("O01")
@pytest.mark.parametrize("option", ["--content-weight", "--style-weight", "--tv-weight", "--step"])
@pytest.mark.parametrize("value", ["nan", "inf", "-1", "1e308", "abc"])
def test_numbers_out_of_range_are_one_sentence(paint, refused, no_work, option, value):
    refused(paint(more=[f"{option}={value}"]), 2, option)


@row("O02")
@pytest.mark.parametrize(
    ("option", "value", "code"),
    [
        ("--iterations", -1, 2),
        ("--iterations", 10**9, 2),
        ("--iterations", "1.5", 2),
        ("--size", 0, 2),
        ("--size", -1, 2),
        ("--size", 10**6, 6),
        ("--threads", 0, 2),
        ("--threads", -1, 2),
        ("--threads", 10**6, 2),
    ],
)
def test_counts_out_of_range_are_refused_before_any_work(
    paint, refused, no_work, option, value, code
):
    refused(paint(more=[f"{option}={value}"]), code, option.removeprefix("--"))


@row("O02")
def test_no_iterations_give_the_initial_picture(engine, asked, scene):
    content = scene(24, 24)
    result = engine.stylize(content, scene(20, 20, 1), asked(iterations=0))
    np.testing.assert_array_equal(result.canvas, content)


@row("O02")
def test_output_side_at_the_limit_and_one_more(network_path, asked, scene):
    engine = Engine(network_path, device="cpu", limits=Limits(output_side=24))
    assert engine.stylize(scene(30, 30), scene(20, 20), asked(size=24)).canvas.shape[0] == 24
    with pytest.raises(LimitError, match="size is 25, but the limit of output_side is 24"):
        engine.stylize(scene(30, 30), scene(20, 20), asked(size=25))


@row("O02")
def test_threads_at_the_limit_and_one_more(network_path):
    assert Engine(network_path, device="cpu", threads=2, limits=Limits(threads=2)).threads == 2
    assert Engine(network_path, device="cpu", limits=Limits(threads=1)).threads == 1
    with pytest.raises(LimitError, match="threads is 3, but the limit of threads is 2"):
        Engine(network_path, device="cpu", threads=3, limits=Limits(threads=2))


@row("O02")
@pytest.mark.parametrize(("height", "width"), [(1, 20), (20, 1), (4, 5)])
def test_pixels_and_sides_at_the_limit_and_one_more(height, width):
    picture = np.zeros((height, width, 3), np.float32)
    longer = max(height, width)
    read_picture(picture, Limits(pixels=20, side=longer))
    for less in (Limits(pixels=19), Limits(side=longer - 1)):
        with pytest.raises(ImageTooLarge):
            read_picture(picture, less)


@row("O03")
@pytest.mark.parametrize(
    "more",
    [
        ["--content-weight", "0", "--style-weight", "0"],
        ["--style-layer", "relu9_9"],
        ["--style-layer", "relu1_1=0", "--style-layer", "relu2_1=0"],
        ["--style-layer", "relu1_1", "--style-layer", "relu1_1"],
        ["--style-layer", ""],
        ["--style-layer", "relu1_1="],
        ["--style-layer", "relu1_1=1=2"],
        ["--iterations", "1,2,3,4,5,6,7,8,9", "--levels", "2"],
    ],
)
def test_weights_and_layers_that_cannot_be_are_refused(
    run, content, style, network_path, refused, more
):
    base = ["--content-layer", "relu3_1", "--size", "32", "--model", network_path]
    style_layer = [] if "--style-layer" in more else ["--style-layer", "relu1_1"]
    ended = run("stylize", content, style, *base, *style_layer, *more, "-o", "art.png")
    refused(ended, 4 if "relu9_9" in more and ended.code == 4 else 2)
    if "relu9_9" in more:
        assert "relu1_1" in ended.err


@row("O04")
def test_size_beyond_the_memory_is_refused_with_what_it_needs_and_what_fits(
    paint, refused, no_work
):
    refused(paint(more=["--size=4000", "--memory=300M"]), 6, "needs", "size")


@row("O04")
def test_memory_at_the_limit_and_one_more(network_path, asked, scene):
    pair, most = (scene(30, 30), scene(20, 20)), 2**40
    engine = Engine(network_path, device="cpu", limits=Limits(memory=most))
    assert engine.stylize(*pair, asked(), memory=most).loss > 0
    with pytest.raises(
        LimitError, match=f"memory is {most + 1}, but the limit of memory is {most}"
    ):
        engine.stylize(*pair, asked(), memory=most + 1)
    small = Engine(network_path, device="cpu", limits=Limits(memory=1))
    with pytest.raises(MemoryLimit):
        small.stylize(*pair, asked())


@row("O05")
@pytest.mark.parametrize("output", ["art", "art.xyz", "art.gif", "art.svg", "art.png.exe", ".png"])
def test_unknown_output_format_is_refused_before_the_work(paint, refused, no_work, output):
    refused(paint(output=output), 2, output)
    assert not Path(output).exists()


@row("O06")
@pytest.mark.parametrize("kind", ["missing folder", "folder", "device", "loop", "pipe"])
def test_place_that_cannot_be_written_is_refused_before_the_work(
    tmp_path, paint, refused, no_work, kind
):
    path = tmp_path / "out.png"
    if kind == "missing folder":
        path = tmp_path / "none" / "out.png"
    elif kind == "folder":
        path.mkdir()
    elif kind == "device":
        path.symlink_to("/dev/full")
    elif kind == "loop":
        path.symlink_to(path)
    elif kind == "pipe":
        os.mkfifo(path)
    refused(paint(output=path), 5, "out.png")


@row("O06")
def test_read_only_folder_is_refused_before_the_work(tmp_path, paint, refused, no_work):
    folder = tmp_path / "closed"
    folder.mkdir()
    folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    if os.access(folder, os.W_OK):
        pytest.skip("the superuser may write everywhere")
    refused(paint(output=folder / "out.png"), 5, "out.png")


@row("O06")
@pytest.mark.parametrize("exists", [True, False])
def test_links_are_followed_and_stay(tmp_path, paint, exists):
    (tmp_path / "behind").mkdir()
    target, link = tmp_path / "behind" / "target.png", tmp_path / "link.png"
    if exists:
        target.write_bytes(b"old")
    link.symlink_to(target)
    assert paint(output=link).code == 0
    assert link.is_symlink()
    assert read_picture(target).shape == (24, 32, 3)


@row("O06")
def test_read_only_file_in_an_open_folder_is_replaced_and_stays_read_only(tmp_path, paint):
    """As `mv` does it: the folder's permissions decide who may replace what is in it."""
    path = tmp_path / "kept.png"
    path.write_bytes(b"old")
    path.chmod(0o444)
    assert paint(output=path).code == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o444


@row("O07")
def test_same_seed_gives_the_same_bytes(tmp_path, paint):
    noise = ["--init", "noise", "--seed", "5"]
    made = []
    for _ in range(2):
        assert paint(more=noise).code == 0
        made.append((tmp_path / "art.png").read_bytes())
    assert made[0] == made[1]


@row("O08")
@pytest.mark.parametrize(
    ("more", "word"),
    [
        (["--trust", "any"], "--trust"),
        (["--bundle", "x.bundle"], "bundle"),
        (["--no-such-option"], "--no-such-option"),
        (["--checkpoint-every", "soon"], "--checkpoint-every"),
    ],
)
def test_contradictions_and_unknown_options_are_named(paint, refused, no_work, more, word):
    refused(paint(more=more), 2, word)
