import pytest

from impasto.engine.methods import Method, methods_for
from impasto.engine.options import Options

OURS = ["lbfgs 20", "lbfgs 10", "lbfgs 10 half", "lbfgs 5 half", "lbfgs 3 half", "adam"]


@pytest.mark.parametrize(("side", "first"), [(64, ["scipy"]), (65, [])])
def test_scipy_is_preferred_on_small_canvases_and_never_used_on_others(side, first):
    methods = methods_for(Options(), 3 * side * side)
    assert [str(method) for method in methods] == first + OURS


def test_whoever_asks_for_adam_gets_it():
    assert methods_for(Options(optimizer="adam"), 60) == (Method("adam"),)


@pytest.mark.parametrize("numbers", [60, 3 * 128**2, 3 * 512**2, 3 * 4096**2])
def test_memory_grows_with_the_canvas_and_falls_along_the_list(numbers):
    methods = [method for method in methods_for(Options(), numbers) if method.name != "scipy"]
    sizes = [method.bytes(numbers) for method in methods]
    assert sizes == sorted(sizes, reverse=True)
    for method in methods:
        assert method.bytes(2 * numbers) > method.bytes(numbers) > 5 * 4 * numbers
