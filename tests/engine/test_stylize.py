import itertools
import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from impasto.engine.engine import Engine
from impasto.engine.errors import (
    DeadlineExceeded,
    ImageTooSmall,
    MemoryLimit,
    NumericalError,
    OptionsError,
)
from impasto.engine.images import read_picture, resize
from impasto.engine.initial import blended, cover, noise
from impasto.engine.limits import Limits
from impasto.engine.methods import Method
from impasto.engine.sources import gather
from impasto.engine.stop import Stop
from impasto.engine.stylize import paint
from impasto.export.network_file import encode_network

THREE = {"size": 32, "levels": 3, "iterations": (3, 2, 4)}


@pytest.fixture
def pair(scene):
    return scene(40, 48), scene(50, 30, 1)


@pytest.mark.parametrize(
    "given", [{}, THREE, {"optimizer": "adam"}, {"objective": "gatys"}], ids=str
)
@pytest.mark.parametrize("init", ["content", "style", "noise"])
def test_the_loss_that_is_told_is_that_of_the_canvas_that_is_given(
    engine, asked, pair, given, init
):
    options = asked(init=init, init_blend=0.2, **given)
    result = engine.stylize(*pair, options)
    loss, _ = engine.objective(*pair, options).evaluate(result.canvas)
    assert result.loss == loss == sum(result.terms.values())
    assert result.loss < result.initial_loss
    assert result.canvas.dtype == np.float32
    assert result.canvas.min() >= 0
    assert result.canvas.max() <= 1
    assert result.stopped == "iterations"
    kinds = [result.term(kind) for kind in ("content", "style", "tv")]
    assert sum(kinds) == pytest.approx(result.loss, rel=1e-12)


@pytest.mark.parametrize("given", [{}, {"init": "noise"}, {"init": "style"}, {"init_blend": 0.5}])
@pytest.mark.parametrize("levels", [1, 3])
def test_no_iterations_give_the_initial_picture_exactly(engine, asked, pair, given, levels):
    options = asked(size=32, levels=levels, iterations=0, seed=3, **given)
    result = engine.stylize(*pair, options)
    started = {
        "content": lambda: resize(pair[0], 27, 32),
        "style": lambda: cover(pair[1], 27, 32),
        "noise": lambda: noise(27, 32, 3),
    }[options.init]()
    if options.init != "noise":
        started = blended(started, options.init_blend, 3)
    assert np.array_equal(result.canvas, started)
    assert result.loss == result.initial_loss
    assert result.iterations == 0
    assert len(result.levels) == levels


def test_levels_without_iterations_leave_the_canvas_of_the_levels_before(engine, asked, pair):
    options = asked(size=32, levels=2, iterations=(5, 0))
    coarse = engine.stylize(*pair, asked(size=16, levels=1, iterations=5))
    result = engine.stylize(*pair, options)
    np.testing.assert_array_equal(result.canvas, resize(coarse.canvas, 27, 32))
    assert result.loss == engine.objective(*pair, options).evaluate(result.canvas)[0]


def test_levels_are_told_as_they_were_planned(engine, asked, pair):
    result = engine.stylize(*pair, asked(**THREE))
    sizes = [(level.height, level.width, level.iterations) for level in result.levels]
    assert sizes == [(7, 8, 3), (13, 16, 2), (27, 32, 4)]
    assert result.iterations == 9
    assert result.evaluations == sum(level.evaluations for level in result.levels) >= 9
    assert result.levels[-1].loss == result.loss
    assert result.seconds >= sum(level.seconds for level in result.levels) > 0
    assert all(level.evaluation_seconds > 0 for level in result.levels)


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_the_same_input_gives_the_same_bytes(engine, toy_file, asked, pair, optimizer):
    options = asked(**THREE, init_blend=0.5, seed=7, optimizer=optimizer)
    first, second = (engine.stylize(*pair, options) for _ in range(2))
    third = Engine(toy_file, threads=1, device="cpu").stylize(*pair, options)
    assert first.canvas.tobytes() == second.canvas.tobytes() == third.canvas.tobytes()
    other = engine.stylize(*pair, replace(options, seed=8))
    assert other.canvas.tobytes() != first.canvas.tobytes()


def test_progress_goes_forward(engine, asked, pair):
    records = []
    result = engine.stylize(*pair, asked(**THREE), progress=records.append)
    assert [(r.level, r.iteration, r.iterations) for r in records] == [
        *((1, i, 3) for i in (1, 2, 3)),
        *((2, i, 2) for i in (1, 2)),
        *((3, i, 4) for i in (1, 2, 3, 4)),
    ]
    assert {r.levels for r in records} == {3}
    assert (records[-1].height, records[-1].width) == result.canvas.shape[:2]
    for before, after in itertools.pairwise(records):
        assert after.seconds >= before.seconds
        assert after.evaluations > before.evaluations
        assert after.level > before.level or after.loss <= before.loss
    assert all(r.remaining >= 0 for r in records)
    assert records[-1].remaining == 0
    assert records[-1].evaluations <= result.evaluations


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_a_callback_that_returns_false_ends_the_work_with_the_best(engine, asked, pair, optimizer):
    stop = Stop()
    options = asked(iterations=50, optimizer=optimizer)
    result = engine.stylize(*pair, options, progress=lambda r: r.iteration < 3, stop=stop)
    assert result.stopped == "callback"
    assert result.iterations == 3
    assert result.loss == engine.objective(*pair, options).evaluate(result.canvas)[0]
    assert result.loss < result.initial_loss
    assert stop.reason is None  # other works may share it


def test_a_callback_may_end_the_work_at_a_coarse_level(engine, asked, pair):
    result = engine.stylize(*pair, asked(**THREE), progress=lambda r: r.level < 2)
    assert result.stopped == "callback"
    assert result.canvas.shape == (27, 32, 3)
    assert len(result.levels) == 2
    assert np.isnan(result.initial_loss)


@pytest.mark.parametrize("answer", [None, True, 0, "no"])
def test_only_false_ends_the_work(engine, asked, pair, answer):
    result = engine.stylize(*pair, asked(), progress=lambda record: answer)
    assert result.stopped == "iterations"


def test_an_error_of_the_callback_comes_out_and_the_engine_goes_on(engine, asked, pair):
    def failing(record):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        engine.stylize(*pair, asked(), progress=failing)
    assert engine.stylize(*pair, asked()).stopped == "iterations"


def test_a_stop_from_another_thread_ends_the_work_at_once(engine, asked, pair):
    stop, working = Stop(), threading.Event()

    def request():
        working.wait()
        stop.request("time")

    helper = threading.Thread(target=request)
    helper.start()
    told = []

    def progress(record):
        told.append(record)
        working.set()
        helper.join()

    result = engine.stylize(*pair, asked(iterations=1000), progress=progress, stop=stop)
    assert len(told) == 1
    assert result.stopped == "time"
    assert result.evaluations <= told[0].evaluations + 1
    assert engine.stylize(*pair, asked()).stopped == "iterations"


REASONS = ["shutdown", "deadline", "iterations", "line search", "error", "callback"]


@pytest.mark.parametrize("reason", REASONS)
def test_a_stop_before_the_start_gives_the_initial_picture(engine, asked, pair, reason):
    stop = Stop()
    stop.request(reason)
    result = engine.stylize(*pair, asked(**THREE), stop=stop)
    assert result.stopped == reason
    assert result.levels == ()
    assert np.array_equal(result.canvas, resize(pair[0], 27, 32))
    assert np.isnan(result.loss)


@pytest.mark.parametrize("reason", REASONS)
def test_a_stop_at_a_coarse_level_ends_the_work_whatever_its_reason(engine, asked, pair, reason):
    stop = Stop()
    result = engine.stylize(
        *pair, asked(**THREE), progress=lambda record: stop.request(reason), stop=stop
    )
    assert result.stopped == reason
    assert len(result.levels) == 1


def late(engine, pair, options, stop):
    """A work whose deadline was over when its pictures had been read."""
    content, style = (read_picture(picture) for picture in pair)
    levels = engine.levels(content.shape[:2], options)
    sources = gather(content, [style], levels, options, Limits())
    began = time.perf_counter() - 10
    return paint(
        sources,
        lambda scene, stop: engine.objective_at(scene.content, scene.styles, options, stop),
        options,
        methods=[Method("scipy")] * len(levels),
        began=began,
        deadline=5.0,
        progress=None,
        stop=stop,
    )


def test_the_time_to_read_the_pictures_counts(engine, asked, pair):
    with pytest.raises(DeadlineExceeded, match="longer than its 5 seconds") as caught:
        late(engine, pair, asked(), Stop())
    result = caught.value.result
    assert result.seconds > 10
    assert result.levels == ()
    assert np.array_equal(result.canvas, resize(pair[0], 20, 24))


def test_a_deadline_after_a_stop_is_no_error(engine, asked, pair):
    stop = Stop()
    stop.request("deadline")
    assert late(engine, pair, asked(), stop).stopped == "deadline"


def test_a_deadline_is_an_error_that_carries_the_best(toy_file, asked, pair):
    limited = Engine(toy_file, threads=1, device="cpu", limits=Limits(deadline=0.3))
    limited.objective(*pair, asked())  # its sessions are open
    with pytest.raises(DeadlineExceeded, match=r"longer than its 0\.3 seconds") as caught:
        limited.stylize(*pair, asked(iterations=10**6, optimizer="adam"))
    result = caught.value.result
    assert result.stopped == "deadline"
    assert result.loss < result.initial_loss
    patient = Engine(toy_file, threads=1, device="cpu", limits=Limits(deadline=1e300))
    assert patient.stylize(*pair, asked()).stopped == "iterations"
    assert not [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]


def test_numbers_that_are_not_finite_are_an_error_that_carries_the_result(
    engine, asked, pair, monkeypatch
):
    measure = engine._objectives.at
    sizes = []

    def poisoned(content, *rest):
        objective = measure(content, *rest)
        sizes.append(content.shape)
        if len(sizes) == 2:
            run = objective._evaluator.run
            bad = np.float32(np.nan)
            objective._evaluator.run = lambda *given: (run(*given)[0] * bad, {"tv": np.nan})
        return objective

    monkeypatch.setattr(engine._objectives, "at", poisoned)
    with pytest.raises(NumericalError, match="not finite at evaluation 1") as caught:
        engine.stylize(*pair, asked(**THREE))
    result = caught.value.result
    assert result.canvas.shape == (27, 32, 3)
    assert np.isfinite(result.canvas).all()
    assert [level.stopped for level in result.levels] == ["iterations", "error"]
    assert result.stopped == "error"
    assert result.loss == result.levels[0].loss


def test_a_network_that_overflows_is_an_error(tmp_path, toy, asked, pair):
    weights = {name: array * np.float32(1e12) for name, array in toy.weights.items()}
    path = tmp_path / "huge.onnx"
    path.write_bytes(encode_network(replace(toy, weights=weights)))
    with np.errstate(over="ignore", invalid="ignore"), pytest.raises(NumericalError) as caught:
        Engine(path, threads=1, device="cpu").stylize(*pair, asked())
    assert np.array_equal(caught.value.result.canvas, resize(pair[0], 20, 24))


def test_an_error_between_levels_carries_the_result(engine, asked, pair, monkeypatch):
    whole = engine._objectives.at

    def failing(content, *rest):
        if max(content.shape) > 8:
            raise MemoryLimit("no memory")
        return whole(content, *rest)

    monkeypatch.setattr(engine._objectives, "at", failing)
    with pytest.raises(MemoryLimit) as caught:
        engine.stylize(*pair, asked(**THREE))
    result = caught.value.result
    assert result.stopped == "error"
    assert len(result.levels) == 1
    assert result.canvas.shape == (27, 32, 3)


def test_errors_before_the_work_carry_no_result(engine, asked, pair):
    with pytest.raises(ImageTooSmall) as caught:
        engine.stylize(*pair, asked(size=2))
    assert caught.value.result is None


def test_iterations_of_another_number_than_the_levels_are_refused(engine, asked, pair):
    with pytest.raises(OptionsError, match="levels is 2 here: the list has 3"):
        engine.stylize(*pair, asked(size=32, levels=2, iterations=(1, 2, 3)))


def test_transparency_is_carried(engine, asked, scene, pair):
    alpha = np.linspace(0, 1, 40 * 48, dtype=np.float32).reshape(40, 48, 1)
    content = np.concatenate([scene(40, 48), alpha], axis=-1)
    result = engine.stylize(content, pair[1], asked())
    np.testing.assert_array_equal(result.alpha, resize(alpha[..., 0], 20, 24))
    assert engine.stylize(*pair, asked()).alpha is None
    opaque = engine.stylize(*pair, asked()).canvas
    assert np.array_equal(result.canvas, opaque)


@pytest.mark.parametrize("shape", [(1, 1), (3, 2), (5, 400), (400, 5), (1, 90)])
def test_styles_much_smaller_or_thinner_than_the_canvas_serve(engine, asked, scene, shape):
    for init in ("content", "style"):
        result = engine.stylize(scene(40, 48), scene(*shape), asked(init=init))
        assert np.isfinite(result.loss)
        assert result.canvas.shape == (20, 24, 3)


@pytest.mark.parametrize("shape", [(40, 48), (40, 48, 1)])
def test_grey_arrays_serve(engine, asked, scene, shape):
    grey = scene(40, 48)[..., 0].reshape(shape)
    colour = np.repeat(grey.reshape(40, 48, 1), 3, axis=-1)
    results = [engine.stylize(picture, picture, asked()) for picture in (grey, colour)]
    assert np.array_equal(results[0].canvas, results[1].canvas)


def test_integers_are_the_same_picture_as_floats(engine, asked, scene):
    bytes_ = np.round(scene(40, 48) * 255).astype(np.uint8)
    floats = (bytes_ / np.float32(255)).astype(np.float32)
    results = [engine.stylize(picture, picture, asked()) for picture in (bytes_, floats)]
    assert np.array_equal(results[0].canvas, results[1].canvas)


def test_a_picture_in_its_own_style_stays(engine, asked, scene):
    """Sizes are equal too, so that the targets are its own, but for rounding."""
    picture = scene(20, 24)
    result = engine.stylize(picture, picture, asked(iterations=3))
    assert result.initial_loss < 1e-9
    assert result.loss <= result.initial_loss
    np.testing.assert_allclose(result.canvas, picture, atol=0.1)


@pytest.mark.parametrize("shade", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("objective", ["relative", "gatys"])
@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_constant_pictures_are_finite(engine, asked, shade, objective, optimizer):
    flat = np.full((20, 24, 3), shade, np.float32)
    options = asked(objective=objective, optimizer=optimizer, tv_weight=1.0)
    for content, style in ((flat, flat), (flat, 1 - flat)):
        result = engine.stylize(content, style, options)
        assert np.isfinite(result.loss)
        assert np.isfinite(result.canvas).all()
        assert result.loss <= result.initial_loss


def test_total_variation_alone_beside_content_smooths(engine, asked, scene):
    random = np.random.default_rng(0).random((20, 24, 3), np.float32)
    plain, smooth = (
        engine.stylize(random, scene(20, 24), asked(tv_weight=weight, iterations=15)).canvas
        for weight in (0.0, 100.0)
    )
    rough = [np.square(np.diff(canvas, axis=0)).sum() for canvas in (plain, smooth)]
    assert rough[1] < 0.5 * rough[0]


def test_a_stranger_s_weight_unit_does_not_change_the_picture(engine, asked, pair):
    one = engine.stylize(*pair, asked(content_weight=1.0, style_weight=16.0))
    tiny = engine.stylize(*pair, asked(content_weight=2.0**-36, style_weight=2.0**-32))
    np.testing.assert_allclose(one.canvas, tiny.canvas, atol=1e-4)
