"""The commands beside `stylize`: what the talk shows on the way to the whole artwork."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from impasto.engine.images import read_picture


@pytest.fixture
def quick(network_path):
    return ["--iterations", "3", "--model", network_path, "--quiet"]


STYLE_LAYERS = ["--style-layer", "relu1_1", "--style-layer", "relu2_1"]


def test_reconstruct_writes_a_picture_of_the_size(run, content, quick):
    ended = run("reconstruct", content, "--content-layer", "relu2_1", "--size", "16", *quick)
    assert (ended.code, ended.out, ended.err) == (0, "", "")
    assert read_picture("photo.content.png").shape == (12, 16, 3)


def test_reconstruct_begins_with_noise_at_one_scale(run, content, quick):
    run("reconstruct", content, "--content-layer", "relu2_1", *quick, "--json", "-o", "a.png")
    told = run(
        "reconstruct", content, "--content-layer", "relu2_1", *quick, "--json", "-o", "b.png"
    )
    levels = json.loads(told.out)["levels"]
    assert [level["width"] for level in levels] == [512]
    (first, second) = (read_picture(name).samples for name in ("a.png", "b.png"))
    assert np.array_equal(first, second)


def test_steps_of_a_reconstruction_are_as_asked(run, content, quick):
    more = ["--levels", "2", "--iterations", "2,4", "--size", "32", "--json", "-o", "a.png"]
    told = json.loads(run("reconstruct", content, "--content-layer", "relu2_1", *quick, *more).out)
    assert [level["iterations"] for level in told["levels"]] == [2, 4]


@pytest.mark.parametrize(
    ("size", "shape"), [("24", (24, 24)), ("32x16", (16, 32)), ("16 x 8", (8, 16))]
)
def test_texture_has_any_size(run, style, quick, size, shape):
    ended = run("texture", style, *STYLE_LAYERS, "--size", size, *quick)
    assert ended.code == 0
    assert read_picture("paint.texture.png").shape == (*shape, 3)


def test_tileable_is_the_border_that_wraps(run, style, quick):
    for name, more in {"plain.png": [], "tile.png": ["--tileable"]}.items():
        assert (
            run("texture", style, *STYLE_LAYERS, "--size", "16", *more, "-o", name, *quick).code
            == 0
        )
    plain, tile = (read_picture(name).samples for name in ("plain.png", "tile.png"))
    assert not np.array_equal(plain, tile)


def test_sides_of_tileable_textures_are_multiples(run, style, quick):
    ended = run("texture", style, *STYLE_LAYERS, "--tileable", "--size", "33x32", *quick)
    assert ended.code == 2
    assert ended.err.startswith("impasto: --size must be in multiples of 2 ")


def test_a_texture_cannot_be_a_share_of_no_photograph(run, style, quick):
    ended = run("texture", style, *STYLE_LAYERS, "--size", "50%", *quick)
    assert (ended.code, ended.err) == (
        2,
        "impasto: --size cannot be a fraction: there is no content picture\n",
    )


def test_layers_shows_both_rows(run, content, style, quick):
    ended = run("layers", content, style, "--size", "16", *quick, "--json", "--page", "page.html")
    assert ended.code == 0
    told = json.loads(ended.out)
    rows = {}
    for picture in told["pictures"]:
        rows.setdefault(picture["row"].partition(":")[0], []).append(picture["label"])
    # The toy network ends with relu4_1.
    assert rows == {
        "Content": ["relu1_2", "relu2_2"],
        "Style": ["relu1_1", "and relu2_1", "and relu3_1", "and relu4_1"],
    }
    assert read_picture("layers.png").shape[1] > 4 * 16
    page = Path("page.html").read_text("utf-8")
    assert page.count("<figure") == 6
    assert not re.findall(r'(?:src|href)="(?!data:)', page)


def test_layers_needs_no_painting(run, content, quick):
    told = json.loads(run("layers", content, "--size", "16", *quick, "--json").out)
    assert len(told["pictures"]) == 2


def test_starts_are_compared_with_the_same_budget(run, content, style, quick):
    layers = ["--content-layer", "relu3_1", *STYLE_LAYERS]
    work = [*layers, "--size", "24", *quick, "--json", "--start", style]
    told = json.loads(run("compare-inits", content, style, *work, "-o", "s.png").out)
    labels = [picture["label"] for picture in told["pictures"]]
    assert labels == [
        "from noise",
        "from the photograph",
        "from half of each",
        "from the painting",
        "from paint.png",
    ]
    initial = [picture["loss"]["initial"] for picture in told["pictures"]]
    assert initial[3] == pytest.approx(initial[4])
    assert len(set(initial[:4])) == 4
    assert read_picture("s.png").shape[1] > 5 * 24


@pytest.mark.parametrize("command", ["layers", "compare-inits"])
def test_sheets_never_replace_a_picture(run, content, style, quick, command):
    for more in (["-o", content], ["--page", "paint.html", "-o", style]):
        ended = run(command, content, style, *quick, *more)
        assert ended.code != 0
        assert len(ended.err.splitlines()) == 1


def test_a_page_has_the_suffix_of_one(run, content, quick):
    ended = run("layers", content, *quick, "--page", "page.txt")
    assert (ended.code, ended.err) == (
        2,
        "impasto: the page 'page.txt' must have the suffix .html\n",
    )


def test_the_page_has_the_curves_of_the_sheet_on_one_scale(run, content, style, quick):
    layers = ["--content-layer", "relu3_1", *STYLE_LAYERS]
    work = [*layers, "--size", "24", *quick, "--json", "--page", "page.html"]
    told = json.loads(run("compare-inits", content, style, *work, "-o", "s.png").out)
    page = Path("page.html").read_text("utf-8")
    curves = [
        [tuple(map(float, place.split(","))) for place in points.split()]
        for points in re.findall(r'<polyline points="([^"]+)"', page)
    ]
    assert len(curves) == len(told["pictures"]) == 4
    heights = [height for curve in curves for _, height in curve]
    assert (min(heights), max(heights)) == (0, 96)
    for curve, picture in zip(curves, told["pictures"], strict=True):
        assert curve[-1][1] == max(height for _, height in curve)
        assert f"to {picture['loss']['final']:.3g} in" in page
    lowest = min(told["pictures"], key=lambda picture: picture["loss"]["final"])
    assert curves[told["pictures"].index(lowest)][-1][1] == 96


@pytest.fixture
def no_work(monkeypatch):
    """Nothing may be painted."""

    def painted(*arguments, **rest):
        raise AssertionError("a picture was begun")

    monkeypatch.setattr("impasto.engine.objectives.Objectives.at", painted)


@pytest.mark.parametrize(
    ("command", "more", "word"),
    [
        ("layers", ["none.png"], "style picture 'none.png'"),
        ("compare-inits", ["paint.png", "--start", "none.png"], "initial picture 'none.png'"),
    ],
)
def test_every_picture_of_a_sheet_is_looked_at_before_the_work(
    run, content, style, quick, no_work, command, more, word
):
    ended = run(command, content, *more, *quick)
    assert (ended.code, ended.err.count("\n")) == (3, 1)
    assert word in ended.err


def test_a_sheet_of_two_pictures_has_no_share_of_one(run, content, style, quick, no_work):
    ended = run("layers", content, style, "--size", "50%", *quick)
    assert ended.code == 2
    assert ended.err.startswith("impasto: --size cannot be a fraction")
