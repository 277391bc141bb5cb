import numpy as np
import pytest

from impasto.engine.costs import Costs
from impasto.engine.programs import Selection
from impasto.engine.tiles import Tiling

STRIDES = {"relu1_1": 1, "pool1": 2, "relu2_1": 2, "pool2": 4, "relu3_1": 4}
# multiplications and moved numbers of a pixel
LAYERS = {
    "relu1_1": 9 * 3 * 4 + 650 * 7,
    "pool1": 0,
    "relu2_1": (9 * 4 * 6 + 650 * 10) / 4,
    "pool2": 0,
    "relu3_1": (9 * 6 * 8 + 650 * 14) / 16,
}


@pytest.fixture
def costs():
    shapes = {"conv1_1": (4, 3), "conv2_1": (6, 4), "conv3_1": (8, 6)}
    weights = {f"{name}.weight": np.zeros((*shape, 3, 3)) for name, shape in shapes.items()}
    return Costs.of(weights, STRIDES)


def test_a_layer_costs_its_multiplications_and_what_it_moves(costs):
    assert costs.layers == LAYERS


def test_a_whole_evaluation_goes_forth_and_back(costs):
    selection = Selection(("relu3_1",), ("relu1_1",), "max", "zeros")
    expected = 2 * 60 * 80 * sum(LAYERS.values())
    assert costs.evaluation(selection, None, (60, 80)) == pytest.approx(expected)
    targets = 60 * 80 * (sum(LAYERS.values()) + LAYERS["relu1_1"])
    assert costs.targets(selection, (60, 80)) == pytest.approx(targets)


def test_a_tiled_front_goes_forth_twice_with_its_halo(costs):
    selection = Selection(("relu3_1",), ("relu1_1",), "max", "zeros", "pool1")
    tiling = Tiling("pool1", 40, 40, 2, 2)
    height, width = tiling.size((60, 80))
    down, across = tiling.counts((60, 80))
    front = 1.05 * 3 * down * across * height * width * LAYERS["relu1_1"]
    rest = 2 * 60 * 80 * (sum(LAYERS.values()) - LAYERS["relu1_1"])
    assert costs.evaluation(selection, tiling, (60, 80)) == pytest.approx(front + rest)


def test_where_everything_is_tiled_sums_go_to_the_deepest_style_layer_alone(costs):
    selection = Selection(("relu3_1",), ("relu1_1",), "max", "zeros", "relu3_1")
    tiling = Tiling("relu3_1", 44, 44, 12, 4)
    height, width = tiling.size((60, 80))
    down, across = tiling.counts((60, 80))
    expected = (
        1.05 * down * across * height * width * (LAYERS["relu1_1"] + 2 * sum(LAYERS.values()))
    )
    assert costs.evaluation(selection, tiling, (60, 80)) == pytest.approx(expected)


def test_workers_share_the_tiles_but_not_the_rest(costs):
    selection = Selection(("relu3_1",), ("relu1_1",), "max", "zeros", "pool1")
    tiling, shape = Tiling("pool1", 40, 40, 2, 2), (60, 80)
    tiles = tiling.counts(shape)[0] * tiling.counts(shape)[1]
    rest = 2 * 60 * 80 * (sum(LAYERS.values()) - LAYERS["relu1_1"])
    one, *others = (costs.evaluation(selection, tiling, shape, n) - rest for n in (1, 2, 5, 100))
    rounds = [-(-tiles // n) for n in (2, 5, 100)]
    assert others == pytest.approx([one * count / tiles for count in rounds])
