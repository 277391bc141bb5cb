import gc
import threading

import numpy as np
import pytest

from impasto.engine import targets
from impasto.engine.drafts import Draft
from impasto.engine.engine import Engine
from impasto.engine.images import read_picture
from impasto.engine.kept_grams import KeptGrams
from impasto.engine.stop import Stop

ONE = 4 * 8 * 8


def grams(value=0.0):
    return {"layer": np.full((8, 8), value, np.float32)}


@pytest.fixture
def looked(monkeypatch):
    """Sizes at which style pictures are looked at, one after the other."""
    seen, look = [], targets._grams

    def looking(view, tiling, style, mask, size, stop):
        seen.append(size)
        return look(view, tiling, style, mask, size, stop)

    monkeypatch.setattr(targets, "_grams", looking)
    return seen


@pytest.fixture
def fresh(toy_file):
    return Engine(toy_file, threads=1, device="cpu")


def test_same_pixels_are_looked_at_once_wherever_they_came_from(scene):
    kept, pixels = KeptGrams(), scene(9, 8)
    first = kept.of(read_picture(pixels), "once", grams)
    again = kept.of(read_picture(pixels.copy()), "once", lambda: pytest.fail("known"))
    assert again is first
    assert kept.of(pixels, "once", lambda: pytest.fail("known")) is first
    changed = pixels.copy()
    changed[0, 0, 0] = 1 - changed[0, 0, 0]
    assert kept.of(changed, "once", lambda: grams(1)) is not first
    assert kept.of(pixels, "twice", lambda: grams(2)) is not first
    assert kept.of(pixels.reshape(8, 9, 3), "once", lambda: grams(3)) is not first


def test_what_was_used_last_is_kept_up_to_so_many_bytes(scene):
    kept = KeptGrams(2 * ONE)
    a, b, c = (scene(4, 4, seed) for seed in range(3))
    kept.of(a, 0, grams)
    kept.of(b, 0, grams)
    kept.of(a, 0, lambda: pytest.fail("known"))
    kept.of(c, 0, grams)
    assert kept.nbytes == 2 * ONE
    kept.of(a, 0, lambda: pytest.fail("known"))
    made = []
    kept.of(b, 0, lambda: made.append(0) or grams())
    assert made == [0]


def test_room_may_shrink_and_grow_again(scene):
    kept, pictures = KeptGrams(2 * ONE), [scene(9, 8), scene(7, 8)]
    for style in pictures:
        kept.of(read_picture(style), "once", grams)
    kept.keep(ONE)
    assert kept.nbytes == ONE
    kept.of(read_picture(pictures[1]), "once", lambda: pytest.fail("the one that was used last"))
    kept.of(read_picture(pictures[0]), "once", grams)
    assert kept.nbytes == ONE
    kept.keep(2 * ONE)
    kept.of(read_picture(pictures[1]), "once", grams)
    assert kept.nbytes == 2 * ONE


def test_what_is_larger_than_all_room_is_given_and_not_kept(scene):
    kept = KeptGrams(ONE - 1)
    assert kept.of(scene(4, 4), 0, grams)["layer"].shape == (8, 8)
    assert kept.nbytes == 0


def test_nobody_changes_what_is_kept_and_it_holds_no_others_memory(scene):
    kept, run = KeptGrams(), np.zeros((100, 8, 8), np.float32)
    made = kept.of(scene(4, 4), 0, lambda: {"layer": run[3]})["layer"]
    assert made.base is None
    with pytest.raises(ValueError, match="read-only"):
        made[0, 0] = 1


def test_a_failed_look_is_not_kept_and_pictures_are_let_go(scene):
    kept, picture = KeptGrams(), read_picture(scene(4, 4))

    def fail():
        raise RuntimeError

    with pytest.raises(RuntimeError):
        kept.of(picture, 0, fail)
    kept.of(picture, 0, grams)
    assert len(kept._identities) == 1
    del picture
    gc.collect()
    assert not kept._identities


def test_threads_get_their_own_pictures_grams(scene):
    kept, wrong = KeptGrams(3 * ONE), []
    pictures = [scene(4, 4, seed) for seed in range(5)]

    def work():
        for step in range(200):
            value = step % 5
            found = kept.of(pictures[value], 0, lambda value=value: grams(value))
            if not (found["layer"] == value).all():
                wrong.append(step)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert kept.nbytes <= 3 * ONE


def test_a_work_that_is_stopped_while_it_is_planned_lets_nothing_go(
    fresh, looked, asked, scene, monkeypatch
):
    options, style, stop = asked(levels=2, size=48), scene(30, 20, 5), Stop()
    fresh.stylize(scene(48, 32, 1), style, options)
    plan = Draft.plan

    def interrupted(draft, memory, stop):
        stop.request()
        return plan(draft, memory, stop=stop)

    with monkeypatch.context() as patched:
        patched.setattr(Draft, "plan", interrupted)
        assert fresh.stylize(scene(48, 32, 2), style, options, stop=stop).plan is None
    fresh.stylize(scene(48, 32, 3), style, options)
    assert len(looked) == 2


@pytest.mark.parametrize("border", ["replicate", "reflect", "wrap"])
def test_next_picture_of_a_size_needs_no_look_and_is_the_same(
    fresh, toy_file, looked, asked, scene, border
):
    options = asked(border=border, levels=2, size=48)
    style, first, second = scene(30, 20, 5), scene(48, 32, 1), scene(48, 32, 2)
    fresh.stylize(first, style, options)
    assert len(looked) == 2
    quick = fresh.stylize(second, style, options)
    assert len(looked) == 2
    alone = Engine(toy_file, threads=1, device="cpu").stylize(second, style, options)
    assert len(looked) == 4
    np.testing.assert_array_equal(quick.canvas, alone.canvas)
    assert quick.loss == alone.loss


@pytest.mark.parametrize(
    "change",
    [
        {"size": 32},
        {"style_scale": 2.0},
        {"pool": "average"},
        {"border": "zeros"},
        {"style_layers": {"relu1_1": 1.0}},
    ],
)
def test_whatever_changes_the_targets_has_them_made_anew(fresh, looked, asked, scene, change):
    content, style = scene(24, 24, 1), scene(20, 20, 2)
    fresh.objective(content, style, asked())
    fresh.objective(content, style, asked(style_weight=3.0, seed=5))
    assert len(looked) == 1
    fresh.objective(content, style, asked(**change))
    assert len(looked) == 2


def test_colours_matched_to_a_photograph_are_another_style(fresh, looked, asked, scene):
    style = scene(20, 20, 2)
    for seed in (3, 4):
        fresh.objective(scene(24, 24, seed), style, asked(color="match"))
    assert len(looked) == 2
