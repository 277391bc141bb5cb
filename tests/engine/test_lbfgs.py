import numpy as np
import pytest

from impasto.engine.lbfgs import lbfgs
from impasto.engine.methods import Method

SHAPE = (4, 5, 3)


class Recorded:
    """A walk on a function that keeps what it was asked and what it answered."""

    def __init__(self, function):
        self.function, self.canvases, self.losses, self.steps = function, [], [], []
        self.accepted = None

    def accept(self, canvas):
        assert self.losses[-1] == min(self.losses)
        self.accepted = canvas

    def step_done(self, state):
        assert state() == {}
        assert np.array_equal(self.accepted, self.best)
        self.steps.append(min(self.losses))

    def check(self):
        pass

    def evaluate(self, canvas):
        self.canvases.append(canvas.copy())
        loss, gradient = self.function(canvas.astype(np.float64))
        self.losses.append(loss)
        return loss, gradient.astype(np.float32)

    @property
    def best(self):
        return self.canvases[int(np.argmin(self.losses))]

    def descend(self, iterations, start=None):
        start = np.full(SHAPE, 0.5, np.float32) if start is None else start
        return lbfgs(self, start, iterations)


def bowl(target, unit=1.0):
    """A quadratic whose curvature is a hundred times larger along some pixels than along others."""
    curvature = np.logspace(0, 2, int(np.prod(SHAPE))).reshape(SHAPE)

    def function(x):
        return unit * float(np.sum(curvature * (x - target) ** 2)), 2 * unit * curvature * (
            x - target
        )

    return Recorded(function)


def test_a_minimum_inside_is_found():
    target = np.random.default_rng(0).uniform(0.1, 0.9, SHAPE)
    objective = bowl(target)
    objective.descend(60)
    np.testing.assert_allclose(objective.best, target, atol=1e-4)


def test_a_minimum_outside_is_found_on_the_border():
    target = np.random.default_rng(0).uniform(-1, 2, SHAPE)
    objective = bowl(target)
    objective.descend(60)
    np.testing.assert_allclose(objective.best, np.clip(target, 0, 1), atol=1e-4)


def test_every_canvas_is_float32_within_the_box():
    objective = bowl(np.random.default_rng(0).uniform(-5, 6, SHAPE))
    objective.descend(20)
    for canvas in objective.canvases:
        assert (canvas.dtype, canvas.shape) == (np.float32, SHAPE)
        assert canvas.min() >= 0
        assert canvas.max() <= 1


@pytest.mark.parametrize("unit", [1e-30, 1e-12, 1e-6, 1.0, 1e6, 1e12, 1e30])
def test_the_unit_of_the_loss_does_not_matter(unit):
    """Of a loss far below 1, SciPy's own first step would change nothing that float32 sees."""
    target = np.random.default_rng(0).uniform(0.1, 0.9, SHAPE)
    objective = bowl(target, unit)
    objective.descend(60)
    np.testing.assert_allclose(objective.best, target, atol=1e-3)


def test_it_goes_on_where_the_defaults_of_scipy_stop():
    """A loss with a large part that nothing can change: a step changes less than ftol of it."""
    from scipy.optimize import minimize

    target = np.random.default_rng(0).uniform(0.1, 0.9, SHAPE)
    inner = bowl(target, 1e-7).function

    def function(x):
        loss, gradient = inner(x)
        return loss + 10, gradient

    start = np.full(SHAPE, 0.5)
    x = minimize(
        lambda x: (function(x.reshape(SHAPE))[0], function(x.reshape(SHAPE))[1].ravel()),
        start.ravel(),
        jac=True,
        method="L-BFGS-B",
    ).x.reshape(SHAPE)
    objective = Recorded(function)
    objective.descend(60)
    far, near = (np.abs(found - target).max() for found in (x, objective.best))
    assert far > 0.05
    assert near < 1e-3


def test_as_many_steps_as_asked_and_each_is_told():
    objective = bowl(np.random.default_rng(0).uniform(0.1, 0.9, SHAPE))
    assert objective.descend(7) == "iterations"
    assert len(objective.steps) == 7
    assert objective.steps == sorted(objective.steps, reverse=True)


def test_a_flat_function_ends_the_line_search():
    flat = Recorded(lambda x: (3.0, np.zeros_like(x)))
    assert flat.descend(10) == "line search"
    assert len(flat.losses) == 1


def test_a_wrong_gradient_ends_the_line_search():
    uphill = Recorded(lambda x: (float(np.sum(x)), -np.ones_like(x)))
    assert uphill.descend(10) == "line search"


def test_errors_of_the_function_come_out():
    def function(x):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        Recorded(function).descend(3)


def test_the_start_is_not_modified():
    start = np.full(SHAPE, 0.5, np.float32)
    bowl(np.zeros(SHAPE)).descend(3, start)
    assert (start == 0.5).all()


def test_memory_is_what_the_method_tells(peak_of):
    shape = (128, 128, 3)
    target = np.random.default_rng(0).uniform(-0.2, 1.2, shape).astype(np.float32)

    class Bowl(Recorded):
        def evaluate(self, canvas):
            away = canvas - target
            self.losses.append(float(np.vdot(away, away)))
            return self.losses[-1], away

        def step_done(self, state):
            pass

    def descend():
        lbfgs(Bowl(None), np.full(shape, 0.5, np.float32), 12)

    descend()  # SciPy is loaded
    peak, told = peak_of(descend), Method("scipy").bytes(target.size, 12)
    assert 0.75 * told <= peak <= told
