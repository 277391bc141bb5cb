import numpy as np
import pytest

from impasto.engine.adam import adam

SHAPE = (3, 4, 3)
START = np.random.default_rng(1).uniform(0.3, 0.7, SHAPE).astype(np.float32)
TARGET = np.random.default_rng(0).uniform(0.2, 0.8, SHAPE)


def bowl(target=TARGET, unit=1.0):
    return lambda x: (
        unit * np.sum((x - target) ** 2),
        (2 * unit * (x - target)).astype(np.float32),
    )


def run(function, iterations, step=0.02):
    """Every canvas that was evaluated, the losses, and the number of steps told."""
    canvases, losses, told = [], [], []

    def evaluate(canvas):
        loss, gradient = function(canvas.astype(np.float64))
        canvases.append(canvas.copy())
        losses.append(loss)
        return loss, gradient

    reason = adam(evaluate, START, iterations, lambda: told.append(1), step)
    assert reason == "iterations"
    assert len(told) == iterations
    return canvases, losses


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
