"""An objective tile by tile against the whole canvas: both in float32, measured by float64."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from impasto.engine.blending import style_sides
from impasto.engine.engine import Engine
from impasto.engine.errors import OptionsError
from impasto.engine.formulas import Extent, coefficients
from impasto.engine.images import resize
from impasto.engine.pixels import to_canvas, to_image
from impasto.engine.programs import Selection
from impasto.engine.roots import roots_of
from impasto.engine.stop import Stop, Stopped
from impasto.engine.targets import style_size
from impasto.engine.tiles import Tiling, halo_of, side_of
from impasto.export.program import content_graph, objective_graph, style_graph

SHAPE = (90, 75)  # no multiple of any stride
LAYERS = {
    "content_layers": {"relu1_2": 1.0, "relu4_1": 2.0},
    "style_layers": {"relu1_1": 1.0, "relu2_1": 1.0, "relu4_1": 2.0},
    "tv_weight": 0.5,
}
KINDS = [
    {"objective": "gatys"},
    {"pool": "average"},
    {"border": "zeros"},
    {"border": "reflect"},
    {"tv_weight": 0.0},
    {"tv_loss": "absolute"},
    {"style_loss": "moments"},
    {"style_loss": "wasserstein"},
    {"style_layers": {}},
    {"content_layers": {}},
    {"content_weight": 0.0},
    {"content_layers": {"relu4_1": 1.0}},
    {"content_layers": {"pool1": 1.0}, "style_layers": {"pool4": 1.0}},
    {"content_layers": {"relu3_1": 1.0}, "style_layers": {"relu1_1": 1.0, "pool2": 1.0}},
]
# (height, width) of style pictures, and the scale at which they are looked at.
STYLES = {
    "larger": ([(150, 120)], 1.6),
    "smaller than a tile": ([(150, 120)], 0.3),
    "of other orientation": ([(60, 170)], 1.0),
    "very thin": ([(12, 200)], 1.5),
    "several": ([(90, 70), (40, 100), (64, 64)], 1.0),
}


@pytest.fixture(scope="module", params=["direct", "winograd"])
def lowered(request, toy_file):
    """An engine with each lowering."""
    return Engine(toy_file, threads=1, device="cpu", lowering=request.param)


@pytest.fixture(scope="module")
def strides(engine):
    return engine._programs.strides


@pytest.fixture(scope="module")
def tiling(strides):
    """`tiling(joint, counts)`: of canvases of SHAPE."""

    def make(joint, counts=(3, 2), half=False):
        halo, unit = halo_of(strides, [joint])
        sizes = (side_of(*of, halo, unit) for of in zip(SHAPE, counts, strict=True))
        height, width = (max(size, 2 * halo + 2 * unit) for size in sizes)
        made = Tiling(joint, height, width, halo, unit, half)
        assert made.counts(SHAPE) == counts
        return made

    return make


@pytest.fixture(scope="module")
def pictures(scene):
    """Content, one style, and a canvas unlike both."""
    return scene(*SHAPE), [scene(110, 80, 1)], scene(*SHAPE, 2)


@pytest.fixture(scope="module")
def exactly(toy, strides, run_reference):
    """`exactly(options, pictures, rounded=())`: loss and gradient of the whole canvas in float64.

    The features of layers in `rounded` are in half precision when the canvas is compared.
    """

    def make(options, pictures, rounded=()):
        content, styles, canvas = pictures
        selection = Selection.of(options, strides)
        feeds, factors = {}, {}
        if selection.content_layers:
            graph = content_graph(toy, selection)
            feeds |= run_reference(graph, {"image": to_image(content)}, toy.weights)
            for layer in rounded:
                half = feeds[f"content.{layer}"].astype(np.float32).astype(np.float16)
                feeds[f"content.{layer}"] = half.astype(np.float64)
        extents = {
            name.partition(".")[2]: Extent(np.sum(value**2), value.shape[1], value[0, 0].size)
            for name, value in feeds.items()
        }
        grams = {}
        if selection.style_layers:
            graph, side = style_graph(toy, selection), style_sides(options, SHAPE, 1)[0]
            smallest = max(strides[name] for name in (*extents, *selection.style_layers))
            scaled = [resize(style, *style_size(style, side, smallest)) for style in styles]
            several = [
                run_reference(graph, {"image": to_image(style)}, toy.weights) for style in scaled
            ]
            for name in several[0]:
                grams[name.partition(".")[2]] = np.mean([found[name] for found in several], axis=0)
        feeds |= {f"style.{name}": gram for name, gram in grams.items()}
        if selection.style_loss == "wasserstein":
            for layer in selection.style_layers:
                feeds[f"root.{layer}"] = roots_of(grams[layer], grams[f"{layer}.mean"])
        factors = coefficients(options, extents, grams, canvas[:, :, 0].size)
        feeds |= {"image": to_image(canvas), "coefficients": list(factors.values())}
        found = run_reference(objective_graph(toy, selection), feeds, toy.weights)
        return dict(zip(factors, found["terms"], strict=True)), to_canvas(found["gradient"])

    return make


def distance(found, exact):
    assert found.shape == exact.shape
    return np.linalg.norm(found.astype(np.float64) - exact) / np.linalg.norm(exact)


def assert_as_good_as_the_whole(engine, options, pictures, tiling, exact):
    """Rounding is another in tiles, but not more of it."""
    content, styles, canvas = pictures
    whole, tiled = (
        engine.objective_at(content, styles, options, Stop(), how).measure(canvas)
        for how in (None, tiling)
    )
    terms, gradient = exact
    assert list(tiled.terms) == list(whole.terms) == list(terms)
    assert tiled.loss == sum(tiled.terms.values())
    # Of a matrix with numbers up to 1, float32 leaves 1e-7, and of the roots of its smallest
    # eigenvalues, 1e-6, 5e-5; and the term is a difference of traces ten times as large.
    accuracy = 1e-3 if options.style_loss == "wasserstein" else 1e-5
    assert tiled.loss == pytest.approx(whole.loss, rel=accuracy)
    for name, term in terms.items():
        assert tiled.terms[name] == pytest.approx(term, rel=accuracy)
    assert (tiled.gradient.dtype, tiled.gradient.shape) == (np.float32, whole.gradient.shape)
    noise = distance(whole.gradient, gradient)
    assert noise < 1e-4
    assert distance(tiled.gradient, gradient) <= max(3 * noise, 1e-5)


@pytest.mark.parametrize("counts", [(1, 1), (1, 2), (2, 1), (2, 2), (3, 2)], ids=str)
@pytest.mark.parametrize("joint", ["pool1", "pool2", "pool3"])
def test_tiles_are_as_good_as_the_whole(joint, counts, lowered, asked, tiling, pictures, exactly):
    options = asked(**LAYERS)
    exact = exactly(options, pictures)
    assert_as_good_as_the_whole(lowered, options, pictures, tiling(joint, counts), exact)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_every_kind_of_options_may_be_tiled(kind, lowered, asked, tiling, pictures, exactly):
    options = asked(**{**LAYERS, **kind})
    exact = exactly(options, pictures)
    assert_as_good_as_the_whole(lowered, options, pictures, tiling("pool2"), exact)


@pytest.mark.parametrize("joint, counts", [("relu3_1", (3, 2)), ("pool3", (2, 2))], ids=str)
def test_everything_may_be_tiled(joint, counts, lowered, asked, tiling, pictures, exactly):
    options = asked(tv_weight=0.5)  # of the usual layers relu3_1 is the deepest
    exact = exactly(options, pictures)
    assert_as_good_as_the_whole(lowered, options, pictures, tiling(joint, counts), exact)


@pytest.mark.parametrize("joint", ["relu1_2", "relu2_1"])
def test_a_joint_may_be_any_layer(joint, lowered, asked, tiling, pictures, exactly):
    options = asked(**LAYERS)
    exact = exactly(options, pictures)
    assert_as_good_as_the_whole(lowered, options, pictures, tiling(joint), exact)


@pytest.mark.parametrize("shapes, scale", STYLES.values(), ids=STYLES)
def test_styles_are_tiled_whatever_their_size(
    shapes, scale, lowered, asked, tiling, scene, pictures, exactly
):
    content, _, canvas = pictures
    styles = [scene(*shape, 10 + seed) for seed, shape in enumerate(shapes)]
    options, pictures = asked(**LAYERS, style_scale=scale), (content, styles, canvas)
    exact = exactly(options, pictures)
    assert_as_good_as_the_whole(lowered, options, pictures, tiling("pool2"), exact)


@pytest.mark.parametrize("side", [48, 60, 100])
def test_a_tile_is_any_that_is_not_all_halo(side, engine, asked, strides, pictures, exactly):
    options = asked(**LAYERS)
    tiling = Tiling("pool3", side, side + 5, *halo_of(strides, ["pool3"]))
    assert_as_good_as_the_whole(engine, options, pictures, tiling, exactly(options, pictures))


@pytest.mark.parametrize("joint", ["pool1", "pool2"])
def test_half_precision_of_targets_is_that_of_their_features(
    joint, lowered, asked, tiling, pictures, exactly
):
    """The same as to compare with targets that are off by 2^-11 of themselves, of the front alone.

    Float32 and float64 round one in some thousands to another neighbour, 2^-10 away: a share of
    1e-5 of the target, of which the gradient sees as much as it is larger than F - T.
    """
    options = asked(**LAYERS)
    content, styles, canvas = pictures
    made = lowered.objective_at(content, styles, options, Stop(), tiling(joint, half=True))
    found = made.measure(canvas)
    terms, gradient = exactly(options, pictures, rounded=["relu1_2"])
    assert distance(found.gradient, gradient) <= 1e-4
    assert found.loss == pytest.approx(sum(terms.values()), rel=1e-5)
    # |‖F - T'‖ - ‖F - T‖| <= ‖T' - T‖ <= 2^-11 ‖T‖, and the factor is a weight by ‖T‖²
    exact, _ = exactly(options, pictures)
    roots = (np.sqrt(one["content.relu1_2"]) for one in (found.terms, exact))
    weight = options.content_weight * options.content_layers["relu1_2"]
    assert abs(np.subtract(*roots)) <= 2.0**-11 * np.sqrt(weight)


def test_content_itself_has_no_more_loss_than_half_precision_leaves(
    engine, asked, tiling, pictures
):
    """1e-7 of the target's own size, of which the coefficient makes the weight."""
    options = asked(**LAYERS)
    content, styles, _ = pictures
    for half, floor in ((False, 1e-12), (True, 2.0**-22)):
        how = tiling("pool2", half=half)
        terms = engine.objective_at(content, styles, options, Stop(), how).terms(content)
        assert terms["content.relu1_2"] <= floor
        assert terms["content.relu4_1"] <= 1e-12


class StopsAt(Stop):
    """Requested when it is asked for the n-th time, as it is before a program runs or opens."""

    def __init__(self, number=None):
        super().__init__()
        self.runs, self._number = 0, number

    def check(self):
        self.runs += 1
        if self.runs == self._number:
            self.request("time")
        super().check()


def test_a_stop_ends_the_evaluation_before_any_tile(lowered, asked, tiling, pictures):
    content, styles, canvas = pictures
    how = tiling("pool2", (2, 2))
    objective = lowered.objective_at(content, styles, asked(**LAYERS), Stop(), how)
    expected = objective.measure(canvas)  # its programs stay open from now on
    counting = StopsAt()
    objective.measure(canvas, counting)
    assert counting.runs == 4 + 1 + 4
    for number in range(1, 10):
        stop = StopsAt(number)
        with pytest.raises(Stopped, match="time"):
            objective.measure(canvas, stop)
        assert stop.runs == number
    again = objective.measure(canvas)
    assert again.loss == expected.loss
    np.testing.assert_array_equal(again.gradient, expected.gradient)


def test_a_stop_ends_the_targets_before_any_tile(toy_file, asked, tiling, scene, pictures):
    content, _, _ = pictures
    engine, how = Engine(toy_file, threads=1, device="cpu"), tiling("pool2", (2, 2))

    def look(number, stop):
        """At a style that the engine does not know yet."""
        engine.objective_at(content, [scene(110, 80, 10 + number)], asked(**LAYERS), stop, how)

    look(0, Stop())  # its programs are kept from now on
    counting = StopsAt()
    look(1, counting)
    assert counting.runs >= 4 + 4 + 1 + 4 + 1
    for number in range(1, counting.runs + 1):
        with pytest.raises(Stopped, match="time"):
            look(1 + number, StopsAt(number))


def test_eight_threads_get_what_one_gets(lowered, asked, tiling, scene, pictures):
    """Of one objective, and of one each: the sessions are shared."""
    content, styles, _ = pictures
    options, how = asked(**LAYERS), tiling("pool2", (2, 2))
    canvases = [scene(*SHAPE, seed) for seed in range(8)]
    objective = lowered.objective_at(content, styles, options, Stop(), how)
    expected = [objective.measure(canvas) for canvas in canvases]

    def own(canvas):
        return lowered.objective_at(content, styles, options, Stop(), how).measure(canvas)

    with ThreadPoolExecutor(8) as pool:
        for work in (objective.measure, own):
            for found, alone in zip(pool.map(work, canvases), expected, strict=True):
                assert found.terms == alone.terms
                np.testing.assert_array_equal(found.gradient, alone.gradient)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_canvas_is_never_modified(engine, asked, tiling, pictures, dtype):
    content, styles, canvas = pictures
    canvas = canvas.astype(dtype)
    before = canvas.copy()
    canvas.flags.writeable = False
    objective = engine.objective_at(content, styles, asked(**LAYERS), Stop(), tiling("pool2"))
    assert objective.measure(canvas).gradient.dtype == np.float32
    np.testing.assert_array_equal(canvas, before)


@pytest.mark.parametrize("shape", [(75, 90, 3), (90, 75), (90, 76, 3)])
def test_a_canvas_of_another_shape_is_refused(engine, asked, tiling, pictures, shape):
    content, styles, _ = pictures
    objective = engine.objective_at(content, styles, asked(**LAYERS), Stop(), tiling("pool2"))
    assert objective.shape == SHAPE
    with pytest.raises(OptionsError, match=r"must have the shape \(90, 75, 3\)"):
        objective.measure(np.zeros(shape, np.float32))
