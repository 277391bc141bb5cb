"""What the watching is made of: choices out of long rows, frames in little memory, curves."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from impasto.cli.curves import TOTAL, History, loss_marks
from impasto.cli.curves_svg import drawn
from impasto.cli.frames import MOST_FRAMES, KeptFrames, NumberedFrames
from impasto.cli.thinning import Thinned
from impasto.engine.records import Progress


def progress(level, evaluations, loss, **terms):
    size = (6 * 2**level, 8 * 2**level)
    canvas = np.zeros((*size, 3), np.float32)
    terms = {name.replace("_", ".", 1): value for name, value in terms.items()}
    return Progress(level, 3, *size, 1, 9, evaluations, loss, terms, 0.0, 0.0, canvas)


@pytest.mark.parametrize("count", [1, 7, 8, 9, 100, 1000])
def test_thinned_row_is_bounded_even_and_begins_with_its_first(count):
    row = Thinned(8)
    for number in range(count):
        row.offer(lambda number=number: number)
    assert min(count, 4) <= len(row.entries) <= 8
    strides = set(np.diff(row.entries))
    assert row.entries[0] == 0 and len(strides) <= 1
    assert count - 1 - row.entries[-1] < max(strides, default=1)


def test_thinned_row_makes_only_what_it_takes():
    made = []
    row = Thinned(8)
    for number in range(10_000):
        row.offer(lambda number=number: made.append(number))
    assert len(made) < 100


def test_kept_frames_are_bounded_in_number_and_bytes():
    frames = KeptFrames(64)
    canvas = np.random.default_rng(0).random((300, 400, 3), np.float32)
    for _ in range(500):
        frames.offer(canvas)
    shown = list(frames.with_result(canvas))
    assert len(shown) == len(frames) <= MOST_FRAMES
    assert {frame.shape for frame in shown} == {(48, 64, 3)}
    assert {frame.dtype for frame in shown} == {np.dtype("uint8")}
    assert sum(map(len, frames._kept.entries)) < MOST_FRAMES * 48 * 64 * 3


def test_coarse_frames_are_enlarged_and_later_changes_do_not_reach_them():
    frames = KeptFrames(64)
    canvas = np.full((6, 8, 3), 0.5, np.float32)
    frames.offer(canvas)
    canvas[:] = 1
    first, last = frames.with_result(np.zeros((24, 32, 3), np.float32))
    assert first.shape == last.shape == (24, 32, 3)
    assert np.abs(first - 127.5).max() <= 2
    assert last.max() <= 2


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("a.b.0001.png", True),
        ("a.b.12345.png", True),
        ("a.b.001.png", False),
        ("a.b.0001.jpg", False),
        ("aXb.0001.png", False),
        ("other/a.b.0001.png", False),
    ],
)
def test_frames_know_their_names(tmp_path, name, is_one):
    assert NumberedFrames(tmp_path / "a.b.png").is_one(tmp_path / name) is is_one


def test_curves_are_the_losses_level_by_level():
    history = History()
    history.note(progress(1, 1, 4.0, style_relu1_1=3.0, content_relu2_1=1.0, tv=0.0))
    history.note(progress(1, 3, 3.0, style_relu1_1=2.5, content_relu2_1=0.5, tv=0.0))
    history.note(progress(2, 5, 2.0, style_relu1_1=2.0, content_relu2_1=0.0, tv=0.0))
    curves = {curve.name: curve.pieces for curve in history.curves}
    assert curves == {
        TOTAL: [[(1, 4.0), (3, 3.0)], [(5, 2.0)]],
        "style.relu1_1": [[(1, 3.0), (3, 2.5)], [(5, 2.0)]],
        "content.relu2_1": [[(1, 1.0), (3, 0.5)]],
    }
    spans = [(level.name, level.first, level.last) for level in history.levels]
    assert spans == [("16 x 12", 1, 3), ("", 5, 5)]


def test_long_history_is_bounded_and_ends_with_the_last_step():
    history = History()
    for count in range(1, 100_001):
        history.note(progress(1, count, 1 / count))
    ((points,),) = (curve.pieces for curve in history.curves)
    assert 300 <= len(points) <= 601
    assert points[0] == (1, 1.0) and points[-1] == (100_000, 1e-5)


def test_drawing_is_sound_and_inside_its_frame():
    history = History()
    for count in range(1, 50):
        history.note(progress(1 + count // 25, count, 10 / count, style_a=9 / count, tv=1e-9))
    text = drawn(history)
    ElementTree.fromstring(text)
    lines = re.findall(r'stroke-linejoin="round" d="M([\d. -]+)"', text)
    assert len(lines) == 6
    for line in lines:
        x, y = np.array(line.split(), float).reshape(-1, 2).T
        assert (np.diff(x) > 0).all() and (np.diff(y) >= 0).all()
        assert x.min() >= 62 and x.max() <= 660 and y.min() >= 24 and y.max() <= 366


def test_one_step_is_drawn_and_none_is_not():
    history = History()
    assert drawn(history) == ""
    history.note(progress(1, 1, 2.0))
    ElementTree.fromstring(drawn(history))


def test_marks_of_a_logarithmic_scale_are_round():
    assert loss_marks(0.15, 6) == [0.2, 0.5, 1, 2, 5]
    assert loss_marks(5e-3, 2e2) == [0.01, 0.1, 1, 10, 100]
