"""The cheapest way that fits is found, whatever is looked at on the way."""

import numpy as np
import pytest

from impasto.engine.ladders import Ladder, cheapest


def ladder(costs, taken, most, looked):
    def look(place):
        looked.append(place)
        return taken[place]

    return Ladder(costs, list(taken), look, most)


@pytest.mark.parametrize("seed", range(30))
def test_the_cheapest_that_fits_is_found_as_by_looking_at_all(seed):
    random = np.random.default_rng(seed)
    looked, ladders, all_that_fit = [], [], []
    for _ in range(4):
        count = random.integers(1, 40)
        costs = sorted(map(int, random.integers(1, 1000, count)))
        taken = sorted(map(int, random.integers(1, 1000, count) ** 2), reverse=True)
        most = int(random.integers(1, 500_000))
        ladders.append(ladder(costs, taken, most, looked))
        all_that_fit += [c for c, t in zip(costs, taken, strict=True) if t <= most]
    best = cheapest(ladders)
    assert (best.cost if best else None) == min(all_that_fit, default=None)
    assert best is None or best.is_known


def test_what_cannot_be_cheapest_is_not_looked_at():
    looked = []
    cheap = ladder([1, 2, 3], [9, 8, 7], 10, [])
    dear = ladder([5, 6, 7], [9, 8, 7], 10, looked)
    assert cheapest([dear, cheap]) is cheap
    assert not looked


def test_a_long_ladder_takes_few_looks():
    looked = []
    sizes = list(range(1000, 0, -1))
    found = cheapest([ladder(sizes[::-1], sizes, 137, looked)])
    assert sizes[found.place] == 137
    assert len(looked) <= 16


def test_nothing_fits_where_the_smallest_does_not():
    looked = []
    assert cheapest([ladder([1, 2, 3], [9, 8, 7], 6, looked)]) is None
    assert looked == [2]
