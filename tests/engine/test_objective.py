import numpy as np
import pytest

from impasto.engine.errors import ImageTooSmall, LimitError, OptionsError, StyleError
from impasto.engine.formulas import Extent, coefficients
from impasto.engine.limits import Limits
from impasto.engine.pixels import to_canvas, to_image
from impasto.engine.programs import Selection
from impasto.export.program import content_graph, objective_graph, style_graph

SHAPE = (20, 24)
KINDS = [
    {},
    {"objective": "gatys"},
    {"pool": "average"},
    {"border": "zeros"},
    {"tv_weight": 2.0},
    {"style_layers": {}},
    {"content_weight": 0.0},
    {"content_layers": {}},
]


@pytest.fixture(params=KINDS, ids=str)
def options(request, asked):
    return asked(**request.param)


@pytest.fixture
def pictures(scene):
    return scene(*SHAPE), scene(30, 18, 1), scene(*SHAPE, 2)


def in_float64(engine, toy, options, pictures, run_reference):
    """Loss and gradient by onnx's reference evaluator in float64, from the pictures on."""
    content, style, canvas = (to_image(picture).astype(np.float64) for picture in pictures)
    selection = Selection.of(options, engine._programs.strides)
    feeds = {}
    if selection.content_layers:
        feeds |= run_reference(content_graph(toy, selection), {"image": content}, toy.weights)
    if selection.style_layers:
        feeds |= run_reference(style_graph(toy, selection), {"image": style}, toy.weights)
    features = {name: feeds[f"content.{name}"] for name in selection.content_layers}
    grams = {name: feeds[f"style.{name}"] for name in selection.style_layers}
    extents = {
        name: Extent(float(np.sum(target**2)), target.shape[1], target[0, 0].size)
        for name, target in features.items()
    }
    factors = coefficients(options, extents, grams, canvas[0, 0].size)
    feeds |= {"image": canvas, "coefficients": np.float32(list(factors.values()))}
    results = run_reference(objective_graph(toy, selection), feeds, toy.weights)
    return float(results["terms"].sum()), to_canvas(results["gradient"])


def test_loss_and_gradient_are_those_of_float64(engine, toy, options, pictures, run_reference):
    content, style, canvas = pictures
    # 24 x 20 canvas, 30 x 18 style: a scale of 30/24 leaves the style's pixels alone.
    options = type(options)(**{**vars(options), "style_scale": 30 / 24})
    loss, gradient = engine.objective(content, style, options).evaluate(canvas)
    expected, expected_gradient = in_float64(engine, toy, options, pictures, run_reference)
    assert loss == pytest.approx(expected, rel=1e-5)
    error = np.linalg.norm(gradient - expected_gradient) / np.linalg.norm(expected_gradient)
    assert error < 1e-4  # of float32; design: 0.6e-4 to 1e-3 on real networks


def test_gradient_is_the_slope_of_the_loss(engine, options, pictures):
    """Central differences along random directions, on a canvas of noise.

    Noise has few near ties under a maximum, so that few kinks are crossed. The step of 3e-4 makes
    of the rounding of a float32 loss, 1e-7 of it, one of 2e-4 of it in the quotient.
    """
    content, style, _ = pictures
    random = np.random.default_rng(0)
    canvas = random.random((*SHAPE, 3), np.float32)
    objective = engine.objective(content, style, options)
    loss, gradient = objective.evaluate(canvas)
    for _ in range(3):
        direction = (gradient / np.linalg.norm(gradient)).astype(np.float64)
        direction += random.standard_normal(gradient.shape) / np.sqrt(gradient.size)
        above, below = (objective.evaluate(canvas + step * direction)[0] for step in (3e-4, -3e-4))
        expected = float(np.sum(gradient.astype(np.float64) * direction))
        assert (above - below) / 6e-4 == pytest.approx(expected, rel=5e-3, abs=4e-4 * loss)


def test_terms_sum_to_the_loss_and_carry_their_names(engine, options, pictures):
    content, style, canvas = pictures
    objective = engine.objective(content, style, options)
    evaluation = objective.measure(canvas)
    assert sum(evaluation.terms.values()) == evaluation.loss
    assert objective.terms(canvas) == evaluation.terms
    expected = [f"content.{name}" for name in options.content_layers]
    expected += [f"style.{name}" for name in options.style_layers]
    assert list(evaluation.terms) == [*expected, "tv"]


def test_total_variation_is_the_mean_of_squared_differences(engine, asked, scene):
    canvas = scene(*SHAPE, 2)
    options = asked(tv_weight=3.0)
    terms = engine.objective(scene(*SHAPE), scene(20, 20), options).terms(canvas)
    squares = sum(np.sum(np.diff(canvas.astype(np.float64), axis=axis) ** 2) for axis in (0, 1))
    assert terms["tv"] == pytest.approx(3 * squares / (SHAPE[0] * SHAPE[1]), rel=1e-5)


def test_the_content_picture_has_no_content_loss(engine, asked, scene):
    content = scene(*SHAPE)
    terms = engine.objective(content, scene(20, 20, 1), asked()).terms(content)
    # The programs of target and objective round differently: 1e-7 of each feature, squared.
    assert terms["content.relu3_1"] < 1e-12


def test_the_style_picture_has_no_style_loss(engine, asked, scene):
    content = scene(*SHAPE)
    terms = engine.objective(scene(*SHAPE, 1), content, asked()).terms(content)
    assert max(terms[name] for name in terms if name.startswith("style.")) < 1e-10


def test_several_styles_pull_like_the_mean_of_each(engine, asked, scene):
    """Of the paper's formula, whose coefficients do not depend on the target."""
    options = asked(objective="gatys")
    content, canvas = scene(*SHAPE), scene(*SHAPE, 5)
    styles = [scene(24, 24, seed) for seed in (1, 2, 3)]
    _, together = engine.objective(content, styles, options).evaluate(canvas)
    alone = [engine.objective(content, style, options).evaluate(canvas)[1] for style in styles]
    mean = np.mean(alone, axis=0)
    assert np.linalg.norm(together - mean) < 1e-5 * np.linalg.norm(mean)


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((24, 20, 3)),
        np.zeros((20, 24)),
        np.zeros((20, 24, 4)),
        np.zeros((1, 3, 20, 24)),
        np.zeros(()),
        [],
        None,
    ],
    ids=lambda value: str(np.shape(value)),
)
def test_a_canvas_of_another_shape_is_refused(engine, asked, scene, wrong):
    objective = engine.objective(scene(*SHAPE), scene(20, 20), asked())
    for method in (objective.evaluate, objective.terms):
        with pytest.raises(OptionsError, match=r"must have the shape \(20, 24, 3\)"):
            method(wrong)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf, None, "a", 1j, True, 1])
def test_a_canvas_that_is_not_of_finite_floats_is_refused(engine, asked, scene, wrong):
    objective = engine.objective(scene(*SHAPE), scene(20, 20), asked())
    canvas = np.full((*SHAPE, 3), wrong)
    if isinstance(wrong, float):  # at one place alone, which a ReLU would make a number of
        canvas = scene(*SHAPE)
        canvas[7, 3, 1] = wrong
    for method in (objective.evaluate, objective.terms, objective.balanced):
        with pytest.raises(OptionsError, match="the canvas must be of finite floats"):
            method(canvas)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_canvas_is_never_modified(engine, asked, scene, dtype):
    canvas = scene(*SHAPE, 3).astype(dtype)
    before = canvas.copy()
    objective = engine.objective(scene(*SHAPE), scene(20, 20), asked())
    canvas.flags.writeable = False
    _, gradient = objective.evaluate(canvas)
    assert np.array_equal(canvas, before)
    assert (gradient.shape, gradient.dtype) == ((*SHAPE, 3), np.float32)


def test_memory_layout_of_the_canvas_does_not_matter(engine, asked, scene):
    objective = engine.objective(scene(*SHAPE), scene(20, 20), asked())
    canvas = scene(*SHAPE, 3)
    planes = np.ascontiguousarray(canvas.transpose(2, 0, 1)).transpose(1, 2, 0)
    for other in (np.asfortranarray(canvas), planes, canvas[::-1][::-1]):
        assert objective.evaluate(other)[0] == objective.evaluate(canvas)[0]


def test_an_objective_refuses_what_stylize_refuses(engine, toy_file, asked, scene):
    content, style = scene(*SHAPE), scene(20, 20)
    with pytest.raises(ImageTooSmall, match="smallest size is 5, not 4"):
        engine.objective(content, style, asked(size=4, content_layers={"relu3_1": 1.0}))
    with pytest.raises(OptionsError, match="levels must be at most"):
        engine.objective(content, style, asked(levels=9))
    with pytest.raises(OptionsError, match="at least one style"):
        engine.objective(content, [], asked())
    with pytest.raises(OptionsError, match="no layer 'relu9_9'; it has relu1_1"):
        engine.objective(content, style, asked(style_layers={"relu9_9": 1.0}))
    small = type(engine)(toy_file, threads=1, limits=Limits(output_side=20))
    for work in (small.objective, small.stylize):
        with pytest.raises(LimitError, match="size is 24, but the limit of output_side is 20"):
            work(content, style, asked())


def test_a_side_without_a_neighbour_has_no_mirror_image(engine, asked, scene):
    layers = {"content_layers": {"relu1_2": 1.0}, "style_layers": {"relu1_1": 1.0}}
    options = asked(size=20, border="reflect", **layers)
    with pytest.raises(ImageTooSmall, match=r"needs 2 pixels on each side.* size is 27, not 20"):
        engine.objective(scene(2, 36), scene(20, 20), options)
    least = engine.objective(
        scene(2, 36), scene(20, 20), asked(**layers, size=27, border="reflect")
    )
    assert least.shape == (2, 27)
    assert engine.objective(scene(2, 36), scene(20, 20), asked(**layers, size=20)).shape == (1, 20)


@pytest.mark.parametrize("shape", [(1, 1), (1, 24), (24, 1), (2, 3)])
def test_the_smallest_canvases_have_gradients(engine, asked, shape):
    options = asked(
        size=max(shape),
        content_layers={"relu1_2": 1.0},
        style_layers={"relu1_1": 1.0},
        tv_weight=1.0,
    )
    picture = np.full((*shape, 3), 0.3, np.float32)
    try:
        loss, gradient = engine.objective(picture, picture, options).evaluate(picture + 0.1)
    except StyleError as error:
        pytest.fail(f"refused: {error}")
    assert np.isfinite(loss)
    assert np.isfinite(gradient).all()
    assert gradient.any()
