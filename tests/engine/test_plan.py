import pytest

from impasto.engine.methods import Method
from impasto.engine.plan import LevelPlan, Plan


def level(cost, iterations=100, targets=0.0, measured=0):
    return LevelPlan(
        8, 8, iterations, None, Method("adam"), 0, cost, targets, measured, frozenset(), 0
    )


def seconds(levels, evaluations):
    costs = [one.cost for one in levels[: len(evaluations)]]
    return [one.seconds for one in Plan(tuple(levels), 0, 0).timed(costs, evaluations).levels]


def test_one_level_takes_its_evaluations_and_its_targets():
    assert seconds([level(10.0, 100, 50.0)], [2.0]) == pytest.approx([105 * 2.0 + 50 * 0.2])


def test_what_is_measured_before_the_first_step_is_counted():
    found = seconds([level(10.0, 100, 50.0, measured=5)], [2.0])
    assert found == pytest.approx([110 * 2.0 + 50 * 0.2])


def test_what_grows_with_the_size_is_told_from_what_does_not():
    """0.1 s always and 0.01 s for a unit: 0.2 s at 10 units, 0.5 s at 40, 1.7 s at 160."""
    found = seconds([level(10.0), level(40.0), level(160.0)], [0.2, 0.5])
    assert found == pytest.approx([105 * 0.2, 105 * 0.5, 105 * 1.7])


def test_noise_in_the_timing_never_makes_large_levels_free():
    assert seconds([level(10.0), level(40.0), level(4000.0)], [0.5, 0.4])[2] >= 105 * 20.0
