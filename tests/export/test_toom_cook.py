"""The matrices of minimal filtering, against a correlation written out."""

from fractions import Fraction

import numpy as np
import pytest

from impasto.export.lowering.toom_cook import minimal_filtering
from impasto.export.lowering.winograd import INPUT, INPUT_BACK, OUTPUT, OUTPUT_BACK, WEIGHTS

WHOLE = [Fraction(p) for p in (0, 1, -1, 2, -2)]
POINTS = {
    "F(2,3)": (WHOLE[:3], 3),
    "F(4,3)": (WHOLE, 3),
    "F(4,3) of halves": ([Fraction(p, 2) for p in (0, 1, -1, 4, -4)], 3),
    "F(4,3) of thirds": ([Fraction(p) for p in ("0", "2/3", "-2/3", "3/2", "-3/2")], 3),
    "F(6,3)": ([*WHOLE, Fraction(1, 2), Fraction(-1, 2)], 3),
    "F(1,3)": (WHOLE[1:3], 3),
    "F(3,2)": (WHOLE[:3], 2),
    "F(2,5)": (WHOLE, 5),
}
every_filtering = pytest.mark.parametrize("points, taps", POINTS.values(), ids=POINTS)


@every_filtering
def test_filtering_is_the_correlation(points, taps):
    to_outputs, of_taps, of_inputs = minimal_filtering(points, taps)
    random = np.random.default_rng(0)
    for _ in range(20):
        g, d = random.standard_normal(taps), random.standard_normal(len(points) + 1)
        found = to_outputs @ ((of_taps @ g) * (of_inputs @ d))
        np.testing.assert_allclose(found, np.correlate(d, g, "valid"), atol=1e-12)


@every_filtering
def test_shapes_are_those_of_as_few_products_as_possible(points, taps):
    products, outputs = len(points) + 1, len(points) + 2 - taps
    shapes = [matrix.shape for matrix in minimal_filtering(points, taps)]
    assert shapes == [(outputs, products), (products, taps), (products, products)]


def test_filtering_of_whole_points_has_no_rounding_error():
    """With 0, 1 and -1 all entries are halves of whole numbers: equality is exact."""
    to_outputs, of_taps, of_inputs = minimal_filtering(WHOLE[:3])
    for tap, position in np.ndindex(3, 4):
        g, d = np.eye(3)[tap], np.eye(4)[position]
        found = to_outputs @ ((of_taps @ g) * (of_inputs @ d))
        assert found.tolist() == np.correlate(d, g, "valid").tolist()


def test_a_filtering_in_two_dimensions_is_the_product_of_two():
    matrices = minimal_filtering(WHOLE)
    to_outputs, of_taps, of_inputs = (np.kron(m, m) for m in matrices)
    random = np.random.default_rng(1)
    g, d = random.standard_normal((3, 3)), random.standard_normal((6, 6))
    found = to_outputs @ ((of_taps @ g.reshape(-1)) * (of_inputs @ d.reshape(-1)))
    windows = np.lib.stride_tricks.sliding_window_view(d, (3, 3))
    expected = np.einsum("ijkl,kl->ij", windows, g)
    np.testing.assert_allclose(found.reshape(4, 4), expected, atol=1e-12)


@pytest.mark.parametrize("back", [False, True])
def test_transformed_weights_serve_both_directions(back):
    """Of the gradient they are those of the same taps, which it needs turned round."""
    random = np.random.default_rng(2)
    g, d = random.standard_normal((3, 3)), random.standard_normal((6, 6))
    output, into = (OUTPUT_BACK, INPUT_BACK) if back else (OUTPUT, INPUT)
    found = output @ ((WEIGHTS @ g.reshape(-1)) * (into @ d.reshape(-1)))
    windows = np.lib.stride_tricks.sliding_window_view(d, (3, 3))
    expected = np.einsum("ijkl,kl->ij", windows, g[::-1, ::-1] if back else g)
    np.testing.assert_allclose(found.reshape(4, 4), expected, atol=1e-12)
