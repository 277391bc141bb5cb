import numpy as np
import pytest

from impasto.engine.adam import adam
from impasto.engine.errors import ResumeError
from impasto.engine.methods import Method

SHAPE = (3, 4, 3)
START = np.random.default_rng(1).uniform(0.3, 0.7, SHAPE).astype(np.float32)
TARGET = np.random.default_rng(0).uniform(0.2, 0.8, SHAPE)


def bowl(target=TARGET, unit=1.0):
    return lambda x: (
        unit * np.sum((x - target) ** 2),
        (2 * unit * (x - target)).astype(np.float32),
    )


class Recorded:
    """A walk on a function that keeps every canvas that was evaluated, and its loss."""

    def __init__(self, function):
        self.function, self.canvases, self.losses, self.states = function, [], [], []

    def evaluate(self, canvas):
        loss, gradient = self.function(canvas.astype(np.float64))
        self.canvases.append(canvas.copy())
        self.losses.append(loss)
        return loss, gradient

    def accept(self, canvas):
        assert self.losses[-1] == min(self.losses)
        assert np.array_equal(canvas, self.canvases[-1])
        self.accepted = canvas

    def step_done(self, state):
        self.states.append({name: array.copy() for name, array in state().items()})

    def check(self):
        pass


def run(function, iterations, step=0.02):
    """Every canvas that was evaluated, and the losses."""
    walk = Recorded(function)
    assert adam(walk, START.copy(), iterations, step=step) == "iterations"
    assert len(walk.states) == iterations
    assert np.array_equal(walk.accepted, walk.canvases[int(np.argmin(walk.losses))])
    return walk.canvases, walk.losses


def by_hand(function, iterations, step):
    """Algorithm 1 of the paper in float64, without its ε, clipped; and its average."""
    x, m, v = START.astype(np.float64), 0.0, 0.0
    iterates = [x]
    for t in range(1, iterations + 1):
        gradient = function(x)[1].astype(np.float64)
        m = 0.9 * m + 0.1 * gradient
        v = 0.999 * v + 0.001 * gradient**2
        x = np.clip(x - step * (m / (1 - 0.9**t)) / np.sqrt(v / (1 - 0.999**t)), 0, 1)
        iterates.append(x)
    weights = 0.95 ** np.arange(iterations - 1, -1, -1)
    return iterates, np.average(iterates[1:], axis=0, weights=weights)


@pytest.mark.parametrize("iterations", [1, 2, 12])
def test_steps_are_those_of_the_paper_and_the_average_comes_last(iterations):
    canvases, _ = run(bowl(), iterations)
    iterates, average = by_hand(bowl(), iterations, 0.02)
    assert len(canvases) == iterations + 2
    for canvas, expected in zip(canvases, [*iterates, average], strict=True):
        np.testing.assert_allclose(canvas, expected, atol=1e-5)
        assert canvas.dtype == np.float32


def test_the_first_step_moves_every_pixel_by_the_step():
    canvases, _ = run(bowl(), 1, step=0.05)
    np.testing.assert_allclose(np.abs(canvases[1] - START), 0.05, rtol=1e-3)


@pytest.mark.parametrize("unit", [1e-35, 1e-25, 1e-10, 1e10, 1e25, 1e35])
def test_the_unit_of_the_loss_does_not_matter(unit):
    expected, _ = run(bowl(), 10)
    canvases, _ = run(bowl(unit=unit), 10)
    np.testing.assert_allclose(canvases, expected, atol=1e-5)


def test_every_canvas_is_within_the_box():
    canvases, _ = run(bowl(target=TARGET * 10 - 5), 30, step=0.3)
    assert np.min(canvases) >= 0
    assert np.max(canvases) <= 1
    assert np.min(canvases[-2]) == 0
    assert np.max(canvases[-2]) == 1


def test_the_minimum_is_found():
    _, losses = run(bowl(), 300)
    assert min(losses) < 1e-4 * losses[0]


def test_the_average_is_nearer_than_the_circling_iterates():
    random = np.random.default_rng(0)

    def noisy(x):
        loss, gradient = bowl()(x)
        return loss, gradient + random.normal(0, 1, SHAPE).astype(np.float32)

    _, losses = run(noisy, 200, step=0.05)
    assert losses[-1] < np.mean(losses[-22:-2])


def test_pixels_without_a_gradient_stay():
    def half(x):
        loss, gradient = bowl()(x)
        gradient[:, :2] = 0
        return loss, gradient

    canvases, _ = run(half, 5)
    assert np.array_equal(canvases[5][:, :2], START[:, :2])
    assert np.isfinite(canvases[5]).all()


def test_a_flat_function_leaves_the_canvas():
    canvases, _ = run(lambda x: (1.0, np.zeros(SHAPE, np.float32)), 3)
    np.testing.assert_allclose(canvases[:-1], np.broadcast_to(START, (4, *SHAPE)))
    np.testing.assert_allclose(canvases[-1], START, atol=1e-6)


@pytest.mark.parametrize("after", [1, 5, 12])
def test_what_a_step_tells_is_enough_to_go_on_from_there(after):
    whole, first, second = (Recorded(bowl()) for _ in range(3))
    adam(whole, START.copy(), 12, step=0.3)
    adam(first, START.copy(), after, step=0.3)
    state = first.states[-1]
    adam(second, first.accepted.copy(), 12 - after, step=0.3, state=state)
    np.testing.assert_array_equal(second.canvases, whole.canvases[after:])


def test_a_canvas_worse_than_the_best_of_before_is_not_accepted():
    first, second = Recorded(bowl()), Recorded(bowl())
    adam(first, START.copy(), 5, step=0.02)
    state = {**first.states[-1], "least": np.array(0.0)}
    second.accept = None
    adam(second, first.accepted.copy(), 2, step=0.02, state=state)


@pytest.mark.parametrize("change", [{"first": np.zeros(35)}, {"count": np.zeros(2)}], ids=str)
def test_the_state_of_another_work_is_refused(change):
    walk = Recorded(bowl())
    adam(walk, START.copy(), 2, step=0.02)
    with pytest.raises(ResumeError, match="does not fit"):
        adam(walk, START.copy(), 2, step=0.02, state={**walk.states[-1], **change})


def test_memory_is_what_the_method_tells(peak_of):
    shape = (256, 256, 3)
    target = np.random.default_rng(0).uniform(-0.2, 1.2, shape).astype(np.float32)

    class Bowl(Recorded):
        def evaluate(self, canvas):
            away = canvas - target
            self.losses.append(float(np.vdot(away, away)))
            return self.losses[-1], away

        def accept(self, canvas):
            pass

        def step_done(self, state):
            pass

    peak = peak_of(lambda: adam(Bowl(None), np.full(shape, 0.5, np.float32), 4, step=0.02))
    told = Method("adam").bytes(target.size, 4)
    assert 0.75 * told <= peak <= told
