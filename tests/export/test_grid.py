"""Where the positions of a layer lie, against lists written out position by position."""

from itertools import product

import numpy as np
import pytest

from impasto.export.lowering.grid import Grid, Line, Tiles, Wanted, gather_index, places

GRIDS = [
    Grid(16, 16, 4, 4, (0, 4)),
    Grid(17, 16, 4, 4, (0, 2, 5)),
    Grid(19, 37, 4, 10, (0, 1, 2, 3, 5)),
    Grid(1, 1, 4, 1, (0, 1)),
    Grid(3, 9, 4, 3, (0, 1)),
    Grid(8, 18, 2, 10, (0, 1, 4, 5)),
    Grid(9, 8, 2, 4, (0, 3, 5)),
    Grid(7, 5, 1, 5, (0, 2, 3, 7)),
]
every_grid = pytest.mark.parametrize("grid", GRIDS, ids=str)
every_unit = pytest.mark.parametrize("unit", [1, 2, 4])


def rows_of(grid, band):
    """The (line, column) of every row of a band, in their order."""
    return [
        (unit_y * grid.unit + down, unit_x * grid.unit + right)
        for down, right in places(grid.unit)
        for unit_y in range(grid.edges[band], grid.edges[band + 1])
        for unit_x in range(grid.across)
    ]


@every_unit
def test_places_are_every_place_once(unit):
    assert sorted(places(unit)) == list(product(range(unit), repeat=2))


def test_places_that_follow_each_other_are_the_members_of_pooling_windows():
    """In the order of the places of the tiles of 2 x 2 that pooling leaves."""
    quarters = [places(4)[start : start + 4] for start in (0, 4, 8, 12)]
    for members, window in zip(quarters, places(2), strict=True):
        assert {(y // 2, x // 2) for y, x in members} == {window}


@every_grid
def test_every_position_of_a_layer_is_one_row(grid):
    rows = [row for band in range(grid.bands) for row in rows_of(grid, band)]
    assert len(rows) == len(set(rows)) == sum(map(grid.rows, range(grid.bands)))
    assert set(np.ndindex(grid.height, grid.width)) <= set(rows)


@every_grid
def test_bands_cover_the_lines_of_the_layer(grid):
    covered = [y for band in range(grid.bands) for y in range(*grid.lines(band))]
    assert covered == list(range(grid.height))


@every_grid
def test_inside_are_the_rows_that_lie_in_the_layer(grid):
    for band in range(grid.bands):
        real = [y < grid.height and x < grid.width for y, x in rows_of(grid, band)]
        assert grid.inside(band).tolist() == [[float(one)] for one in real]
        assert grid.full(band) == all(real)


@pytest.mark.parametrize("grid", [grid for grid in GRIDS if grid.unit == 4], ids=str)
def test_pooled_rows_are_the_windows_of_each_quarter(grid):
    pooled = grid.pooled()
    assert (pooled.height, pooled.width) == (grid.height // 2, grid.width // 2)
    for band in range(grid.bands):
        members = np.array(rows_of(grid, band)).reshape(4, 4, -1, 2)
        windows = np.array(rows_of(pooled, band)).reshape(4, 1, -1, 2)
        assert (members // 2 == windows).all()


@every_grid
@pytest.mark.parametrize("more", [-1, 0, 2])
def test_unrolled_rows_are_in_plain_order_and_in_bands_that_lie_alike(grid, more):
    height, width = max(grid.height + more, 1), grid.width + more + 1
    lines = grid.unrolled(height, width)
    rows = [row for band in range(lines.bands) for row in rows_of(lines, band)]
    assert rows == list(np.ndindex(height, width))
    assert all(lines.full(band) for band in range(lines.bands))
    assert set(lines.edges[:-1]) <= {edge * grid.unit for edge in grid.edges}


def found(grid, lines, first, bands, single=()):
    """`gather_index` of whole bands and single lines, and the rows written out."""
    parts, rows = [], []
    for band in bands:
        parts.append(
            Tiles(grid.edges[band] * grid.unit - first, grid.unit, grid.down(band), grid.across)
        )
        rows += rows_of(grid, band)
    for y in single:
        (band,) = (n for n in range(grid.bands) if y in range(*grid.lines(n)))
        parts.append(Line(y - first, grid.unit, grid.across))
        rows += [row for row in rows_of(grid, band) if row[0] == y]
    inside = (-first, grid.height - first, grid.width)
    index, zeros = gather_index(lines, parts, inside), lines.reaches_out(inside)
    return index, zeros, rows


def looked_up(grid, lines, first, rows):
    """Position by position, in the order (outer, down, across, inner)."""
    numbers = {row: number for number, row in enumerate(rows)}
    expected = []
    for outer, tile_y, tile_x, inner in product(
        lines.outer, range(lines.down), range(lines.across), lines.inner
    ):
        y = first + lines.stride * tile_y + outer[0] + inner[0]
        x = lines.stride * tile_x + outer[1] + inner[1]
        real = 0 <= y < grid.height and 0 <= x < grid.width
        expected.append(numbers[y, x] if real else len(rows))
    return expected


HALO = tuple((i - 1, j - 1) for i in range(6) for j in range(6))
NINE = tuple((i - 1, j - 1) for i in range(3) for j in range(3))


@every_grid
@pytest.mark.parametrize(
    "stride, offsets",
    [
        (4, {"outer": HALO}),
        (4, {"outer": places(4), "inner": NINE}),
        (2, {"outer": places(2)}),
        (1, {"inner": NINE}),
    ],
    ids=["halo", "neighbours", "tiles", "lines"],
)
def test_gathered_rows_are_those_looked_up_one_by_one(grid, stride, offsets):
    across = -(-grid.width // stride)
    for first in {0, grid.height // 2 // stride * stride}:
        lines = Wanted(stride, 2, across, **offsets)
        index, zeros, rows = found(grid, lines, first, range(grid.bands))
        assert index.reshape(-1).tolist() == looked_up(grid, lines, first, rows)
        assert zeros == (len(rows) in index)


@every_unit
def test_single_lines_are_found_like_whole_bands(unit):
    random = np.random.default_rng(unit)
    for _ in range(20):
        height, width = (int(size) for size in random.integers(9, 25, 2))
        down, across = -(-height // unit), -(-width // unit)
        middle = int(random.integers(1, down - 1))
        grid = Grid(height, width, unit, across, (0, middle, down))
        first = middle * unit
        lines = Wanted(unit, down - middle, across, outer=places(unit), inner=NINE)
        index, _, rows = found(grid, lines, first, [1], [first - 1])
        assert index.reshape(-1).tolist() == looked_up(grid, lines, first, rows)


def test_reach_is_what_positions_span():
    lines = Wanted(4, 3, 2, outer=HALO, inner=((0, 0), (-2, 1)))
    y, _ = lines.positions()
    assert lines.reach() == (y.min(), y.max() + 1)


def test_line_that_no_part_holds_is_refused():
    lines = Wanted(1, 4, 2)
    with pytest.raises(ValueError, match="in none of the parts"):
        gather_index(lines, [Tiles(0, 1, 3, 2)], (0, 4, 2))
