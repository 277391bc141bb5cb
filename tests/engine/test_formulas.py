import numpy as np
import pytest

from impasto.engine.formulas import Extent, coefficients
from impasto.engine.options import DEFAULT_STYLE_WEIGHTS, Options

NAMES = ["content.relu3_1", "content.relu4_2", "style.relu1_1", "style.pool2", "tv"]
PIXELS = 30


@pytest.fixture
def targets():
    random = np.random.default_rng(0)
    content = {
        "relu3_1": Extent(float(random.uniform(1, 20)), channels=4, positions=9),
        "relu4_2": Extent(float(random.uniform(1, 20)), channels=5, positions=2),
    }
    style = {name: random.random((c, c), np.float32) for name, c in (("relu1_1", 4), ("pool2", 6))}
    return content, style


def options(objective):
    return Options(
        objective=objective,
        content_layers={"relu4_2": 0.5, "relu3_1": 2.0},
        style_layers={"pool2": 3.0, "relu1_1": 1.0},
        content_weight=7.0,
        style_weight=20.0,
        tv_weight=0.25,
    )


def test_gatys_is_the_formula_of_its_docstring(targets):
    expected = [7 * 2.0 / 2, 7 * 0.5 / 2, 20 * 0.25 / (4 * 4**2), 20 * 0.75 / (4 * 6**2), 0.25]
    found = coefficients(options("gatys"), *targets, PIXELS)
    assert list(found) == NAMES
    np.testing.assert_allclose(list(found.values()), expected, rtol=1e-6)


def test_relative_is_the_formula_of_its_docstring(targets):
    content, style = targets
    t3, t4 = (extent.squares for extent in content.values())
    a1, a2 = (np.sum(target.astype(np.float64) ** 2) for target in style.values())
    expected = [7 * 2.0 / t3, 7 * 0.5 / t4, 20 * 0.25 / a1, 20 * 0.75 / a2, 0.25]
    found = coefficients(options("relative"), *targets, PIXELS)
    assert list(found) == NAMES
    np.testing.assert_allclose(list(found.values()), expected, rtol=1e-6)


def test_neuralart_is_the_formula_of_its_docstring(targets):
    first, second = 7 * 2.0 / (2 * 2 * 3), 7 * 0.5 / (2 * 5**0.5 * 2**0.5)
    expected = [first, second, 20 * 0.25 / (4 * 4**2), 20 * 0.75 / (4 * 6**2), 0.25]
    found = coefficients(options("neuralart"), *targets, PIXELS)
    assert list(found) == NAMES
    np.testing.assert_allclose(list(found.values()), expected, rtol=1e-6)


def test_johnson_is_the_formula_of_its_docstring(targets):
    first, second, tv = 7 * 2.0 / (4 * 9), 7 * 0.5 / (5 * 2), 0.25 * 255 * 255 * 30 / 2
    expected = [first, second, 20 * 0.25 / 4**4, 20 * 0.75 / 6**4, tv]
    found = coefficients(options("johnson"), *targets, PIXELS)
    assert list(found) == NAMES
    np.testing.assert_allclose(list(found.values()), expected, rtol=1e-6)


@pytest.mark.parametrize("objective", DEFAULT_STYLE_WEIGHTS)
def test_the_heaviest_weights_on_targets_of_zeros_are_finite(objective):
    largest = Options(
        objective=objective,
        content_layers={"relu4_2": 1e12},
        style_layers={"relu1_1": 1e12, "pool2": 5e-324},
        content_weight=1e12,
        style_weight=1e12,
        tv_weight=1e12,
    )
    content = {"relu4_2": Extent(0.0, channels=1, positions=1)}
    style = {name: np.zeros((4, 4), np.float32) for name in ("relu1_1", "pool2")}
    factors = coefficients(largest, content, style, 2**40)
    assert np.isfinite(np.float32(list(factors.values()))).all()


def test_layers_of_style_share_one_weight_whatever_their_unit(targets):
    content, style = targets
    one = Options(content_layers=dict.fromkeys(content, 1), style_layers=dict.fromkeys(style, 1))
    ten = Options(content_layers=dict.fromkeys(content, 1), style_layers=dict.fromkeys(style, 10))
    assert coefficients(one, *targets, PIXELS) == coefficients(ten, *targets, PIXELS)


def test_without_layers_only_the_total_variation_is_left():
    assert coefficients(Options(tv_weight=3), {}, {}, PIXELS) == {"tv": 3.0}
