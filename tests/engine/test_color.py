import dataclasses

import numpy as np
import pytest

from impasto.engine.color import grey, luma, luma_matched, matched, recolored, spread
from impasto.engine.errors import OptionsError
from impasto.engine.finishing import finished, kept, kept_bytes, prepared, prepared_bytes
from impasto.engine.images import read_header, read_picture, resize, write_picture
from impasto.engine.limits import Limits
from impasto.engine.options import Options
from impasto.engine.pixels import Picture
from impasto.engine.pyramid import Level
from impasto.engine.settings import Checkpoint
from impasto.engine.sources import gather

# The NTSC matrix as it is printed in FCC 47 CFR 73.682 and in every table of colour spaces.
YIQ = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
# Of rounding to eight bits, and of the three digits of the matrix.
STEP = 1 / 255
TAKEN = ("content", "luminance")


def soft(picture, share=0.25):
    """Nearer to middle grey, so that nothing is clipped."""
    return (0.5 + share * (picture - 0.5)).astype(np.float32)


def eight_bits(picture):
    return np.round(picture * 255).astype(np.uint8)


def flat(picture):
    return picture.reshape(-1, 3).astype(np.float64)


def seen(picture):
    """As the network would see it."""
    return resize(picture, *picture.shape[:2])


def test_spread_is_mean_and_covariance(scene):
    for samples in (scene(300, 170), eight_bits(scene(300, 170))):
        found, colors = spread(Picture(samples)), flat(Picture(samples).rgb)
        np.testing.assert_allclose(found.mean, colors.mean(axis=0), rtol=1e-6)
        expected = np.cov(colors, rowvar=False, bias=True)
        np.testing.assert_allclose(found.covariance, expected, atol=1e-8)


def test_a_grey_picture_spreads_along_grey_alone(scene):
    found = spread(Picture(scene(40, 30)[..., :1]))
    np.testing.assert_allclose(found.covariance, np.full((3, 3), found.covariance[0, 0]))


def test_a_matched_picture_has_the_mean_and_covariance_that_are_wanted(scene):
    photograph, style = soft(scene(90, 80)), soft(scene(200, 120, 1), 0.9)
    made = matched(Picture(style), spread(Picture(photograph)))
    assert made.samples.dtype == np.uint8
    expected, found = flat(photograph), flat(seen(made))
    np.testing.assert_allclose(found.mean(axis=0), expected.mean(axis=0), atol=1e-4)
    np.testing.assert_allclose(
        np.cov(found, rowvar=False), np.cov(expected, rowvar=False), rtol=0.01, atol=STEP**2
    )


def test_matching_is_the_map_of_symmetric_roots(scene):
    """By a singular value decomposition and by Newton's iteration, instead of eigenvectors."""

    def root(matrix):
        near, inverse = matrix, np.eye(3)  # Denman and Beavers 1976
        for _ in range(60):
            near, inverse = (
                (near + np.linalg.inv(inverse)) / 2,
                (inverse + np.linalg.inv(near)) / 2,
            )
        return near

    photograph, style = soft(scene(60, 50)), soft(scene(70, 40, 1), 0.9)
    own, wanted = (np.cov(flat(one), rowvar=False, bias=True) for one in (style, photograph))
    matrix = root(wanted) @ np.linalg.inv(root(own))
    means = flat(style).mean(axis=0), flat(photograph).mean(axis=0)
    expected = (flat(style) - means[0]) @ matrix.T + means[1]
    found = flat(seen(matched(Picture(style), spread(Picture(photograph)))))
    assert np.abs(found - expected).max() < 0.51 * STEP


def test_a_picture_matched_with_itself_stays(scene):
    samples = eight_bits(scene(40, 50))
    made = matched(Picture(samples), spread(Picture(samples)))
    np.testing.assert_array_equal(made.samples, samples)


@pytest.mark.parametrize("style", [(20, 30, 200), (0, 0, 0), (128, 128, 128)])
def test_a_flat_style_takes_the_mean_colour(scene, style):
    samples = np.broadcast_to(np.array(style, np.uint8), (9, 7, 3))
    photograph = scene(40, 50)
    expected = photograph.mean(axis=(0, 1)) * 255
    made = matched(Picture(samples), spread(Picture(photograph))).samples
    assert np.abs(made - expected).max() < 0.6
    made = luma_matched(Picture(samples), spread(Picture(photograph))).samples
    assert np.abs(made - expected @ YIQ[0]).max() < 0.6


def test_a_grey_style_is_given_no_noise_of_its_own(scene):
    lines = eight_bits(scene(60, 50)[..., :1])
    made = flat(seen(matched(Picture(lines), spread(Picture(soft(scene(40, 50, 1)))))))
    values = np.linalg.eigvalsh(np.cov(made, rowvar=False))
    assert values[2] > 1e-4 > 20 * values[1]  # colours on one line but for rounding


def test_luminance_is_matched_in_mean_and_deviation(scene):
    photograph, style = soft(scene(90, 80)), soft(scene(200, 120, 1), 0.9)
    made = luma_matched(Picture(style), spread(Picture(photograph)))
    assert made.samples.shape == (200, 120, 1)
    expected, found = flat(photograph) @ YIQ[0], seen(made)[..., 0].astype(float)
    assert found.mean() == pytest.approx(expected.mean(), abs=1e-4)
    assert found.std() == pytest.approx(expected.std(), rel=5e-3)


def test_grey_is_luminance(scene):
    picture = scene(30, 40)
    found = seen(grey(Picture(picture)))
    assert np.abs(found - (picture @ YIQ[0])[..., None]).max() < 0.51 * STEP
    again = grey(grey(Picture(picture)))
    np.testing.assert_array_equal(again.samples, grey(Picture(picture)).samples)


def test_recoloring_gives_the_luminance_of_one_and_the_chroma_of_the_other(scene):
    canvas, colors = soft(scene(30, 40), 0.4), soft(scene(30, 40, 1), 0.4)
    found = recolored(canvas, colors) @ YIQ.T
    assert np.abs(found[..., 0] - canvas @ YIQ[0]).max() < 1e-6
    # The matrix has three digits, so that its rows for I and Q see a little of grey.
    assert np.abs(found[..., 1:] - (colors @ YIQ.T)[..., 1:]).max() < 1e-6


def test_recoloring_keeps_luminance_and_hue_where_saturation_must_give_way(scene):
    canvas = np.random.default_rng(0).random((30, 40, 3), np.float32)
    colors = np.random.default_rng(1).integers(0, 2, (30, 40, 3)).astype(np.float32)
    found = recolored(canvas, colors)
    assert found.min() >= 0 and found.max() <= 1
    assert np.abs(luma(found) - canvas @ YIQ[0]).max() < 1e-6
    had, has = ((one - (one @ YIQ[0])[..., None]) for one in (colors, found))
    share = (had * has).sum(-1) / np.maximum((had * had).sum(-1), 1e-9)
    assert np.abs(has - share[..., None] * had).max() < 1e-5
    assert share.min() >= 0 and share.max() <= 1 + 1e-5
    # And no further than it must.
    less = share < 0.999
    edge = np.minimum(found.min(-1), 1 - found.max(-1))
    assert edge[less & (np.abs(had).max(-1) > 0.01)].max() < 1e-6


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_black_and_white_have_no_chroma(scene, value):
    canvas = np.full((8, 9, 3), value, np.float32)
    assert np.abs(recolored(canvas, scene(8, 9)) - canvas).max() < 1e-6


@pytest.mark.parametrize("bits", [np.uint8, np.uint16])
def test_what_is_kept_of_the_photograph_is_exact(bits):
    most = np.iinfo(bits).max
    samples = np.arange(most + 1, dtype=bits).repeat(3).reshape(-1, 16, 3)
    found = kept(Picture(samples).rgb).astype(np.int64)
    np.testing.assert_array_equal(found * most, samples.astype(np.int64) * 65535)


def test_strength_goes_straight_from_the_photograph_to_the_painting(scene):
    canvas, photograph = scene(30, 40), eight_bits(scene(30, 40, 1)) / np.float32(255)
    for strength in (0.0, 0.25, 0.7):
        found = finished(canvas, kept(photograph), Options(strength=strength))
        expected = photograph + strength * (canvas - photograph)
        assert np.abs(found - expected).max() < 1e-6


def test_strength_fades_to_the_recolored_painting(scene):
    canvas, photograph = scene(30, 40), eight_bits(scene(30, 40, 1)) / np.float32(255)
    whole = finished(canvas, kept(photograph), Options(color="content"))
    half = finished(canvas, kept(photograph), Options(color="content", strength=0.5))
    assert np.abs(half - (whole + photograph) / 2).max() < 1e-6


def test_bands_of_rows_make_no_difference(scene, monkeypatch):
    canvas, photograph = scene(40, 30), kept(scene(40, 30, 1))
    options = Options(color="content", strength=0.6)
    pictures = Picture(scene(40, 30)), Picture(scene(50, 30, 1))

    def made():
        wanted = spread(pictures[0])
        return (
            finished(canvas, photograph, options),
            matched(pictures[1], wanted).samples,
            luma_matched(pictures[1], wanted).samples,
        )

    whole = made()
    for module in ("color", "finishing"):
        monkeypatch.setattr(
            f"impasto.engine.{module}.bands",
            lambda length, samples: (slice(i, min(i + 7, length)) for i in range(0, length, 7)),
        )
    for one, other in zip(whole, made(), strict=True):
        np.testing.assert_allclose(one, other, atol=1 if one.dtype == np.uint8 else 1e-6)


def test_memory_is_taken_for_a_band_only(peak_of, scene):
    canvas = np.full((1024, 1024, 3), 0.4, np.float32)
    photograph, picture = kept(canvas), Picture(eight_bits(canvas))
    options = Options(color="content", strength=0.5)
    wanted = spread(picture)
    assert peak_of(lambda: finished(canvas, photograph, options)) < canvas.nbytes + 3e6
    assert peak_of(lambda: spread(picture)) < 3e6
    assert peak_of(lambda: matched(picture, wanted)) < picture.samples.nbytes + 3e6
    assert peak_of(lambda: grey(picture)) < picture.samples.nbytes / 3 + 3e6


@pytest.mark.parametrize("color", ["style", "content"])
def test_colours_given_back_afterwards_leave_the_pictures_as_they_are(scene, color):
    content, style = Picture(scene(20, 30)), Picture(scene(30, 20, 1))
    assert prepared(content, [style], Options(color=color)) == (content, [style])


@pytest.mark.parametrize("bits", [np.uint8, np.float32])
@pytest.mark.parametrize("color", ["style", "content", "luminance", "match"])
def test_what_is_prepared_is_counted(scene, color, bits):
    content, style = (
        eight_bits(one) if bits == np.uint8 else one for one in (scene(20, 30), scene(30, 40, 1))
    )
    options = Options(color=color)
    first, rest = prepared(Picture(content), [Picture(style)], options)
    new = [one.samples for one in (first, *rest) if one.samples.shape[2] == 1 or color == "match"]
    taken = sum(samples.nbytes for samples in new if samples.dtype == np.uint8)
    taken -= content.nbytes if color == "match" and bits == np.uint8 else 0
    headers = [read_header(one, Limits()) for one in (content, style)]
    assert prepared_bytes(headers[0], headers[1:], options) == taken


def test_the_photograph_is_counted_where_it_is_kept(engine, asked, scene):
    content, style = scene(96, 128), scene(40, 40, 1)
    plans = {
        name: engine.plan(content, style, asked(size=128, color=name)).bytes
        for name in ("style", "content")
    }
    assert kept_bytes((96, 128), asked(color="content")) == kept(content).nbytes
    assert plans["content"] - plans["style"] == kept(content).nbytes
    assert engine.plan(content, style, asked(size=128, strength=0.5)).bytes == plans["content"]


def test_the_network_sees_grey_where_luminance_alone_is_painted(asked, scene, tmp_path):
    first = tmp_path / "start.png"
    write_picture(first, scene(20, 24, 3))
    content, styles = Picture(scene(40, 50)), [Picture(scene(60, 30, 1))]
    for init in ("content", "style", str(first)):
        options = asked(color="luminance", init=init)
        shown = gather(content, styles, [Level(18, 24, 1)], options, Limits()).scenes[-1]
        for picture in (shown.content, shown.start(), *(style.rgb for style in shown.styles)):
            assert np.ptp(picture, axis=-1).max() == 0


def test_a_start_from_the_style_has_its_matched_colours(asked, scene):
    content, style = Picture(soft(scene(40, 50))), Picture(scene(60, 30, 1))
    options = asked(color="match", init="style")
    shown = gather(content, [style], [Level(40, 50, 1)], options, Limits()).scenes[-1]
    wanted = shown.content.mean(axis=(0, 1))
    assert np.abs(shown.start().mean(axis=(0, 1)) - wanted).max() < 0.05


@pytest.fixture
def pair(scene):
    return eight_bits(scene(24, 24)), eight_bits(scene(20, 22, 1))


def test_style_at_full_strength_is_what_was_painted(engine, asked, pair):
    painted = []
    result = engine.stylize(*pair, asked(), progress=lambda now: painted.append(now.canvas.copy()))
    np.testing.assert_array_equal(result.canvas, painted[-1])


@pytest.mark.parametrize("color", TAKEN)
def test_the_result_has_the_luminance_of_the_canvas(engine, asked, pair, color):
    painted = []
    result = engine.stylize(
        *pair, asked(color=color), progress=lambda now: painted.append(now.canvas.copy())
    )
    assert np.abs((result.canvas - painted[-1]) @ YIQ[0]).max() < 1e-6
    chroma = (result.canvas @ YIQ.T)[..., 1:], (pair[0] / 255 @ YIQ.T)[..., 1:]
    inside = (result.canvas.min(-1) > 1e-4) & (result.canvas.max(-1) < 1 - 1e-4)
    assert inside.mean() > 0.5
    assert np.abs(chroma[0] - chroma[1])[inside].max() < 1e-5


@pytest.mark.parametrize("color", ["style", "content", "luminance", "match"])
def test_no_strength_is_the_photograph(engine, asked, pair, tmp_path, color):
    result = engine.stylize(*pair, asked(color=color, strength=0))
    result.save(tmp_path / "result.png")
    np.testing.assert_array_equal(read_picture(tmp_path / "result.png").samples, pair[0])


def test_full_strength_changes_no_byte(engine, asked, pair):
    one, other = (engine.stylize(*pair, asked(**given)) for given in ({}, {"strength": 1}))
    assert one.canvas.tobytes() == other.canvas.tobytes()


def test_a_stopped_work_has_the_photographs_colours_too(engine, asked, pair):
    options = asked(size=24, levels=2, color="content")
    result = engine.stylize(*pair, options, progress=lambda now: False)
    assert result.stopped == "callback"
    assert np.abs((result.canvas - pair[0] / 255) @ YIQ[1:].T).mean() < 0.02


@pytest.mark.parametrize("size", [(24, 16), 20])
def test_colours_are_those_of_the_part_that_is_painted(engine, asked, scene, size):
    content = eight_bits(scene(30, 40))
    options = asked(size=size, strength=0)
    shown = gather(
        Picture(content), [], engine.levels(content.shape[:2], options), options, Limits()
    )
    result = engine.stylize(content, scene(20, 20, 1), options)
    assert np.abs(result.canvas - shown.scenes[-1].content).max() < 1e-5


@pytest.mark.parametrize(
    "given", [{"color": "content", "strength": 0.5}, {"color": "luminance"}, {"color": "match"}]
)
def test_a_work_that_goes_on_has_the_same_colours(
    engine, asked, pair, tmp_path, monkeypatch, given
):
    monkeypatch.setattr("impasto.engine.checkpoint._LONGEST_SHARE", 1e9)
    paths = [tmp_path / name for name in ("photo.png", "paint.png")]
    for path, picture in zip(paths, pair, strict=True):
        write_picture(path, picture / np.float32(255))
    options = asked(levels=2, iterations=(2, 4), optimizer="adam", **given)
    whole = engine.stylize(*paths, options)
    engine.stylize(
        *paths,
        options,
        checkpoint=Checkpoint(tmp_path / "kept", every=0),
        progress=lambda now: (now.level, now.iteration) < (2, 2),
    )
    result = engine.resume(tmp_path / "kept")
    np.testing.assert_allclose(result.canvas, whole.canvas, atol=1e-5)
    again = engine.resume(tmp_path / "kept")
    np.testing.assert_array_equal(again.canvas, result.canvas)


@pytest.mark.parametrize("given", [{"color": "content"}, {"color": "match"}, {"strength": 0.5}])
def test_a_texture_has_no_photograph_to_take_from(engine, asked, scene, given):
    with pytest.raises(OptionsError, match=rf"{next(iter(given))} .*there is no content picture"):
        engine.texture(scene(20, 20), asked(init="noise", **given))


def test_matching_needs_a_style(engine, asked, scene):
    with pytest.raises(OptionsError, match="color cannot be match: there is no style picture"):
        engine.reconstruct(scene(24, 24), asked(color="match", init="noise"))


def test_a_reconstruction_can_have_the_photographs_colours(engine, asked, pair):
    options = dataclasses.replace(asked(init="noise", color="luminance"), style_layers={})
    result = engine.reconstruct(pair[0], options)
    assert np.abs((result.canvas - pair[0] / 255) @ YIQ[1:].T).mean() < 0.1
