"""Balanced gradients: terms of one kind pull as their weights say, and it stays one function."""

from dataclasses import replace

import numpy as np
import pytest

from impasto.engine.arrays_file import read_arrays, write_arrays
from impasto.engine.balance import Part, Pull, balanced, measured, norm_of, uneven
from impasto.engine.checkpoint import read_standing
from impasto.engine.engine import Engine
from impasto.engine.errors import OptionsError, ResumeError
from impasto.engine.images import write_picture
from impasto.engine.objective import Objective
from impasto.engine.pacing import Pace
from impasto.engine.regions import Sight
from impasto.engine.settings import Checkpoint
from impasto.engine.stop import Stop
from impasto.engine.tiles import Tiling, halo_of

SHAPE = (44, 52)
WEIGHTS = {
    "content_layers": {"relu1_2": 1.0, "relu4_1": 2.0},
    "style_layers": {"relu1_1": 1.0, "relu2_1": 1.0, "relu3_1": 3.0},
    "style_falloff": 2.0,
    "tv_weight": 0.5,
}
# Of style layers with that falloff.
STYLE = {"relu1_1": 1.0, "relu2_1": 2.0, "relu3_1": 12.0}
STYLE_TERMS = [f"style.{layer}" for layer in STYLE]


@pytest.fixture(scope="module", params=["whole", "winograd", "tiles"])
def made(request, toy_file, scene):
    """`made(options, **rest)`: the objective of three pictures, computed in one of the ways."""
    lowering = "winograd" if request.param == "winograd" else "direct"
    engine = Engine(toy_file, threads=1, device="cpu", lowering=lowering)
    halo, unit = halo_of(engine._programs.strides, ["pool2"])
    tiling = Tiling("pool2", 40, 40, halo, unit) if request.param == "tiles" else None

    def make(options, sights=()):
        pictures = scene(*SHAPE), [scene(40, 36, 1), scene(30, 40, 3)]
        return engine.objective_at(*pictures, options, Stop(), tiling, sights=sights)

    return make


def norms(objective, canvas):
    """Of each term's gradient, with its coefficient."""
    known = objective.coefficients
    return {
        name: np.linalg.norm(
            objective.weighed({**dict.fromkeys(known, 0.0), name: known[name]})
            .measure(canvas)
            .gradient.astype(np.float64)
        )
        for name in known
    }


def assert_in_proportion(found, weights):
    shares = np.array([found[name] / weight for name, weight in weights.items()])
    np.testing.assert_allclose(shares / shares.mean(), 1, rtol=1e-4)


def assert_as_before_in_the_mean(after, before, weights):
    factors = [np.log(after[name] / before[name]) for name in weights]
    assert np.average(factors, weights=list(weights.values())) == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize(
    "given",
    [{}, {"objective": "gatys"}, {"style_loss": "moments"}, {"style_loss": "wasserstein"}],
    ids=str,
)
def test_terms_of_one_kind_pull_as_their_weights_say(made, asked, scene, given):
    plain, canvas = made(asked(**WEIGHTS, **given)), scene(*SHAPE, 2)
    before, after = norms(plain, canvas), norms(plain.balanced(canvas), canvas)
    assert before.keys() == after.keys()
    kinds = {"content": WEIGHTS["content_layers"], "style": STYLE}
    for kind, weights in kinds.items():
        weights = {f"{kind}.{layer}": weight for layer, weight in weights.items()}
        assert_in_proportion(after, weights)
        assert_as_before_in_the_mean(after, before, weights)
    assert after["tv"] == before["tv"]


def test_each_region_is_balanced_for_itself(made, asked, scene):
    ramp = np.linspace(0, 1, SHAPE[1], dtype=np.float32)[None].repeat(SHAPE[0], axis=0)
    sights = [Sight(ramp, (0,)), Sight((1 - ramp) / 4, (1,))]
    options, canvas = asked(**WEIGHTS, masks=["a.png", "b.png"]), scene(*SHAPE, 2)
    plain = made(options, sights)
    before, after = norms(plain, canvas), norms(plain.balanced(canvas), canvas)
    for region in (0, 1):
        weights = {f"style.{layer}@{region}": weight for layer, weight in STYLE.items()}
        assert_in_proportion(after, weights)
        assert_as_before_in_the_mean(after, before, weights)


def test_loss_and_gradient_are_of_one_function(made, asked, scene):
    """Along the gradient itself, elsewhere than where it was measured."""
    objective = made(asked(**WEIGHTS, pool="average")).balanced(scene(*SHAPE, 2))
    canvas = scene(*SHAPE, 4)
    loss, gradient = objective.evaluate(canvas)
    length = float(np.linalg.norm(gradient))
    step = 1e-2 * loss / length**2
    above, below = (objective.evaluate(canvas + sign * step * gradient)[0] for sign in (1, -1))
    assert (above - below) / (2 * step) == pytest.approx(length**2, rel=2e-3)


def test_what_is_met_already_keeps_its_coefficient(made, asked, scene):
    """Of the content picture itself, features have a gradient of rounding, or none."""
    plain = made(asked(**WEIGHTS))
    found = plain.balanced(scene(*SHAPE)).coefficients
    for name, factor in plain.coefficients.items():
        assert (found[name] == factor) == (not name.startswith("style"))


@pytest.mark.parametrize("norm", [0.0, np.inf, np.nan])
def test_what_has_no_gradient_keeps_its_coefficient_and_others_are_balanced(norm):
    parts = {
        name: Part("style", weight, 1.0) for name, weight in zip("abc", (1, 2, 3), strict=True)
    }
    factors = {"a": 5.0, "b": 7.0, "c": 2.0, "tv": 3.0}
    pulls = {"a": Pull(1.0, 4.0), "b": Pull(1.0, norm), "c": Pull(1.0, 8.0)}
    each = 4 ** (1 / 4) * (8 / 3) ** (3 / 4)  # the norm of a weight of 1
    expected = {"a": 5.0 * each / 4, "b": 7.0, "c": 2.0 * 3 * each / 8, "tv": 3.0}
    assert balanced(factors, parts, pulls) == pytest.approx(expected)
    assert balanced(factors, parts, {}) == factors


def test_evaluations_are_as_many_as_terms_with_others_of_their_kind(
    made, asked, scene, monkeypatch
):
    seen = []
    measure = Objective.measure

    def counting(self, *given):
        seen.append(self)
        return measure(self, *given)

    monkeypatch.setattr(Objective, "measure", counting)
    layers = {"relu1_1": 1.0, "relu2_1": 1.0, "relu3_1": 0.0}
    masks = {"masks": ["a.png", "b.png"]}
    half = np.full(SHAPE, 0.5, np.float32)
    sights = [Sight(half, (0,)), Sight(half, (1,))]
    for given, regions, count in (
        (WEIGHTS, (), 5),
        ({}, (), 3),
        ({"style_layers": {"relu1_1": 1.0}}, (), 0),
        ({"style_layers": layers}, (), 2),
        ({**WEIGHTS, "content_weight": 0.0}, (), 3),
        ({**WEIGHTS, "style_weight": 0.0}, (), 2),
        ({**WEIGHTS, **masks}, sights, 8),
        ({**masks, "style_layers": {"relu1_1": 1.0}}, sights, 0),
    ):
        options = asked(**given, balance_gradients=True)
        seen.clear()
        made(options, regions).balanced(scene(*SHAPE, 2))
        assert len(seen) == count == measured(options, len(regions))
        assert measured(replace(options, balance_gradients=False), len(regions)) == 0


def test_terms_without_a_weight_are_not_measured():
    parts = {name: Part("style", 1.0, 1.0) for name in "ab"}
    assert uneven({"a": 0.0, "b": 1.0, "tv": 0.0}, parts) == []
    assert uneven({"a": 2.0, "b": 1.0, "tv": 0.0}, parts) == ["a", "b"]


def test_norms_neither_overflow_nor_vanish():
    for scale in (1e-30, 1.0, 1e30):
        gradient = np.full((4, 5, 3), scale, np.float32)
        assert norm_of(gradient) == pytest.approx(scale * 60**0.5, rel=1e-6)


def test_coefficients_are_those_of_all_terms(made, asked):
    objective = made(asked(**WEIGHTS))
    known = objective.coefficients
    backwards = dict(reversed(known.items()))
    assert objective.weighed(backwards).coefficients == known
    for wrong in ({}, {**known, "style.relu9_9": 1.0}):
        with pytest.raises(OptionsError, match=r"those of content.relu1_2, .*, tv"):
            objective.weighed(wrong)
    for number in (-1.0, np.nan, 1e39, "1", None):
        with pytest.raises(OptionsError, match="tv must be a number from 0 to"):
            objective.weighed({**known, "tv": number})


def test_an_objective_for_hosts_is_balanced_at_the_initial_canvas(engine, asked, scene):
    given = {**WEIGHTS, "size": SHAPE[::-1], "init": "noise", "seed": 3}
    pictures = scene(*SHAPE), scene(40, 36, 1)
    plain, even = (
        engine.objective(*pictures, asked(**given, balance_gradients=value))
        for value in (False, True)
    )
    start = engine.stylize(*pictures, asked(**given, iterations=0)).canvas
    assert even.coefficients == plain.balanced(start).coefficients != plain.coefficients


@pytest.fixture
def files(tmp_path, scene):
    paths = tmp_path / "photo.png", tmp_path / "paint.png"
    for seed, (path, shape) in enumerate(zip(paths, [(40, 48), (50, 30)], strict=True)):
        write_picture(path, scene(*shape, seed))
    return paths


LEVELS = {"size": 32, "levels": 2, "iterations": (4, 12), "balance_gradients": True}


def test_each_level_measures_where_it_starts_and_counts_it(engine, asked, files, monkeypatch):
    starts = []
    method = Objective.balanced

    def noted(self, canvas, stop=None):
        starts.append(canvas.copy())
        return method(self, canvas, stop)

    monkeypatch.setattr(Objective, "balanced", noted)
    result = engine.stylize(*files, asked(**LEVELS))
    assert [start.shape for start in starts] == [(13, 16, 3), (27, 32, 3)]
    plain = engine.stylize(*files, asked(**{**LEVELS, "balance_gradients": False}))
    for level, other in zip(result.levels, plain.levels, strict=True):
        assert level.iterations == other.iterations
        assert level.evaluations >= level.iterations + 3
    plan = engine.plan(*files, asked(**LEVELS))
    assert [level.measured for level in plan.levels] == [3, 3]


def test_time_is_shared_out_with_what_finer_levels_measure(engine, asked, files, monkeypatch):
    shared = []
    monkeypatch.setattr(Pace, "begin_level", lambda self, costs: shared.append(costs))
    engine.stylize(*files, asked(**LEVELS))
    assert shared == [[4 * 13 * 16, (12 + 3) * 27 * 32], [12 * 27 * 32]]


@pytest.mark.parametrize(("level", "iteration"), [(1, 2), (2, 1), (2, 9)])
def test_a_work_that_goes_on_has_the_same_function(
    engine, asked, files, tmp_path, monkeypatch, level, iteration
):
    """Not measured where it goes on: saved, and taken up to the last bit."""
    found = []
    weighed = Objective.weighed

    def noted(self, coefficients):
        found.append(dict(coefficients))
        return weighed(self, coefficients)

    options, kept = asked(**LEVELS), tmp_path / "kept"
    engine.stylize(
        *files,
        options,
        checkpoint=Checkpoint(kept, every=0),
        progress=lambda told: (told.level, told.iteration) < (level, iteration),
    )
    standing = read_standing(kept)
    assert (standing.level, standing.iteration) == (level, iteration)
    monkeypatch.setattr(Objective, "weighed", noted)
    engine.stylize(*files, options)
    coefficients = [one for one in found if min(one[name] for name in STYLE_TERMS) > 0]
    assert standing.balance == coefficients[level - 1]
    found.clear()
    result = engine.resume(kept)
    assert found[0] == standing.balance
    assert result.stopped == "iterations"
    last = found[-1]
    final = weighed(engine.objective(*files, options), last)
    assert final.evaluate(result.canvas)[0] == result.loss


@pytest.mark.parametrize(
    "saved", [{"tv": 1.0}, {"tv": -1.0}, {"tv": float("inf")}, {"tv": "1"}, ["tv"], 1.0], ids=str
)
def test_saved_coefficients_that_make_no_sense_are_refused(engine, asked, files, tmp_path, saved):
    kept = tmp_path / "kept"
    stopping = {"progress": lambda told: (told.level, told.iteration) < (2, 3)}
    engine.stylize(*files, asked(**LEVELS), checkpoint=Checkpoint(kept, every=0), **stopping)
    header, arrays = read_arrays(kept / "work.impasto")
    header["standing"]["balance"] = saved
    write_arrays(kept / "work.impasto", header, arrays)
    with pytest.raises(ResumeError):
        engine.resume(kept)
