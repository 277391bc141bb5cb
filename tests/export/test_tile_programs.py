"""The programs of a network cut in two, put together by hand, against that of the whole canvas."""

from collections import defaultdict
from functools import partial
from itertools import pairwise

import numpy as np
import pytest

from impasto.engine.programs import Selection
from impasto.export.liveness import run_bytes
from impasto.export.lowering import convolution, direct, tiled
from impasto.export.lowering.bands import plan_bands
from impasto.export.program import (
    build_program,
    content_graph,
    objective_graph,
    pullback_graph,
    style_graph,
    sums_graph,
)

STRIDES = {"relu1_1": 1, "relu1_2": 1, "pool1": 2, "relu2_1": 2, "relu2_2": 2, "pool2": 4}
STRIDES |= {"relu3_1": 4, "pool3": 8, "relu4_1": 8, "pool4": 16}
ORDER = list(STRIDES)

# Counted by hand: 1 pixel for each convolution of the first block, 2 of the second and so on,
# rounded up to the stride.
HALOS = {
    "relu1_1": 1,
    "relu1_2": 2,
    "pool1": 2,
    "relu2_1": 4,
    "relu2_2": 6,
    "pool2": 8,
    "relu3_1": 12,
}
HALOS |= {"pool3": 16, "relu4_1": 24, "pool4": 32}

FRONT_AND_BEHIND = (("relu1_2", "relu4_1"), ("relu1_1", "relu2_1", "pool2", "relu4_1"))
CHOICES = {
    "both in front and behind": FRONT_AND_BEHIND,
    "content only": (("relu1_2", "pool1", "relu4_1"), ()),
    "style only": ((), ("relu1_1", "pool1", "relu4_1")),
    "content in front, style behind": (("relu1_1",), ("relu4_1",)),
    "style in front, content behind": (("relu4_1",), ("relu1_1", "relu1_2")),
    "nothing in front": (("relu4_1",), ("relu4_1",)),
    "nothing behind": (("relu1_2",), ("relu1_1", "pool1")),
}

both_poolings = pytest.mark.parametrize("pool", ["max", "average"])
both_lowerings = pytest.mark.parametrize("lower", [direct.lower, tiled.lower], ids=["any", "rows"])
every_choice = pytest.mark.parametrize("choice", CHOICES.values(), ids=CHOICES)


@pytest.fixture(autouse=True)
def cut_finely(monkeypatch):
    """Bands of one row of tiles each, and Winograd's filtering, in the lowering to rows."""
    monkeypatch.setattr(tiled, "plan_bands", partial(plan_bands, band_bytes=1000))
    monkeypatch.setattr(convolution, "_PRODUCT", 1e9)


def layers_of(selection):
    return [*selection.content_layers, *selection.style_layers]


def in_front(selection, layers):
    return [name for name in layers if ORDER.index(name) <= ORDER.index(selection.joint)]


def crops(shape, edges, halo):
    """Cores between the edges, and around each what the halo reaches of the picture."""
    spans = [
        [
            ((max(begin - halo, 0), min(end + halo, length)), (begin, end))
            for begin, end in pairwise([0, *inner, length])
        ]
        for length, inner in zip(shape, edges, strict=True)
    ]
    return [(down, across) for down in spans[0] for across in spans[1]]


class Pieces:
    """A tile's place in a layer of some stride: in the canvas's, and in its own."""

    def __init__(self, tile, stride):
        self.crop = tuple(slice(first // stride, last // stride) for (first, last), _ in tile)
        self.core = tuple(slice(begin // stride, end // stride) for _, (begin, end) in tile)
        self.inside = tuple(
            slice(core.start - crop.start, core.stop - crop.start)
            for core, crop in zip(self.core, self.crop, strict=True)
        )
        self.mask = np.zeros((1, 1, *(crop.stop - crop.start for crop in self.crop)))
        self.mask[(0, 0, *self.inside)] = 1


def whole(network, selection, feeds, run, lower=direct.lower):
    """Terms by name and the gradient, by the program of the whole canvas."""
    undivided = Selection(
        selection.content_layers, selection.style_layers, selection.pool, selection.border
    )
    names = [f"content.{layer}" for layer in selection.content_layers]
    names += [f"style.{layer}" for layer in selection.style_layers]
    given = feeds | {"coefficients": [feeds["coefficients"][name] for name in (*names, "tv")]}
    graph = objective_graph(network, undivided, given["image"].shape[2:])
    found = run(graph, given, network.weights, lower)
    return dict(zip([*names, "tv"], found["terms"], strict=True)), found["gradient"]


def piece_by_piece(network, selection, feeds, edges, run, lower):
    """The same, tile by tile up to the joint and at once from there on."""
    shape = feeds["image"].shape[2:]
    joint = selection.joint
    tiles = crops(shape, edges, HALOS[joint])
    content = in_front(selection, selection.content_layers)
    style = in_front(selection, selection.style_layers)
    behind = [name for name in selection.content_layers if name not in content]
    has_rest = len(content) + len(style) < len(layers_of(selection))
    sizes = {name: [side // STRIDES[name] for side in shape] for name in STRIDES}

    def run_one(make, given, size):
        graph = make(network, selection, tuple(size))
        assert set(graph.inputs) <= set(given), "a program asks for more than its docstring says"
        return run(graph, given, network.weights, lower)

    def masks(tile):
        return {f"core.{stride}": Pieces(tile, stride).mask for stride in (1, 2, 4, 8, 16)}

    sums, joined = defaultdict(float), None
    if style or has_rest:
        for tile in tiles:
            image = feeds["image"][(..., *Pieces(tile, 1).crop)]
            found = run_one(sums_graph, {"image": image, **masks(tile)}, image.shape[2:])
            for name in style:
                sums[name] += found[f"sum.{name}"]
            if has_rest:
                part, where = found["joined"], Pieces(tile, STRIDES[joint])
                joined = np.empty((1, part.shape[1], *sizes[joint])) if joined is None else joined
                joined[(..., *where.core)] = part[(..., *where.inside)]
    terms, by_joined, by_sums = {}, None, {}
    if style or has_rest:
        names = [f"content.{name}" for name in behind]
        names += [f"style.{name}" for name in selection.style_layers]
        given = {name: feeds[name] for name in names} | {"joined": joined}
        given["coefficients"] = [feeds["coefficients"][name] for name in names]
        positions = {name: np.prod(sizes[name]) for name in style}
        given |= {f"found.{name}": sums[name] / positions[name] for name in style}
        found = run_one(objective_graph, given, sizes[joint])
        terms = dict(zip(names, found["terms"], strict=True))
        by_sums = {name: found[f"gradient.{name}"] / positions[name] for name in style}
        by_joined = found.get("gradient")
        assert (by_joined is not None) == has_rest
    names = [f"content.{name}" for name in content]
    factors = [feeds["coefficients"][name] for name in names]
    factors.append(feeds["coefficients"]["tv"] / np.prod(shape))
    gradient, own = np.zeros(feeds["image"].shape), 0.0
    for tile in tiles:
        image = feeds["image"][(..., *Pieces(tile, 1).crop)]
        given = {"image": image, "coefficients": factors, **masks(tile)}
        given |= {f"gradient.{name}": value for name, value in by_sums.items()}
        for name in content:
            crop = Pieces(tile, STRIDES[name]).crop
            given[f"content.{name}"] = feeds[f"content.{name}"][(..., *crop)]
        if has_rest:
            where = Pieces(tile, STRIDES[joint])
            given["gradient.joined"] = by_joined[(..., *where.crop)] * where.mask
        found = run_one(pullback_graph, given, image.shape[2:])
        gradient[(..., *Pieces(tile, 1).crop)] += found["gradient"]
        own = own + found["terms"]
    return terms | dict(zip([*names, "tv"], own, strict=True)), gradient


@pytest.fixture
def given(toy, picture, run_reference):
    """`given(selection, shape)`: a canvas, and the targets and coefficients of each term."""

    def make(selection, shape):
        undivided = Selection(
            selection.content_layers, selection.style_layers, selection.pool, selection.border
        )
        feeds = {"image": picture(*shape)}
        for layers, graph, other in (
            (selection.content_layers, content_graph, picture(*shape, 1)),
            (selection.style_layers, style_graph, picture(37, 24, 2)),
        ):
            if layers:
                found = run_reference(graph(toy, undivided), {"image": other}, toy.weights)
                feeds |= found
        random = np.random.default_rng(3)
        names = [name for name in feeds if name != "image"]
        feeds["coefficients"] = {name: random.uniform(0.5, 2) for name in names}
        for name in names:  # each term is about as large as the others
            feeds["coefficients"][name] /= np.sum(feeds[name] ** 2)
        feeds["coefficients"]["tv"] = 0.7
        return feeds

    return make


def distance(found, exact):
    assert found.shape == exact.shape
    return np.linalg.norm(found - exact) / np.linalg.norm(exact)


@pytest.fixture
def assert_one_and_the_same(toy, given, run_reference):
    def check(selection, shape, edges, lower):
        feeds = given(selection, shape)
        terms, gradient = whole(toy, selection, feeds, run_reference)
        found, by_tiles = piece_by_piece(toy, selection, feeds, edges, run_reference, lower)
        assert found.keys() == terms.keys()
        for name, term in terms.items():
            assert term > 0
            assert found[name] == pytest.approx(term, rel=1e-12)
        assert distance(by_tiles, gradient) <= 1e-12

    return check


@both_lowerings
@pytest.mark.parametrize(
    "pool, border",
    [("max", "zeros"), ("max", "replicate"), ("average", "replicate"), ("max", "reflect")],
)
@pytest.mark.parametrize(
    "joint, shape, edges",
    [
        ("pool1", (32, 32), [(16,), (16,)]),
        ("pool1", (17, 23), [(6, 10), (8,)]),
        ("pool2", (48, 36), [(24,), (12,)]),
        ("pool2", (41, 51), [(20,), (24,)]),
        ("pool2", (35, 18), [(8, 12, 24), ()]),
        ("pool3", (64, 16), [(32,), ()]),
        ("pool3", (17, 71), [(), (40,)]),
    ],
    ids=str,
)
def test_loss_and_gradient_are_those_of_the_whole_canvas(
    joint, shape, edges, pool, border, lower, assert_one_and_the_same
):
    selection = Selection(*FRONT_AND_BEHIND, pool, border, joint)
    assert_one_and_the_same(selection, shape, edges, lower)


@both_poolings
def test_layer_behind_the_joint_that_is_made_again_changes_nothing(
    pool, assert_one_and_the_same, monkeypatch
):
    """The one that a Gram matrix needs for its gradient: not kept where it is large."""
    monkeypatch.setattr(tiled.layers, "_MADE_AGAIN_BEHIND_A_JOINT", 0)
    selection = Selection(*FRONT_AND_BEHIND, pool, "replicate", "pool3")
    assert_one_and_the_same(selection, (57, 44), [(24,), (16,)], tiled.lower)


def test_layer_behind_the_joint_that_is_made_again_is_not_kept(toy, monkeypatch):
    selection = Selection(("relu4_1",), ("relu4_1",), "max", "replicate", "pool3")
    graph = objective_graph(toy, selection, (256, 256))
    kept = run_bytes(tiled.lower(graph, filled=False))
    monkeypatch.setattr(tiled.layers, "_MADE_AGAIN_BEHIND_A_JOINT", 0)
    half_of_it = 4 * 8 * 256**2 / 2  # at another moment something else takes as much
    assert run_bytes(tiled.lower(graph, filled=False)) <= kept - half_of_it


@both_lowerings
@every_choice
def test_every_choice_of_layers_is_the_whole(choice, lower, assert_one_and_the_same):
    selection = Selection(*choice, "max", "replicate", "pool2")
    assert_one_and_the_same(selection, (41, 22), [(16,), (12,)], lower)


@both_lowerings
@pytest.mark.parametrize(
    "joint, content, style, shape, edges",
    [
        ("relu1_2", ("relu1_1",), ("relu1_2",), (13, 19), [(5, 6), (9,)]),
        ("relu2_1", ("relu2_1",), ("relu1_1", "pool1"), (22, 23), [(10,), (12,)]),
        ("relu3_1", ("relu3_1", "relu1_2"), ("relu2_1", "relu3_1"), (49, 22), [(24,), ()]),
        ("pool3", ("pool3",), ("pool3", "relu1_1"), (73, 20), [(24, 48), ()]),
        ("relu4_1", ("relu2_2",), ("relu1_1", "relu4_1"), (19, 93), [(), (40,)]),
        ("pool4", ("relu4_1",), ("pool4", "pool1"), (101, 17), [(48,), ()]),
        ("pool4", ("relu1_2",), ("relu2_1",), (69, 17), [(32,), ()]),
    ],
    ids=str,
)
def test_everything_may_be_tiled(
    joint, content, style, shape, edges, lower, assert_one_and_the_same
):
    selection = Selection(content, style, "max", "zeros", joint)
    assert_one_and_the_same(selection, shape, edges, lower)


@both_lowerings
@pytest.mark.parametrize("joint", ["relu1_1", "relu1_2", "relu2_1", "relu2_2", "relu3_1"])
def test_a_joint_may_be_any_layer(joint, lower, assert_one_and_the_same):
    selection = Selection(*FRONT_AND_BEHIND, "max", "zeros", joint)
    assert_one_and_the_same(selection, (45, 22), [(24,), (12,)], lower)


@both_lowerings
def test_one_tile_is_the_whole(lower, assert_one_and_the_same):
    selection = Selection(*FRONT_AND_BEHIND, "max", "replicate", "pool2")
    assert_one_and_the_same(selection, (31, 22), [(), ()], lower)


def test_too_small_a_halo_shows(toy, given, run_reference, monkeypatch):
    """So that the other laws see more than rounding: one unit less of halo is 1e-4 off and more."""
    selection = Selection(*FRONT_AND_BEHIND, "max", "zeros", "pool2")
    feeds = given(selection, (41, 30))
    _, gradient = whole(toy, selection, feeds, run_reference)
    monkeypatch.setitem(HALOS, "pool2", 4)
    *_, off = piece_by_piece(toy, selection, feeds, [(16,), (12,)], run_reference, direct.lower)
    assert distance(off, gradient) > 1e-4


def test_sums_are_products_of_the_cores_features(toy, picture, run_reference):
    selection = Selection(("relu4_1",), ("relu1_1", "pool1", "relu2_2"), "max", "zeros", "pool2")
    undivided = Selection((*selection.style_layers, "pool2"), (), "max", "zeros")
    image, random = picture(20, 29), np.random.default_rng(1)
    features = run_reference(content_graph(toy, undivided), {"image": image}, toy.weights)
    masks = {1: random.random((1, 1, 20, 29)), 2: random.random((1, 1, 10, 14))}
    feeds = {"image": image, **{f"core.{stride}": mask for stride, mask in masks.items()}}
    found = run_reference(sums_graph(toy, selection), feeds, toy.weights)
    for layer in selection.style_layers:
        kept = features[f"content.{layer}"][0] * masks[STRIDES[layer]][0]
        expected = np.einsum("ayx,byx->ab", kept, kept)
        np.testing.assert_allclose(found[f"sum.{layer}"], expected, rtol=1e-12)
    np.testing.assert_allclose(found["joined"], features["content.pool2"], rtol=1e-12)


def test_total_variation_of_a_core_is_that_of_its_pixels(toy, picture, run_reference):
    """A pair of neighbours belongs to the upper or the left one, also where the other is halo."""
    selection = Selection((), ("relu1_1",), "max", "zeros", "relu1_1")
    image = picture(7, 9)
    mask = np.zeros((1, 1, 7, 9))
    mask[..., 2:5, 3:9] = 1
    feeds = {"image": image, "core.1": mask, "gradient.relu1_1": np.zeros((4, 4))}
    graph = pullback_graph(toy, selection)
    found = run_reference(graph, feeds | {"coefficients": [3.0]}, toy.weights)
    expected, gradient = 0.0, np.zeros_like(image)
    for channel, i, j in np.ndindex(3, 7, 9):
        for y, x in ((i + 1, j), (i, j + 1)):
            if mask[0, 0, i, j] and y < 7 and x < 9:
                difference = image[0, channel, y, x] - image[0, channel, i, j]
                expected += 3 * difference**2
                gradient[0, channel, y, x] += 6 * difference
                gradient[0, channel, i, j] -= 6 * difference
    np.testing.assert_allclose(found["terms"], [expected], rtol=1e-12)
    np.testing.assert_allclose(found["gradient"], gradient, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("kind, make", [("content", content_graph), ("style", style_graph)])
@both_lowerings
@both_poolings
@pytest.mark.parametrize("joint", ["pool1", "pool2"])
def test_targets_behind_the_joint_are_those_of_the_picture(
    joint, pool, lower, kind, make, toy, picture, run_reference
):
    layers = ("relu1_2", "pool1", "relu3_1", "relu4_1")
    image, behind = picture(27, 34), layers[2:]
    undivided = Selection((*layers, joint), layers, pool, "replicate")
    features = run_reference(content_graph(toy, undivided), {"image": image}, toy.weights)
    expected = run_reference(make(toy, undivided), {"image": image}, toy.weights)
    joined = features[f"content.{joint}"]
    graph = make(toy, Selection(layers, layers, pool, "replicate", joint), joined.shape[2:])
    found = run_reference(graph, {"joined": joined}, toy.weights, lower)
    assert list(found) == [f"{kind}.{layer}" for layer in behind]
    for name, value in found.items():
        assert distance(value, expected[name]) <= 1e-12


@pytest.mark.parametrize("kind", ["sums", "pullback"])
def test_program_of_no_layer_is_an_error(kind, toy):
    with pytest.raises(ValueError, match="at least one layer"):
        build_program(kind, toy, Selection((), (), "max", "zeros", "pool2"))


@pytest.mark.parametrize("kind", ["content", "style", "objective", "sums", "pullback"])
def test_unknown_joint_is_an_error_that_lists_the_layers(kind, toy):
    with pytest.raises(ValueError, match="toy has no layer 'pool9'; it has relu1_1, relu1_2"):
        build_program(kind, toy, Selection(*FRONT_AND_BEHIND, "max", "zeros", "pool9"))
