"""Regions that have a style of their own, and regions that stay."""

import io
import tracemalloc

import numpy as np
import pytest
from PIL import Image

from impasto.engine import masks
from impasto.engine.engine import Engine
from impasto.engine.errors import ImageNotFound, IncompatibleModel, OptionsError
from impasto.engine.guides import guide_at
from impasto.engine.images import encode_picture, read_picture
from impasto.engine.limits import Limits
from impasto.engine.masks import read_regions
from impasto.engine.options import Options
from impasto.engine.pixels import Picture
from impasto.engine.regions import Sight
from impasto.engine.settings import Checkpoint
from impasto.engine.stop import Stop
from impasto.engine.tiles import Tiling, halo_of

SHAPE = (44, 52)
LOSSES = ["gram", "moments", "wasserstein"]


@pytest.fixture(scope="module", params=["direct", "winograd"])
def lowered(request, toy_file):
    return Engine(toy_file, threads=1, device="cpu", lowering=request.param)


@pytest.fixture
def drawn(tmp_path):
    """`drawn(name, values)`: the path of that mask, 0..1."""

    def draw(name, values):
        path = tmp_path / f"{name}.png"
        values = np.asarray(values, np.float32)
        rgb = values if values.ndim == 3 else np.repeat(values[..., None], 3, axis=2)
        path.write_bytes(encode_picture(rgb, None, "PNG"))
        return str(path)

    return draw


def left(height=SHAPE[0], width=SHAPE[1], share=0.5):
    mask = np.zeros((height, width), np.float32)
    mask[:, : round(width * share)] = 1
    return mask


def apart(one, other):
    return np.linalg.norm(one - other) / np.linalg.norm(other)


def test_guide_counts_each_position_by_its_part_of_the_mask():
    mask = np.zeros((5, 6), np.float32)
    mask[0, 0], mask[0:2, 2:4] = 1, 0.5
    squares = guide_at(mask, 2)[0, 0].astype(np.float64) ** 2
    assert squares.shape == (2, 3)
    np.testing.assert_allclose(squares, np.array([[0.25, 0.5, 0], [0, 0, 0]]) / 0.75, atol=1e-7)


@pytest.mark.parametrize("loss", LOSSES)
def test_region_that_is_everywhere_is_none(lowered, asked, scene, drawn, loss):
    pictures = scene(*SHAPE), scene(40, 40, 1)
    everywhere = drawn("all", np.ones(SHAPE))
    given = {"size": 52, "style_loss": loss}
    plain = lowered.objective(*pictures, asked(**given))
    masked = lowered.objective(*pictures, asked(**given, masks=[(everywhere, "")]))
    canvas = scene(*SHAPE, 2)
    (loss_, gradient), (expected, slope) = masked.evaluate(canvas), plain.evaluate(canvas)
    assert loss_ == pytest.approx(expected, rel=1e-4)
    assert apart(gradient, slope) < 1e-3


@pytest.mark.parametrize("loss", LOSSES)
def test_gradient_is_the_slope_of_the_loss(lowered, asked, scene, drawn, loss):
    """By differences along a direction, where both masks and the style's have soft edges."""
    ramp = np.linspace(0, 1, SHAPE[1], dtype=np.float32)[None].repeat(SHAPE[0], axis=0)
    masks = [(drawn("a", ramp), drawn("s", left(40, 40))), (drawn("b", 1 - ramp), "")]
    options = asked(size=52, masks=masks, style_loss=loss, style_weight=100.0)
    styles = [scene(40, 40, 1), scene(30, 40, 4)]
    objective = lowered.objective(scene(*SHAPE), styles, options)
    canvas, step = scene(*SHAPE, 2), 2e-3
    direction = objective.evaluate(canvas)[1].astype(np.float64)
    direction /= np.abs(direction).max()
    ends = [objective.evaluate((canvas + s * step * direction).astype(np.float32)) for s in (1, -1)]
    slope = (ends[0][0] - ends[1][0]) / (2 * step)
    middle = objective.evaluate(canvas)[1].astype(np.float64)
    assert slope == pytest.approx(float(np.sum(middle * direction)), rel=0.03)


def test_what_a_region_cannot_see_has_no_gradient_by_its_style(lowered, asked, scene, drawn):
    layers = {"content_layers": {}, "style_layers": {"relu1_1": 1.0, "relu2_1": 1.0}}
    options = asked(size=52, masks=[drawn("left", left())], **layers)
    objective = lowered.objective(scene(*SHAPE), scene(40, 40, 1), options)
    gradient = objective.evaluate(scene(*SHAPE, 2))[1]
    reach = halo_of(lowered._programs.strides, ["relu2_1"])[0]
    edge = SHAPE[1] // 2 + reach + 2
    assert np.abs(gradient[:, edge:]).max() == 0
    assert np.abs(gradient[:, : SHAPE[1] // 2 - 4]).min(axis=(0, 2)).max() > 0


def test_both_lowerings_see_the_same_regions(toy_file, asked, scene, drawn):
    masks = [(drawn("a", left()), drawn("s", left(40, 40, 0.3))), (drawn("b", 1 - left()), "")]
    options = asked(size=52, masks=masks, style_loss="moments")
    found = []
    for lowering in ("direct", "winograd"):
        engine = Engine(toy_file, threads=1, device="cpu", lowering=lowering)
        objective = engine.objective(scene(*SHAPE), [scene(40, 40, 1), scene(40, 30, 4)], options)
        found.append(objective.measure(scene(*SHAPE, 2)))
    for name, value in found[0].terms.items():
        assert found[1].terms[name] == pytest.approx(value, rel=1e-4)
    assert apart(found[1].gradient, found[0].gradient) < 1e-3


@pytest.mark.parametrize("joint", ["pool1", "relu3_1"])
@pytest.mark.parametrize("loss", LOSSES)
def test_tiles_are_the_whole(lowered, asked, scene, joint, loss):
    """Where something lies behind the joint, and where everything is tiled."""
    shape = (90, 75)
    options = asked(style_loss=loss, tv_weight=0.5)
    halo, unit = halo_of(lowered._programs.strides, [joint])
    tiling = Tiling(
        joint, 2 * halo + 16 + shape[0] % unit, 2 * halo + 16 + shape[1] % unit, halo, unit
    )
    sights = [
        Sight(left(*shape, 0.4), (0,), np.uint8(255 * left(60, 70))),
        Sight(np.linspace(0, 1, 75, dtype=np.float32)[None].repeat(90, axis=0), (1,)),
    ]
    pictures = scene(*shape), [scene(60, 70, 1), scene(50, 50, 4)]
    whole, tiled = (
        lowered.objective_at(*pictures, options, Stop(), how, None, sights)
        for how in (None, tiling)
    )
    canvas = scene(*shape, 2)
    one, other = whole.measure(canvas), tiled.measure(canvas)
    assert list(one.terms) == list(other.terms)
    for name, value in one.terms.items():
        assert other.terms[name] == pytest.approx(value, rel=1e-3, abs=1e-7)
    assert apart(other.gradient, one.gradient) < 2e-3


def test_what_is_kept_is_the_photograph_to_the_byte(engine, asked, scene, drawn):
    content = np.uint8(scene(*SHAPE) * 255)
    result = engine.stylize(content, scene(40, 40, 1), asked(size=52, keep=drawn("k", left())))
    made = read_picture(encode_picture(result.canvas, None, "PNG")).samples
    half = SHAPE[1] // 2
    np.testing.assert_array_equal(made[:, :half], content[:, :half])
    assert (made[:, half:] != content[:, half:]).any()


def test_a_soft_edge_of_what_is_kept_mixes_both(engine, asked, scene, drawn):
    pictures = scene(*SHAPE), scene(40, 40, 1)
    soft = engine.stylize(*pictures, asked(size=52, keep=drawn("half", np.full(SHAPE, 0.4))))
    share = round(0.4 * 255) / 255
    bare = asked(size=52, masks=[drawn("rest", np.full(SHAPE, 1 - share))])
    painted = engine.stylize(*pictures, bare).canvas
    np.testing.assert_allclose(soft.canvas, share * pictures[0] + (1 - share) * painted, atol=0.02)


def test_colours_are_the_regions_of_as_many_masks(engine, asked, scene, drawn):
    red, blue = (0.9, 0.1, 0.1), (0.1, 0.1, 0.9)

    def colored(mask):
        return mask[..., None] * np.array(red) + (1 - mask[..., None]) * np.array(blue)

    on_photo, on_style = left(share=0.25), left(40, 40, 0.5)
    pair = (drawn("c", colored(on_photo)), drawn("cs", colored(on_style)))
    apart_ = [
        (drawn("b", 1 - on_photo), drawn("bs", 1 - on_style)),  # the larger part is the first
        (drawn("a", on_photo), drawn("as", on_style)),
    ]
    pictures, canvas = (scene(*SHAPE), scene(40, 40, 1)), scene(*SHAPE, 2)
    losses = [
        engine.objective(*pictures, asked(size=52, masks=masks)).measure(canvas)
        for masks in ([pair], apart_)
    ]
    assert losses[0].terms == losses[1].terms
    np.testing.assert_array_equal(losses[0].gradient, losses[1].gradient)


@pytest.mark.parametrize(
    ("masks", "words"),
    [
        ([("black", "")], "is black"),
        ([("square", "")], "another shape"),
        ([("left", "wide")], "another shape"),
        ([("colored", "")], "needs another with the same colours"),
        ([("colored", "other")], "is not in"),
        ([("left", "colored square")], "where a grey one is needed"),
        ([("left", "")] * 3, "3 masks need one style picture"),
    ],
)
def test_masks_that_cannot_be_are_refused_in_a_sentence(engine, asked, scene, drawn, masks, words):
    red = np.array((0.9, 0.1, 0.1), np.float32)
    paths = {
        "": "",
        "black": drawn("black", np.zeros(SHAPE)),
        "left": drawn("left", left()),
        "square": drawn("square", np.ones((30, 30))),
        "wide": drawn("wide", np.ones((10, 40))),
        "colored": drawn("colored", left()[..., None] * red),
        "other": drawn("other", left(40, 40)[..., None] * red[::-1]),
        "colored square": drawn("cs", left(40, 40)[..., None] * red),
    }
    given = [(paths[mask], paths[on_style]) for mask, on_style in masks]
    styles = [scene(40, 40, 1)] * (2 if len(masks) == 3 else 1)
    with pytest.raises(OptionsError, match=words):
        engine.stylize(scene(*SHAPE), styles, asked(size=52, masks=given))


def test_a_photograph_is_no_segmentation_and_takes_little_to_be_told_so(drawn):
    noise = np.random.default_rng(0).random((600, 600, 3), np.float32)
    options = Options(masks=[(drawn("noise", noise), drawn("other", noise))])
    tracemalloc.start()
    with pytest.raises(OptionsError, match="more than 16 colours"):
        read_regions(options, (600, 600), [(600, 600)], Limits())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # As much as any mask of this size, which is what the plan counts.
    assert peak <= masks._reading_bytes(options.masks[0][0], Limits())


@pytest.mark.parametrize("remembered", [1 << 15, 100])
def test_colours_are_counted_and_assigned_as_by_hand(monkeypatch, remembered):
    """Eight colours that compression has spread, and hundreds that are edges between them."""
    monkeypatch.setattr(masks, "_REMEMBERED", remembered)
    monkeypatch.setattr(masks, "_MANY", 1 << 12)
    clean = np.array([[k // 4, k // 2 % 2, k % 2] for k in range(8)], np.uint8) * 200 + 20
    rows, columns = np.mgrid[:410, :492]
    stream = io.BytesIO()
    drawing = clean[rows // 205 * 4 + columns // 123]
    Image.fromarray(drawing).save(stream, "JPEG", quality=70, subsampling=0)
    samples = read_picture(stream.getvalue()).samples
    colours, counts = np.unique(samples.reshape(-1, 3), axis=0, return_counts=True)
    assert len(colours) > 200
    parts = masks._parts("x", Picture(samples))
    assert len(parts) == 8
    assert tuple(colours[counts.argmax()]) == next(iter(parts))
    palette = np.array(list(parts), int)
    nearest = np.square(samples[:, :, None].astype(int) - palette).sum(axis=3).argmin(axis=2)
    for number, part in enumerate(parts.values()):
        assert np.array_equal(part, np.where(nearest == number, 255, 0))
        assert np.abs(drawing[part > 0].mean(axis=0) - palette[number]).max() < 8


def test_masks_are_counted_to_the_end(engine, asked, scene, drawn):
    pictures = scene(*SHAPE), [scene(40, 40, 1)]
    masked = engine._drafts.of(*pictures, asked(size=52, masks=[drawn("a", left())])).work
    assert masked.kept_bytes == masked.regions.nbytes == left().size


def test_missing_masks_and_masks_without_photograph_are_refused(engine, asked, scene, drawn):
    with pytest.raises(ImageNotFound, match=r"mask 'none\.png'"):
        engine.stylize(scene(*SHAPE), scene(40, 40, 1), asked(keep="none.png"))
    with pytest.raises(OptionsError, match="need a photograph"):
        engine.texture(scene(40, 40), asked(init="noise", masks=[drawn("a", left())]))


def test_a_bundle_knows_no_regions(toy, tmp_path, asked, scene, drawn):
    from impasto.engine.programs import Selection
    from impasto.export.bundle import build_bundle

    options = asked()
    path = tmp_path / "toy.bundle"
    path.write_bytes(build_bundle(toy, "toy", Selection.of(options, toy.architecture.layers())))
    engine = Engine(bundle=path, trust=True, threads=1, device="cpu")
    with pytest.raises(IncompatibleModel, match="regions: 1"):
        engine.stylize(scene(*SHAPE), scene(40, 40, 1), asked(masks=[drawn("a", left())]))


def test_a_work_with_masks_goes_on_after_a_stop_and_notices_another_mask(
    engine, asked, scene, drawn, tmp_path
):
    from impasto.engine.errors import ResumeError

    paths = []
    for name, picture in (("photo", scene(*SHAPE)), ("style", scene(40, 40, 1))):
        paths.append(tmp_path / f"{name}.png")
        paths[-1].write_bytes(encode_picture(picture, None, "PNG"))
    options = asked(
        size=52,
        masks=[drawn("a", left())],
        keep=drawn("k", 1 - left()),
        iterations=6,
        optimizer="adam",
    )
    whole = engine.stylize(*paths, options)
    folder = tmp_path / "kept"
    engine.stylize(
        *paths,
        options,
        checkpoint=Checkpoint(folder, every=0),
        progress=lambda record: record.iteration < 3,
    )
    resumed = engine.resume(folder)
    assert resumed.loss == pytest.approx(whole.loss, rel=1e-4)
    engine.stylize(
        *paths,
        options,
        checkpoint=Checkpoint(tmp_path / "other", every=0),
        progress=lambda record: record.iteration < 3,
    )
    drawn("a", left(share=0.3))
    with pytest.raises(ResumeError, match="was changed"):
        engine.resume(tmp_path / "other")


@pytest.mark.parametrize("pair", [False, True])
def test_reading_masks_takes_no_more_than_is_told(drawn, pair):
    mask = left(1200, 1600)
    colored = np.stack([mask, 1 - mask, 0 * mask], axis=2)
    path = drawn("mask", colored if pair else mask)
    options = Options(size=96, masks=((path, path if pair else ""),))
    regions = read_regions(options, (1200, 1600), [(1200, 1600)], Limits())
    tracemalloc.start()
    read_regions(options, (1200, 1600), [(1200, 1600)], Limits())
    taken = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # What Pillow has of it is not traced.
    assert 0.25 * regions.reading_bytes < taken <= regions.reading_bytes
    assert regions.reading_bytes > regions.nbytes
