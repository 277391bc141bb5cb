import itertools

import pytest

from impasto.engine.errors import ImageTooSmall, OptionsError
from impasto.engine.images import fitted_size
from impasto.engine.pyramid import plan_levels, smallest_size

ASPECTS = [(1, 1), (3, 4), (4, 3), (3456, 5184), (1000, 999), (97, 13), (7, 300), (1, 40)]


@pytest.mark.parametrize("picture", ASPECTS)
@pytest.mark.parametrize("side", [1, 2, 8, 16, 17])
def test_smallest_size_is_exact(picture, side):
    size = smallest_size(picture, side)
    enough = [n for n in range(1, size + 50) if min(fitted_size(*picture, n)) >= side]
    assert enough[0] == size


@pytest.mark.parametrize(("picture", "size"), [*itertools.product(ASPECTS, (40, 333, 512, 1000))])
def test_levels_go_from_coarse_to_fine_and_keep_the_shape(picture, size):
    side = 1
    levels = plan_levels(picture, size, None, 5, side)
    assert (levels[-1].height, levels[-1].width) == fitted_size(*picture, size)
    longer = [max(level.height, level.width) for level in levels]
    assert longer == sorted(longer)
    for coarse, fine in itertools.pairwise(longer):
        assert coarse == -(-fine // 2)
    for level, side in zip(levels, longer, strict=True):
        assert (level.height, level.width) == fitted_size(*picture, side)


@pytest.mark.parametrize("size", [16, 100, 191, 192, 512, 513, 2048])
def test_levels_that_are_chosen_stop_where_the_forms_are_large(size):
    longer = [max(level.height, level.width) for level in plan_levels((3, 4), size, None, 1, 8)]
    assert len(longer) == 1 or longer[0] >= 96
    assert (longer[0] + 1) // 2 < 96


@pytest.mark.parametrize(("picture", "side"), [*itertools.product(ASPECTS, (2, 16))])
def test_no_level_is_smaller_than_the_network_needs(picture, side):
    size = 4 * smallest_size(picture, side) + 3
    assert all(
        min(level.height, level.width) >= side
        for level in plan_levels(picture, size, None, None, side)
    )


def test_iterations_are_for_all_levels_or_for_each():
    def counts(levels, iterations):
        plan = plan_levels((1, 1), 256, levels, iterations, 2)
        return [level.iterations for level in plan]

    assert counts(3, 7) == [7, 7, 7]
    assert counts(3, (5, 0, 9)) == [5, 0, 9]
    for levels in range(1, 7):
        assert len(counts(levels, None)) == levels
        assert min(counts(levels, None)) > 0
    with pytest.raises(OptionsError, match=r"^iterations .* levels is 3 here: the list has 2$"):
        counts(3, (1, 2))


def test_too_small_names_the_smallest_size():
    with pytest.raises(ImageTooSmall, match=r"needs 16 pixels on each side.* size is 62, not 61"):
        plan_levels((1, 4), 61, None, None, 16)
    assert plan_levels((1, 4), 62, None, None, 16)


def test_more_levels_than_fit_are_refused_with_their_number():
    assert len(plan_levels((1, 1), 64, 3, 1, 16)) == 3
    with pytest.raises(OptionsError, match="levels must be at most 3 at size 64"):
        plan_levels((1, 1), 64, 4, 1, 16)
