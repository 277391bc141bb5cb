import pytest

from impasto.engine.methods import Method, methods_for
from impasto.engine.options import Options

OURS = ["lbfgs 40", "lbfgs 20", "lbfgs 10", "lbfgs 5", "lbfgs 3", "adam"]


@pytest.mark.parametrize(("side", "first"), [(64, ["scipy"]), (65, [])])
def test_scipy_is_preferred_on_small_canvases_and_never_used_on_others(side, first):
    methods = methods_for(Options(), 3 * side * side)
    assert [str(method) for method in methods] == first + OURS


def test_whoever_asks_for_adam_gets_it():
    assert methods_for(Options(optimizer="adam"), 60) == (Method("adam"),)


@pytest.mark.parametrize("numbers", [60, 3 * 128**2, 3 * 512**2, 3 * 4096**2])
def test_memory_grows_with_the_canvas_and_falls_along_the_list(numbers):
    methods = [method for method in methods_for(Options(), numbers) if method.name != "scipy"]
    sizes = [method.bytes(numbers, 20) for method in methods]
    assert sizes == sorted(sizes, reverse=True)
    for method in methods:
        assert method.bytes(2 * numbers, 20) > method.bytes(numbers, 20) > 5 * 4 * numbers


def test_pairs_take_memory_as_far_as_there_are_steps_to_learn_them_from():
    numbers = 3 * 512**2
    taken = [Method("lbfgs", 20).bytes(numbers, steps) for steps in (0, 3, 10, 20, 300)]
    assert taken[0] < taken[1] < taken[2] < taken[3] == taken[4]
    assert taken[1] == Method("lbfgs", 3).bytes(numbers, 300)
    assert taken[2] == Method("lbfgs", 10).bytes(numbers, 10)
