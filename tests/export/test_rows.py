"""Layers as bands of rows: what is gathered from them is what numpy takes from the layer."""

from itertools import product

import numpy as np
import pytest

from impasto.export.graph import Graph
from impasto.export.lowering.grid import Grid, Wanted, places
from impasto.export.lowering.rows import Kit, Rows

LAYERS = [
    Grid(16, 12, 4, 3, (0, 4)),
    Grid(17, 14, 4, 4, (0, 2, 5)),
    Grid(19, 9, 4, 3, (0, 1, 2, 3, 5)),
    Grid(9, 8, 2, 4, (0, 3, 5)),
    Grid(8, 7, 2, 6, (0, 1, 4, 5)),
    Grid(11, 5, 1, 5, (0, 2, 3, 7, 11)),
]
every_layer = pytest.mark.parametrize("grid", LAYERS, ids=str)
CHANNELS = 9
MARGIN = 16
NINE = tuple((i - 1, j - 1) for i in range(3) for j in range(3))


@pytest.fixture
def layer(run_reference):
    """A random layer (H, W, C) as rows, and what evaluates tensors made of them.

    Rows outside of the layer are not numbers: one that is used by mistake is seen.
    """

    def make(grid):
        random = np.random.default_rng(0)
        content = random.standard_normal((grid.height, grid.width, CHANNELS))
        b, feeds = Graph(), {}
        for band in range(grid.bands):
            inside = grid.inside(band).astype(bool)
            lines = Wanted(grid.unit, grid.down(band), grid.across, outer=places(grid.unit))
            y, x = (part.reshape(-1) for part in lines.positions())
            y = np.minimum(y + grid.edges[band] * grid.unit, grid.height - 1)
            taken = content[y, np.minimum(x, grid.width - 1)]
            feeds[f"band{band}"] = np.where(inside, taken, np.nan)
            b.input(f"band{band}", (grid.rows(band), CHANNELS))

        def evaluated(*values):
            for number, value in enumerate(values):
                b.output(f"value{number}", value)
            return list(run_reference(b, feeds).values())

        rows = Rows(Kit(b), grid, CHANNELS, lambda band: b.inputs[f"band{band}"])
        return content, rows, evaluated

    return make


def around(content):
    """Zeros around the layer, so that slices may begin outside."""
    return np.pad(content, ((MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0)))


@every_layer
def test_gathered_neighbours_are_those_of_the_padded_layer(grid, layer):
    content, rows, evaluated = layer(grid)
    padded, values, expected = around(content), [], []
    for first, down in [(0, 1), (4, 1), (4, 2), (8, 2)]:
        values.append(rows.gather(first, Wanted(4, down, 2, outer=places(4), inner=NINE)))
        expected.append(
            [
                padded[
                    MARGIN + first + 4 * tile_y + place[0] + i, MARGIN + 4 * tile_x + place[1] + j
                ]
                for place, tile_y, tile_x, (i, j) in product(places(4), range(down), range(2), NINE)
            ]
        )
    for found, wanted in zip(evaluated(*values), expected, strict=True):
        np.testing.assert_array_equal(found, wanted)


@every_layer
def test_pieces_are_taken_from_the_neighbour_of_the_same_number(grid, layer):
    content, rows, evaluated = layer(grid)
    padded = around(content)
    gathered = rows.gather(2, Wanted(1, 3, grid.width, inner=NINE), pieces=9)
    expected = [
        padded[MARGIN + 2 + y + i, MARGIN + x + j, number : number + 1]
        for y, x, (number, (i, j)) in product(range(3), range(grid.width), enumerate(NINE))
    ]
    np.testing.assert_array_equal(evaluated(gathered)[0], expected)


@every_layer
@pytest.mark.parametrize("unit", [1, 2, 4])
def test_other_tiles_and_bands_hold_the_same_layer(grid, unit, layer):
    content, rows, evaluated = layer(grid)
    down, across = -(-grid.height // unit), -(-grid.width // unit) + (unit == 2)
    other = Grid(grid.height, grid.width, unit, across, tuple(sorted({0, down // 3, down})))
    regridded = rows.regridded(other)
    bands = evaluated(*(regridded.band(number) for number in range(other.bands)))
    for number, found in enumerate(bands):
        lines = Wanted(unit, other.down(number), across, outer=places(unit))
        y, x = lines.positions()
        wanted = around(content)[MARGIN + other.edges[number] * unit + y, MARGIN + x]
        np.testing.assert_array_equal(found, wanted.reshape(-1, CHANNELS))


@every_layer
def test_the_same_tiles_need_no_gathering(grid, layer):
    _, rows, _ = layer(grid)
    assert rows.regridded(grid) is rows


def test_bands_in_the_middle_share_their_index(layer):
    grid = Grid(40, 8, 4, 2, tuple(range(11)))
    _, rows, _ = layer(grid)
    for band in range(grid.bands):
        rows.gather(4 * band, Wanted(4, 1, 2, outer=places(4), inner=NINE))
    gathers = [node for node in rows.kit.graph.nodes if node.op == "Gather"]
    assert len(gathers) == 10
    assert len({node.inputs[1] for node in gathers}) == 3  # first, last, and all others


def test_bands_are_made_once_and_when_asked_for(layer):
    grid = LAYERS[2]
    _, rows, _ = layer(grid)
    made = []
    doubled = Rows(
        rows.kit,
        grid,
        CHANNELS,
        lambda band: (
            made.append(band) or rows.kit.graph.op("Add", rows.band(band), rows.band(band))
        ),
    )
    assert not made
    assert doubled.band(3) is doubled.band(3)
    doubled.band(1)
    assert made == [3, 1]


def test_band_of_another_shape_is_refused(layer):
    grid = LAYERS[0]
    _, rows, _ = layer(grid)
    narrow = Rows(rows.kit, grid, CHANNELS + 1, rows.band)
    with pytest.raises(ValueError, match="a band has the shape"):
        narrow.band(0)
