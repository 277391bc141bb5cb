"""Plans keep within their budget, take no longer than they must, and refuse what cannot be."""

import itertools
from pathlib import Path

import numpy as np
import pytest

from impasto.engine.engine import Engine
from impasto.engine.errors import MemoryLimit
from impasto.engine.footprints import Footprints
from impasto.engine.images import write_picture
from impasto.engine.kept_grams import KEPT_BYTES
from impasto.engine.options import Options
from impasto.engine.plan import Work
from impasto.engine.planner import Planner
from impasto.engine.programs import NetworkPrograms, Selection
from impasto.engine.pyramid import plan_levels
from impasto.engine.stop import Stop, Stopped
from impasto.export.networks import FAMILIES, Network

SIZES = [(96, 128), (341, 512), (700, 1000)]


@pytest.fixture(scope="module")
def vgg():
    """VGG16 up to relu5_1, with weights of nothing but their shapes."""
    architecture = FAMILIES["vgg16"].up_to("relu5_1")
    weights = {}
    for one in architecture.convolutions():
        shape = (one.outputs, one.inputs, 3, 3)
        weights[f"{one.name}.weight"] = np.broadcast_to(np.float32(0), shape)
        weights[f"{one.name}.bias"] = np.broadcast_to(np.float32(0), shape[:1])
    return NetworkPrograms("vgg", Network(architecture, weights, (0.5,) * 3, (0.2,) * 3))


@pytest.fixture(scope="module")
def planner(vgg):
    return Planner(vgg, Footprints(vgg, "winograd"), can_tile=True)


def smallest(planner, work):
    """The least memory that a plan keeps within."""
    return planner._smallest(work, planner._accounts)


@pytest.fixture(scope="module")
def work_for(vgg):
    """`work_for((height, width), **options)`: one level of that size, and a style of 600 x 800."""

    def make(shape, styles=((600, 800),), **given):
        options = Options(size=max(shape), levels=1, **given)
        levels = plan_levels(shape, max(shape), 1, None, 16)
        return Work(levels, styles, options, Selection.of(options, vgg.strides), 16)

    return make


@pytest.mark.parametrize("size", SIZES)
def test_a_plan_keeps_within_its_budget_and_more_memory_is_never_slower(size, planner, work_for):
    work = work_for(size)
    least = smallest(planner, work)
    budgets = [least, *(int(least * share) for share in (1.02, 1.1, 1.3, 1.7, 2.5, 6))]
    plans = [planner.plan(work, budget) for budget in budgets]
    for plan, budget in zip(plans, budgets, strict=True):
        assert plan.bytes <= budget == plan.memory
        assert plan.bytes >= max(level.bytes for level in plan.levels)
    for tight, ample in itertools.pairwise(plans):
        assert ample.levels[0].method != "adam"
        if ample.levels[0].method == tight.levels[0].method:
            assert ample.levels[0].cost <= tight.levels[0].cost
    assert plans[-1].levels[0].tiling is None
    assert plans[0].levels[0].tiling is not None


def test_the_same_request_has_the_same_plan(planner, work_for):
    work = work_for((300, 400))
    assert planner.plan(work, 2**29) == planner.plan(work, 2**29)


@pytest.mark.parametrize("size", SIZES)
def test_a_refusal_tells_what_is_needed_and_what_would_fit(size, planner, work_for):
    work = work_for(size)
    needed = smallest(planner, work)
    with pytest.raises(MemoryLimit, match=r"needs at least \d+M of memory") as caught:
        planner.plan(work, needed - 2**20)
    largest = int(str(caught.value).rsplit(" ", 1)[1])
    assert 0.5 * max(size) <= largest < max(size)
    scaled = tuple(max(16, side * largest // max(size)) for side in size)
    planner.plan(work_for(scaled), needed - 2**20)
    with pytest.raises(MemoryLimit, match="no size fits"):
        planner.plan(work, 2**20)


def test_large_styles_and_pictures_are_counted(planner, work_for):
    small, large = (
        planner.plan(work_for((96, 128), ((600, 800),), style_scale=scale), 2**34)
        for scale in (1, 8)
    )
    assert large.bytes > small.bytes + 2 * 12 * 768 * 1024


def test_targets_in_half_precision_are_only_where_memory_asks_for_them(planner, work_for):
    work = work_for((1800, 2400))
    least = smallest(planner, work)
    assert planner.plan(work, least).levels[0].tiling.half
    assert not planner.plan(work, 6 * least).levels[0].tiling.half


@pytest.mark.parametrize("workers", [2, 12])
def test_workers_have_a_tile_each_and_each_keeps_within_the_budget(workers, vgg, planner, work_for):
    spread = Planner(vgg, Footprints(vgg, "winograd"), can_tile=True, workers=workers)
    work = work_for((1200, 1600))
    ample = 2**34
    alone, shared = (one.plan(work, ample).levels[0] for one in (planner, spread))
    assert alone.tiling is None
    assert np.prod(shared.tiles) >= workers
    assert shared.cost < alone.cost
    least = smallest(spread, work)
    assert spread.plan(work, least).bytes <= least
    # Most of a small canvas's tiles would be halo: it is done sooner by one alone.
    assert spread.plan(work_for((64, 64)), ample).levels[0].tiling is None


def test_what_is_known_of_styles_may_be_kept_as_far_as_there_is_room(planner, work_for):
    work = work_for((512, 512))
    (least,) = (one.looks for one in planner.plan(work, smallest(planner, work)).levels[-1:])
    plenty = planner.plan(work, 16 << 30).levels[-1].looks
    five = 4 * sum(c * (c + 1) for c in (64, 128, 256, 512, 512))
    assert five * len(work.levels) * len(work.styles) <= least < plenty == KEPT_BYTES


def test_a_stop_is_heard_while_a_plan_is_made(planner, work_for):
    stop = Stop()
    stop.request("enough")
    for budget in (2**20, 2**33):
        with pytest.raises(Stopped, match="enough"):
            planner.plan(work_for((700, 1000)), budget, stop)


def test_how_long_it_takes_is_told_from_small_canvases(planner, work_for):
    assert list(planner.samples(work_for((3000, 4000)))) == [(96, 128), (192, 256)]
    assert list(planner.samples(work_for((64, 48)))) == [(64, 48)]
    costs = list(planner.samples(work_for((20, 2000))).values())
    assert costs == sorted(costs)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is not told here")
@pytest.mark.parametrize("lowering", ["winograd", "direct"])
def test_a_process_takes_no_more_than_its_plan_says(lowering, run_alone, toy_file, scene, tmp_path):
    """Of three levels, with tiles where there is little memory."""
    code = """
import re, sys
from pathlib import Path
from impasto.cli.allocation import give_memory_back
from impasto.engine.engine import Engine
from impasto.engine.errors import MemoryLimit
from impasto.engine.options import Options

give_memory_back()
layers = {"content_layers": {"relu3_1": 1.0}, "style_layers": {"relu1_1": 1.0, "relu3_1": 1.0}}
engine = Engine(sys.argv[1], threads=1, device="cpu", lowering=sys.argv[2])
options = Options(size=480, levels=3, iterations=2, **layers)
memory = 2**33
if sys.argv[5] == "least":
    try:
        engine.plan(*sys.argv[3:5], options, memory=1)
    except MemoryLimit as error:
        memory = int(str(error).split("at least ")[1].split("M ")[0]) << 20
result = engine.stylize(*sys.argv[3:5], options, memory=memory)
taken = re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1]
print(int(taken) * 1024, result.plan.bytes, memory, result.plan.levels[-1].tiling is not None)
"""
    pictures = tmp_path / "content.png", tmp_path / "style.png"
    for seed, path in enumerate(pictures):
        write_picture(path, scene(480, 360, seed))
    for memory, tiled in (("plenty", "False"), ("least", "True")):
        *numbers, is_tiled = run_alone(code, toy_file, lowering, *pictures, memory).split()
        taken, told, most = map(int, numbers)
        assert taken <= told <= most
        assert is_tiled == tiled


def test_what_cannot_be_tiled_is_computed_at_once_or_refused(vgg, work_for):
    rigid = Planner(vgg, Footprints(vgg, "direct"), can_tile=False)
    work = work_for((341, 512))
    assert rigid.plan(work, 2**34).levels[0].tiling is None
    with pytest.raises(MemoryLimit):
        rigid.plan(work, 2**29)


def test_a_picture_made_in_little_memory_is_the_same(toy_file, asked, scene):
    engine = Engine(toy_file, threads=1, device="cpu")
    pictures, options = (
        (scene(300, 400), scene(70, 60, 1)),
        asked(size=400, iterations=3, optimizer="adam"),
    )
    whole = engine.stylize(*pictures, options)
    work = engine._drafts.of(pictures[0], [pictures[1]], options).work
    tight = engine.stylize(*pictures, options, memory=smallest(engine._drafts._planner, work))
    assert whole.plan.levels[0].tiling is None
    assert tight.plan.levels[0].tiles > (1, 1)
    assert tight.loss == pytest.approx(whole.loss, rel=1e-3)
    assert np.abs(tight.canvas - whole.canvas).mean() < 1e-3


def test_what_does_not_fit_is_refused_before_a_picture_is_decoded(
    engine, asked, scene, monkeypatch
):
    def decoded(*_):
        raise AssertionError("a picture was decoded")

    monkeypatch.setattr("impasto.engine.studio.read_picture", decoded)
    with pytest.raises(MemoryLimit, match="needs at least"):
        engine.stylize(scene(60, 80), scene(20, 20), asked(size=80), memory=2**20)


def test_the_duration_is_that_of_all_levels(engine, asked, scene):
    options = asked(size=64, levels=3, iterations=(5, 3, 2))
    plan = engine.plan(scene(64, 48), scene(40, 40), options, timed=True)
    assert plan.seconds == sum(level.seconds for level in plan.levels) > 0
    assert engine.plan(scene(64, 48), scene(40, 40), options).seconds is None


def test_a_refusal_names_what_would_be_enough(planner, work_for):
    work = work_for((341, 512))
    with pytest.raises(MemoryLimit) as caught:
        planner.plan(work, 2**28)
    enough = int(str(caught.value).split("at least ")[1].split("M ")[0]) * 2**20
    assert planner.plan(work, enough).bytes <= enough


@pytest.mark.parametrize("size", [(30, 1000), (1400, 20)])
def test_long_and_thin_pictures_have_plans(size, planner, work_for):
    assert planner.plan(work_for(size), 2**33).levels[0].tiling is None
    planner.plan(work_for(size), smallest(planner, work_for(size)))


def test_an_initial_picture_of_its_own_is_counted(engine, asked, scene, tmp_path):
    path = tmp_path / "start.bmp"
    write_picture(path, scene(900, 1000))
    content, style = scene(20, 24), scene(20, 20)
    plain, given = (
        engine._drafts.of(content, [style], asked(init=init)).work.held_bytes
        for init in ("noise", str(path))
    )
    assert given == plain + 3 * 900 * 1000
