"""Tiles as arithmetic: what they cover, what they see, and what the network sees of them."""

from itertools import pairwise, product

import numpy as np
import pytest

from impasto.engine.tiles import Tiling, halo_of, side_of, spans_of
from impasto.export.networks import FAMILIES

# Units with halos of so many of them.
UNITS = [(unit, unit * around) for unit, around in product((1, 2, 4, 8), (1, 2, 3))]
LENGTHS = range(1, 131)
COUNTS = range(1, 9)

every_unit = pytest.mark.parametrize("unit, halo", UNITS)


def all_spans(halo, unit):
    """Every length and count, and what becomes of it."""
    for length, count in product(LENGTHS, COUNTS):
        yield length, count, spans_of(length, count, halo, unit)


@every_unit
def test_cores_cover_the_side_without_overlap(halo, unit):
    for length, _, spans in all_spans(halo, unit):
        cores = np.zeros(length, int)
        for span in spans:
            cores[span.core()] += 1
            assert span.begin < span.end
        assert (cores == 1).all()
        assert [span.begin for span in spans] == sorted(span.begin for span in spans)


@every_unit
def test_all_crops_of_a_side_have_one_size_and_lie_within_it(halo, unit):
    for length, count, spans in all_spans(halo, unit):
        sizes = {span.stop - span.start for span in spans}
        assert sizes == {side_of(length, count, halo, unit)}
        assert min(span.start for span in spans) == 0
        assert max(span.stop for span in spans) == length


@every_unit
def test_crops_and_cores_begin_where_a_position_of_every_layer_does(halo, unit):
    for _, _, spans in all_spans(halo, unit):
        assert not any(span.start % unit or span.begin % unit for span in spans)


@every_unit
def test_halo_is_kept_to_every_edge_that_is_not_the_pictures_own(halo, unit):
    """Also where a pooling drops the last pixels of a crop, which no whole window covers."""
    for length, _, spans in all_spans(halo, unit):
        for span in spans:
            whole = (span.stop - span.start) // unit * unit
            assert span.start == 0 or span.begin - span.start >= halo
            assert span.stop == length or span.start + whole - span.end >= halo


@every_unit
def test_there_are_at_most_as_many_tiles_as_asked_for(halo, unit):
    for length, count, spans in all_spans(halo, unit):
        assert 1 <= len(spans) <= count, (length, count)


@every_unit
def test_positions_of_a_layer_are_divided_as_the_pixels_are(halo, unit):
    """Those of the cores cover a layer of any stride, and lie in the tile's layer as in that."""
    strides = [stride for stride in (1, 2, 4, 8) if stride <= unit]
    for (length, _, spans), stride in product(all_spans(halo, unit), strides):
        positions = np.arange(length // stride)
        cores = []
        for span in spans:
            own = positions[span.crop(stride)]
            assert len(own) == (span.stop - span.start) // stride  # what the network makes of it
            np.testing.assert_array_equal(own[span.inside(stride)], positions[span.core(stride)])
            cores += positions[span.core(stride)].tolist()
        assert cores == positions.tolist()


def fewest_by_walking(length, side, halo, unit):
    """Tiles of a side at most so long, laid one after the other as far on as the halo lets them.

    The last one ends where the picture does and begins at a multiple of the unit, and all have one
    size: they leave the remainder that the picture leaves.
    """
    if length <= side:
        return 1
    side -= (side - length) % unit
    count, covered = 1, side // unit * unit - halo
    while True:
        count += 1
        start = covered - halo
        if start + side >= length:
            return count
        covered = start + side // unit * unit - halo


@every_unit
def test_counts_are_the_smallest_that_fit(halo, unit):
    for side in range(2 * halo + 2 * unit, 2 * halo + 6 * unit + 3):
        tiling = Tiling("joint", side, side, halo, unit)
        for length in LENGTHS:
            found, _ = tiling.counts((length, 1))
            assert found == fewest_by_walking(length, side, halo, unit), (side, length)
            assert len(spans_of(length, found, halo, unit)) == found
            assert tiling.size((length, 1))[0] <= side


@pytest.mark.parametrize("side", [1, 8, 23, 39])
def test_tile_that_is_all_halo_is_refused(side):
    for height, width in ((side, 100), (100, side)):
        tiling = Tiling("pool2", height, width, halo=16, unit=4)
        with pytest.raises(ValueError, match=f"a tile of {side} pixels is all halo: 16 on each"):
            tiling.counts((500, 500))


def test_tile_that_is_hardly_more_than_halo_is_not_refused():
    tiling = Tiling("pool2", 40, 40, halo=16, unit=4)
    for height in range(1, 300):
        assert max(tiling.size((height, 50))) <= 40 or height <= 40


def test_picture_that_fits_is_one_tile_of_its_own_size():
    tiling = Tiling("pool3", 96, 80, halo=16, unit=8)
    for height, width in product((1, 7, 8, 95, 96), (1, 9, 80)):
        (tile,) = tiling.tiles((height, width))
        assert tiling.size((height, width)) == (height, width)
        assert tile.crop() == tile.core() == tile.inside() == (slice(0, height), slice(0, width))


@pytest.mark.parametrize("shape", [(200, 150), (97, 301), (64, 65), (333, 40)])
def test_tiles_are_all_pairs_of_spans_and_their_masks_cover_every_layer(shape):
    tiling = Tiling("pool3", 88, 72, halo=16, unit=8)
    tiles = list(tiling.tiles(shape))
    assert len(tiles) == np.prod(tiling.counts(shape))
    for stride in (1, 2, 4, 8):
        layer = np.zeros([side // stride for side in shape])
        for tile in tiles:
            mask = tile.mask(stride)
            assert mask.dtype == np.float32
            assert mask.shape == (1, 1, *(side // stride for side in tiling.size(shape)))
            layer[tile.crop(stride)] += mask[0, 0]
            alone = np.zeros_like(layer)
            alone[tile.core(stride)] = 1
            np.testing.assert_array_equal(alone[tile.crop(stride)], mask[0, 0])
            assert alone.sum() == mask.sum()
        assert (layer == 1).all()


def seen_by(architecture, length):
    """By layer: which pixel of a line, in rows, a position of the layer, in columns, depends on.

    All windows are squares, and so both axes alike. A pixel at a time is disturbed: a 3x3 window
    passes that on to the positions beside it, a pooling to the one that both of its own make.
    """
    reached = np.eye(length, dtype=bool)
    for name in architecture.layers():
        if name.startswith("pool"):
            kept = reached[:, : reached.shape[1] // 2 * 2]
            reached = kept[:, 0::2] | kept[:, 1::2]
        else:
            around = np.pad(reached, ((0, 0), (1, 1)))
            reached = around[:, :-2] | around[:, 1:-1] | around[:, 2:]
        yield name, reached


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_halo_is_the_least_that_a_position_of_a_layer_sees(family):
    strides = {name: layer.stride for name, layer in family.layers().items()}
    for name, reached in seen_by(family, 576):
        stride = 576 // reached.shape[1]
        middle = reached.shape[1] // 2
        pixels = np.flatnonzero(reached[:, middle])
        before, after = middle * stride - pixels[0], pixels[-1] + 1 - (middle + 1) * stride
        assert before == after
        halo, unit = halo_of(strides, [name])
        assert unit == stride
        assert halo % unit == 0
        assert halo - unit < before <= halo


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_a_core_sees_its_crop_alone_in_every_layer(family):
    """A tile's own positions depend on no pixel outside of the crop, nor on where it is cut off."""
    length = 700
    strides = {name: layer.stride for name, layer in family.layers().items()}
    seen = dict(seen_by(family, length))
    for joint in ("pool1", "relu2_2", "pool2", "pool3", "relu4_1", "pool4", "relu5_1"):
        halo, unit = halo_of(strides, [joint])
        for span in spans_of(length, 3, halo, unit):
            outside = np.ones(length, bool)
            outside[span.crop()] = False
            if span.stop < length:  # no window of the tile is made of these
                outside[span.start + (span.stop - span.start) // unit * unit :] = True
            for name in list(strides)[: list(strides).index(joint) + 1]:
                assert not seen[name][outside, span.core(strides[name])].any()


def test_halo_is_that_of_the_deepest_layer_in_any_order():
    strides = {name: layer.stride for name, layer in FAMILIES["vgg19"].layers().items()}
    deepest = halo_of(strides, ["relu4_2"])
    assert halo_of(strides, ["relu4_2", "relu1_1", "pool2"]) == deepest
    assert halo_of(strides, ["pool2", "relu4_2"]) == deepest


@pytest.mark.parametrize("layer, expected", [("relu5_1", (80, 16)), ("relu5_4", (128, 16))])
def test_halos_of_vgg19_counted_by_hand(layer, expected):
    """relu5_1: 2 + 2·2 + 4·4 + 4·8 + 16 = 70 pixels; relu5_4: 48 more."""
    strides = {name: item.stride for name, item in FAMILIES["vgg19"].layers().items()}
    assert halo_of(strides, [layer]) == expected


def test_cores_of_three_tiles_by_hand():
    """Crops of 8 units begin 4 units apart at most: 2 of 8 are halo on either side."""
    spans = spans_of(length=33, count=3, halo=4, unit=2)
    starts = [span.start for span in spans]
    assert [span.stop - start for span, start in zip(spans, starts, strict=True)] == [17] * 3
    assert starts == [0, 8, 16]
    assert [(span.begin, span.end) for span in spans] == [(0, 12), (12, 20), (20, 33)]
    assert all(one.end == other.begin for one, other in pairwise(spans))
