"""How layers are cut into bands."""

from itertools import pairwise, product

import pytest

from impasto.engine.programs import Selection
from impasto.export.lowering.bands import plan_bands
from impasto.export.networks import FAMILIES
from impasto.export.program import objective_graph

SIZES = [(768, 1024), (511, 333), (1000, 16), (16, 1000), (33, 50), (2048, 2048)]
BYTES = [100_000, 1 << 20, 18 << 20, 1 << 40]

every_plan = pytest.mark.parametrize("size, band_bytes", [*product(SIZES, BYTES)])


def planned(size, band_bytes, share=1.0):
    class Weightless:
        architecture, mean, std = FAMILIES["vgg19"], (0.5, 0.5, 0.5), (0.2, 0.2, 0.2)

    selection = Selection(("relu4_2",), ("relu1_1", "relu5_1"), "max", "replicate")
    return plan_bands(objective_graph(Weightless, selection, size), share, band_bytes)


def test_half_of_the_share_is_half_of_the_bytes():
    assert planned((768, 1024), 4 << 20) == planned((768, 1024), 8 << 20, 0.5)
    assert planned((768, 1024), 4 << 20) != planned((768, 1024), 8 << 20)


@every_plan
def test_bands_cover_every_layer_once(size, band_bytes):
    edges = planned(size, band_bytes)
    height, width = size
    assert set(edges) == {(height >> i, width >> i) for i in range(5)}
    for (height, _), cuts in edges.items():
        assert cuts[0] == 0
        assert cuts[-1] == -(-height // 4)
        assert all(begin < end for begin, end in pairwise(cuts))


@every_plan
def test_bands_before_a_pooling_lie_within_one_after_it(size, band_bytes):
    layers = sorted(planned(size, band_bytes).items())
    for (_, after), (_, before) in pairwise(layers):
        assert {2 * edge for edge in after[:-1]} <= set(before)


@every_plan
def test_bands_have_about_the_bytes_that_they_may(size, band_bytes):
    """36 float32 per channel and tile; not much more, and not cut finer than that asks for."""
    widths = dict(enumerate((64, 128, 256, 512, 512)))
    layers = sorted(planned(size, band_bytes).items())
    after = ()
    for level, ((_, width), cuts) in zip((4, 3, 2, 1, 0), layers, strict=True):
        per_row = 4 * 36 * -(-width // 4) * widths[level]
        for begin, end in pairwise(cuts):
            assert (end - begin - 1) * per_row <= 1.5 * band_bytes
            outer = {2 * edge for edge in after}
            if end - begin > 1 and not {begin, end} <= {0, cuts[-1], *outer}:
                assert (end - begin + 1) * per_row >= 0.5 * band_bytes
        after = cuts
