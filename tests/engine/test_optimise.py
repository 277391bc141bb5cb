import numpy as np
import pytest

from impasto.engine.errors import NumericalError
from impasto.engine.methods import Method
from impasto.engine.objective import Evaluation
from impasto.engine.optimise import Best, Descent, Ending, Enough, descend
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


METHODS = [Method("scipy"), Method("lbfgs", 40), Method("lbfgs", 3), Method("adam")]


@pytest.fixture(params=METHODS, ids=str)
def method(request):
    return request.param


def descent_on(objective, stop=None, step_done=lambda descent: None):
    return Descent(objective, Best(START.copy(), np.inf, {}), stop or Stop(), step_done)


def descended(descent, iterations, method, state=None):
    return descend(descent, iterations, Options(), method, state)


def test_the_best_canvas_is_the_one_accepted_last_without_a_copy():
    descent = descent_on(Scripted(5.0, 2.0, 3.0))
    canvases = [np.full_like(START, shade) for shade in (0.1, 0.2, 0.3)]
    for canvas in canvases[:2]:
        descent.evaluate(canvas)
        descent.accept(canvas)
    descent.evaluate(canvases[2])
    assert descent.best.canvas is canvases[1]
    assert (descent.best.loss, descent.best.terms) == (2.0, {"tv": 2.0})
    assert (descent.evaluations, descent.first_loss) == (3, 5.0)
    assert descent.evaluation_seconds >= 0


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_an_error_and_never_the_best(bad):
    for objective in (Scripted(5.0, bad), Scripted(5.0, gradient=bad)):
        descent = descent_on(objective)
        with pytest.raises(NumericalError, match="not finite at evaluation"):
            for _ in range(2):
                descent.evaluate(START)
                descent.accept(START)
        assert descent.best.loss in (5.0, np.inf)


def test_the_best_survives_an_error_out_of_the_optimiser(method):
    descent = descent_on(Scripted(5.0, 4.0, np.nan))
    with pytest.raises(NumericalError):
        descended(descent, 10, method)
    assert descent.best.loss == 4.0
    assert not np.array_equal(descent.best.canvas, START)


@pytest.mark.parametrize("reason", ["time", "iterations", "line search"])
def test_a_stop_ends_the_descent_finally_whatever_its_reason(method, reason):
    stop = Stop()
    descent = descent_on(Scripted(*range(100, 0, -1)), stop, lambda descent: stop.request(reason))
    ending = descended(descent, 50, method)
    assert ending == Ending(reason, final=True)
    assert descent.iterations == 1


def test_an_optimiser_s_own_end_is_not_final(method):
    descent = descent_on(Scripted(*[5.0] * 9, gradient=0.0))
    ending = descended(descent, 3, method)
    reason = "iterations" if method.name == "adam" else "line search"
    assert ending == Ending(reason, final=False)


def test_the_best_canvas_is_not_the_memory_that_the_optimiser_uses_again(method):
    losses = [9.0, 8.0, 7.0, *[7.5] * 90]
    descent = descent_on(Scripted(*losses))
    seen = []
    evaluate = descent.evaluate

    def watched(canvas):
        seen.append(canvas.copy())
        return evaluate(canvas)

    descent.evaluate = watched
    descended(descent, 4, method)
    assert len(seen) > 3
    assert descent.best.loss == 7.0
    assert np.array_equal(descent.best.canvas, seen[2])


def test_no_iterations_are_one_evaluation_of_the_start(method):
    descent = descent_on(Scripted(5.0))
    assert descended(descent, 0, method) == Ending("iterations", final=False)
    assert (descent.evaluations, descent.best.loss, descent.iterations) == (1, 5.0, 0)
    assert np.array_equal(descent.best.canvas, START)


def raising(error):
    def step_done(descent):
        raise error

    return step_done


@pytest.mark.parametrize("error", [ValueError("mine"), StopAsyncIteration(), KeyboardInterrupt()])
def test_errors_of_the_caller_come_out(method, error):
    descent = descent_on(Scripted(*range(100, 0, -1)), step_done=raising(error))
    with pytest.raises(type(error)):
        descended(descent, 10, method)
    assert descent.iterations == 1


def test_enough_ends_the_descent_but_not_the_work(method):
    descent = descent_on(Scripted(*range(100, 0, -1)), step_done=raising(Enough("time")))
    assert descended(descent, 10, method) == Ending("time", final=False)
    assert descent.iterations == 1


def test_a_stop_iteration_of_the_caller_is_not_taken_for_an_end(method):
    """SciPy would; a generator makes a RuntimeError of it too (PEP 479)."""
    descent = descent_on(Scripted(*range(100, 0, -1)), step_done=raising(StopIteration()))
    with pytest.raises(RuntimeError, match="callback raised StopIteration"):
        descended(descent, 10, method)


def test_steps_made_before_are_counted(method):
    objective = Scripted(*range(100, 0, -1))
    start = Best(START.copy(), 101.0, {})
    descent = Descent(objective, start, Stop(), lambda descent: None, iterations=7, evaluations=9)
    descended(descent, 2, method)
    assert descent.iterations == 9
    assert descent.evaluations == 9 + 100 - len(objective.losses)
