import numpy as np
import pytest

from impasto.engine import optimise
from impasto.engine.errors import NumericalError
from impasto.engine.objective import Evaluation
from impasto.engine.optimise import Descent, Ending, descend
from impasto.engine.options import Options
from impasto.engine.stop import Stop

START = np.full((2, 3, 3), 0.5, np.float32)


class Scripted:
    """An objective that answers with these losses, one after the other."""

    def __init__(self, *losses, gradient=1.0):
        self.losses, self.gradient = list(losses), gradient

    def measure(self, canvas, stop):
        stop.check()
        loss = self.losses.pop(0)
        return Evaluation(loss, np.full_like(canvas, self.gradient), {"tv": loss})


def nothing():
    pass


@pytest.fixture(params=["SciPy's L-BFGS-B", "our L-BFGS", "adam"])
def optimizer(request, monkeypatch):
    """Each one as `Options` name it: which L-BFGS it is depends on the size of the canvas."""
    if request.param == "our L-BFGS":
        monkeypatch.setattr(optimise, "_SCIPY_NUMBERS", 0)
    return "adam" if request.param == "adam" else "lbfgs"


def test_the_best_canvas_is_kept_whatever_comes_later():
    descent = Descent(Scripted(5.0, 2.0, 3.0, 2.0), START, Stop())
    for shade in (0.1, 0.2, 0.3, 0.4):
        canvas = np.full_like(START, shade)
        descent.evaluate(canvas)
        canvas[:] = 9
    assert (descent.best == np.float32(0.2)).all()
    assert (descent.best_loss, descent.best_terms) == (2.0, {"tv": 2.0})
    assert descent.evaluations == 4
    assert descent.evaluation_seconds >= 0


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_an_error_and_never_the_best(bad):
    for objective in (Scripted(5.0, bad), Scripted(5.0, gradient=bad)):
        descent = Descent(objective, START, Stop())
        with pytest.raises(NumericalError, match="not finite at evaluation"):
            for _ in range(2):
                descent.evaluate(START)
        assert descent.best_loss in (5.0, np.inf)


def test_the_best_survives_an_error_out_of_the_optimiser(optimizer):
    descent = Descent(Scripted(5.0, 4.0, np.nan), START, Stop())
    with pytest.raises(NumericalError):
        descend(descent, 10, Options(optimizer=optimizer), nothing)
    assert descent.best_loss == 4.0
    assert not np.array_equal(descent.best, START)


@pytest.mark.parametrize("reason", ["time", "iterations", "line search"])
def test_a_stop_ends_the_descent_finally_whatever_its_reason(optimizer, reason):
    stop = Stop()
    descent = Descent(Scripted(*range(100, 0, -1)), START, stop)

    def at_once():
        stop.request(reason)

    ending = descend(descent, 50, Options(optimizer=optimizer), at_once)
    assert ending == Ending(reason, final=True)
    assert descent.iterations == 1


def test_an_optimiser_s_own_end_is_not_final(optimizer):
    descent = Descent(Scripted(*[5.0] * 9, gradient=0.0), START, Stop())
    ending = descend(descent, 3, Options(optimizer=optimizer), nothing)
    reason = "iterations" if optimizer == "adam" else "line search"
    assert ending == Ending(reason, final=False)


def test_the_best_canvas_is_not_the_memory_that_the_optimiser_uses_again(optimizer):
    losses = [9.0, 8.0, 7.0, *[7.5] * 90]
    descent = Descent(Scripted(*losses), START, Stop())
    seen = []
    evaluate = descent.evaluate

    def watched(canvas):
        seen.append(canvas.copy())
        return evaluate(canvas)

    descent.evaluate = watched
    descend(descent, 4, Options(optimizer=optimizer), nothing)
    assert len(seen) > 3
    assert np.array_equal(descent.best, seen[2])


@pytest.mark.parametrize(("side", "ours"), [(128, False), (129, True)])
def test_scipy_serves_small_canvases_and_ours_the_others(side, ours, monkeypatch):
    def named(name):
        return lambda *arguments: name

    monkeypatch.setattr(optimise, "lbfgs", named("scipy"))
    monkeypatch.setattr(optimise, "projected_lbfgs", named("ours"))
    start = np.zeros((side, side, 3), np.float32)
    ending = descend(Descent(Scripted(), start, Stop()), 1, Options(), nothing)
    assert ending.reason == ("ours" if ours else "scipy")


def test_no_iterations_are_one_evaluation_of_the_start():
    descent = Descent(Scripted(5.0), START, Stop())
    assert descend(descent, 0, Options(), nothing) == Ending("iterations", final=False)
    assert (descent.evaluations, descent.best_loss, descent.iterations) == (1, 5.0, 0)
    assert np.array_equal(descent.best, START)


@pytest.mark.parametrize("error", [ValueError("mine"), StopAsyncIteration(), KeyboardInterrupt()])
def test_errors_of_the_caller_come_out(optimizer, error):
    def told():
        raise error

    descent = Descent(Scripted(*range(100, 0, -1)), START, Stop())
    with pytest.raises(type(error)):
        descend(descent, 10, Options(optimizer=optimizer), told)
    assert descent.iterations == 1


def test_a_stop_iteration_of_the_caller_is_not_taken_for_an_end(optimizer):
    """SciPy would; a generator makes a RuntimeError of it too (PEP 479)."""
    descent = Descent(Scripted(*range(100, 0, -1)), START, Stop())
    with pytest.raises(RuntimeError, match="callback raised StopIteration"):
        descend(descent, 10, Options(optimizer=optimizer), lambda: next(iter([])))
