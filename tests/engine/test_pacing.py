import threading
import time

import numpy as np
import pytest

from impasto.engine import pacing as module
from impasto.engine.errors import OptionsError
from impasto.engine.objective import Evaluation
from impasto.engine.optimise import Enough
from impasto.engine.pacing import Pace, ending_at, seconds_of
from impasto.engine.stop import Stop

LEVELS = {"size": 32, "levels": 3, "iterations": (40, 30, 20)}


@pytest.fixture
def pair(scene):
    return scene(40, 48), scene(50, 30, 1)


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still; `clock[0]` is its time."""
    now = [0.0]
    monkeypatch.setattr(module, "perf_counter", lambda: now[0])
    return now


def test_a_level_has_the_share_of_its_cost_in_the_cost_of_what_is_left(clock):
    pace = Pace(100.0)
    pace.begin_level([1.0, 3.0])
    clock[0] = 23.9
    pace.check(1.0, 1000.0)
    clock[0] = 24.1
    with pytest.raises(Enough, match="time"):
        pace.check(1.0, 1000.0)
    pace.begin_level([3.0])
    clock[0] = 98.9
    pace.check(1.0, 1000.0)
    clock[0] = 99.1
    with pytest.raises(Enough):
        pace.check(1.0, 1000.0)


def test_a_level_may_have_more_where_all_that_is_left_fits(clock):
    pace = Pace(100.0)
    pace.begin_level([1.0, 3.0])
    clock[0] = 60.0
    pace.check(1.0, 39.0)
    with pytest.raises(Enough):
        pace.check(1.0, 41.0)


def test_what_is_not_painting_may_take_a_twentieth_of_the_time_left(clock):
    clock[0] = 60.0
    assert Pace(100.0).has_time_for(1.9)
    assert not Pace(100.0).has_time_for(2.1)
    assert Pace(None).has_time_for(1e9)


def test_the_initial_loss_is_not_measured_where_time_is_short(slowed, asked, pair):
    result = slowed(3e-4).stylize(*pair, asked(**LEVELS, optimizer="adam"), time=2.5)
    assert result.levels[-1].iterations
    assert np.isnan(result.initial_loss)
    assert np.isfinite(result.loss)


def test_without_an_end_nothing_is_cut(clock):
    pace = Pace(None)
    pace.begin_level([1.0])
    clock[0] = 1e9
    pace.check(1.0, 1e9)


@pytest.mark.parametrize("time", [0, -1, float("nan"), float("inf"), "90s", True])
def test_what_is_no_time_is_refused(engine, asked, pair, time):
    with pytest.raises(OptionsError, match="time must be a number"):
        engine.stylize(*pair, asked(), time=time)


def test_a_moment_that_has_passed_stops_at_once():
    stop = Stop()
    with ending_at(time.perf_counter() - 1, stop, "time") as ended:
        assert ended.is_set()
    assert stop.reason == "time"
    assert seconds_of(None) is None


class Slow:
    """An objective whose evaluations take so many seconds for each pixel."""

    def __init__(self, shape, seconds):
        self.pause, self.losses = shape[0] * shape[1] * seconds, iter(range(10**6, 0, -1))

    def measure(self, canvas, stop=None):
        with (stop or Stop()).calling(lambda: None):
            time.sleep(self.pause)
        (stop or Stop()).check()
        loss = float(next(self.losses))
        return Evaluation(loss, np.full_like(canvas, 1e-3), {"tv": loss})


@pytest.fixture
def slowed(engine, monkeypatch):
    def slowed(seconds):
        monkeypatch.setattr(
            engine._objectives,
            "at",
            lambda content, *rest: Slow(content.shape, seconds),
        )
        return engine

    return slowed


def test_every_level_is_cut_so_that_the_final_one_is_reached(slowed, asked, pair):
    """All steps would take about 8 s."""
    result = slowed(3e-4).stylize(*pair, asked(**LEVELS, optimizer="adam"), time=2.5)
    assert result.stopped == "time"
    assert [level.stopped for level in result.levels] == ["time"] * 3
    assert result.canvas.shape == (27, 32, 3)
    assert [level.iterations for level in result.levels] < [40, 30, 20]
    assert all(level.iterations for level in result.levels)


def test_time_enough_cuts_nothing(engine, asked, pair):
    result = engine.stylize(*pair, asked(**LEVELS), time=1e9)
    assert result.stopped == "iterations"
    assert [level.iterations for level in result.levels] == [40, 30, 20]
    assert not [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]


def test_no_time_for_one_evaluation_gives_the_initial_picture(slowed, asked, pair):
    options = asked(**LEVELS)
    initial = slowed(0).stylize(*pair, asked(**{**LEVELS, "iterations": 0}))
    result = slowed(1e-2).stylize(*pair, options, time=0.1)
    assert result.stopped == "time"
    assert np.isnan(result.loss)
    assert np.array_equal(result.canvas, initial.canvas)


def test_time_that_ends_at_a_coarse_level_is_no_error(slowed, asked, pair):
    result = slowed(1e-2).stylize(*pair, asked(size=32, levels=2, iterations=(1, 50)), time=3.0)
    assert result.stopped == "time"
    assert result.loss < np.inf
    assert result.canvas.shape == (27, 32, 3)
