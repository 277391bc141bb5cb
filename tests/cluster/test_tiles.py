"""One picture on several workers: what they add up to is what one process has, bit for bit."""

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from math import prod

import numpy as np
import pytest

from impasto.cluster.cluster import Cluster, PictureWorkers
from impasto.cluster.worker import Machine, PictureOrder
from impasto.engine.engine import Engine
from impasto.engine.errors import ClusterError
from impasto.engine.limits import Limits
from impasto.engine.options import Options
from impasto.engine.programs import load_programs
from impasto.engine.regions import Sight
from impasto.engine.sessions import Sessions
from impasto.engine.stop import Stop, Stopped
from impasto.engine.tile_runner import TilesHere
from impasto.engine.tiles import Tiling, halo_of

SHAPE = (90, 75)


class WorkersHere:
    """As many workers as the cluster has, that are no others: for the same plan."""

    count = 2

    def runner(self, fingerprint, packed, lowering, threads):
        programs = load_programs(packed())
        return TilesHere(Sessions(programs, lowering, threads, "cpu", "float32"))


@pytest.fixture(scope="module")
def tiling(alone):
    """`tiling(joint, half=False)`: of canvases of SHAPE, in several tiles."""
    strides = alone._programs.strides

    def make(joint, **more):
        halo, unit = halo_of(strides, [joint])
        return Tiling(joint, 60, 60, halo, unit, **more)

    return make


@pytest.fixture(scope="module")
def pictures(waves):
    """Content, one style, and a canvas unlike both."""
    return waves(*SHAPE), [waves(70, 60, 1)], waves(*SHAPE, 2)


def assert_same(found, expected):
    assert found.loss == expected.loss
    assert found.terms == expected.terms
    np.testing.assert_array_equal(found.gradient, expected.gradient)


@pytest.mark.parametrize(
    "joint, more",
    [
        ("pool2", {}),
        ("pool2", {"half": True}),
        ("relu3_1", {}),
        ("relu3_1", {"outside": "wrap"}),
    ],
    ids=str,
)
def test_gradient_of_tiles_is_that_of_one_process(
    joint, more, alone, spread, asked, tiling, pictures
):
    content, styles, canvas = pictures
    options, how = asked(), tiling(joint, **more)
    if "outside" in more:
        content, canvas = content[:88, :72], canvas[:88, :72]
    found, expected = (
        engine.objective_at(content, styles, options, Stop(), how) for engine in (spread, alone)
    )
    for one in (canvas, content):
        assert_same(found.measure(one), expected.measure(one))


def test_gradient_is_that_of_the_whole_canvas(alone, spread, asked, tiling, pictures):
    content, styles, canvas = pictures
    whole, tiled = (
        engine.objective_at(content, styles, asked(), Stop(), how).measure(canvas)
        for engine, how in ((alone, None), (spread, tiling("pool2")))
    )
    assert tiled.loss == pytest.approx(whole.loss, rel=1e-5)
    distance = np.linalg.norm(tiled.gradient - whole.gradient)
    assert distance <= 1e-4 * np.linalg.norm(whole.gradient)


def test_regions_travel_with_their_tiles(alone, spread, asked, tiling, pictures):
    content, styles, canvas = pictures
    mask = np.zeros(SHAPE, np.float32)
    mask[:, 30:] = 1
    sights = [Sight(mask, (0,)), Sight(1 - mask, (0,))]
    found, expected = (
        engine.objective_at(
            content, styles, asked(), Stop(), tiling("pool2"), sights=sights
        ).measure(canvas)
        for engine in (spread, alone)
    )
    assert_same(found, expected)


def test_picture_is_that_of_one_process_though_a_worker_is_killed(
    network, alone, spread, asked, waves, pids
):
    content, style, options = waves(200, 170), waves(60, 60, 1), asked(size=200)
    here = Engine(network, threads=1, device="cpu", workers=WorkersHere())
    expected = here.stylize(content, style, options)
    assert expected.plan.levels[0].tiles != (1, 1)
    assert alone.stylize(content, style, options).plan.levels[0].tiling is None
    killed = []

    def kill(progress):
        if progress.iteration == 2:
            killed.append(pids()[0])
            os.kill(killed[0], signal.SIGKILL)

    found = spread.stylize(content, style, options, progress=kill)
    assert killed
    assert found.stopped == "iterations"
    assert (found.plan.levels, found.terms) == (expected.plan.levels, expected.terms)
    np.testing.assert_array_equal(found.canvas, expected.canvas)


def test_worker_that_is_killed_while_it_computes_is_no_loss(
    spread, alone, asked, tiling, pictures, pids, monkeypatch
):
    """In the middle of an evaluation: its tiles, and what it holds, are made anew elsewhere."""
    content, styles, canvas = pictures
    tiles = prod(tiling("pool2").counts(SHAPE))
    found, expected = (
        engine.objective_at(content, styles, asked(), Stop(), tiling("pool2"))
        for engine in (spread, alone)
    )
    client = spread._objectives._runners(None)._client
    submit, calls = client.submit, []

    def killing(function, *given):
        future = submit(function, *given)
        calls.append(function)
        if len(calls) == tiles + tiles // 2:  # all crops are sent, and half of the sums begun
            os.kill(pids()[-1], signal.SIGKILL)
        return future

    monkeypatch.setattr(client, "submit", killing)
    assert_same(found.measure(canvas), expected.measure(canvas))
    # Crops, sums, what all have in common, and the way back; what is done again is Dask's.
    assert len(calls) == 3 * tiles + 1


def test_a_stop_ends_the_waiting_for_tiles(spread, asked, tiling, pictures):
    content, styles, canvas = pictures
    objective = spread.objective_at(content, styles, asked(), Stop(), tiling("pool2"))
    expected = objective.measure(canvas)
    stop = Stop()
    threading.Timer(0.02, stop.request, ["interrupted"]).start()
    with pytest.raises(Stopped, match="interrupted"):
        while True:
            objective.measure(canvas, stop)
    assert_same(objective.measure(canvas), expected)


def test_a_checkpoint_of_a_cluster_goes_on_without_it(spread, network, asked, waves, tmp_path):
    """And the other way round: what is saved is the canvas, wherever it was computed."""
    from impasto.engine.images import write_picture

    write_picture(tmp_path / "content.png", waves(200, 170))
    write_picture(tmp_path / "style.png", waves(60, 60, 1))
    (tmp_path / "toy.onnx").write_bytes(network)
    options, folder = asked(size=200), tmp_path / "saved"
    sources = (tmp_path / "content.png", tmp_path / "style.png", options)
    with pytest.raises(Exception, match="the network must be given by name or path"):
        spread.stylize(*sources, checkpoint=folder)
    engine = Engine(tmp_path / "toy.onnx", threads=1, workers=WorkersHere(), device="cpu")
    stop = Stop()

    def ends(progress):
        return progress.iteration < 2

    assert engine.stylize(*sources, checkpoint=folder, progress=ends).stopped == "callback"
    found = spread.resume(folder, stop=stop)
    assert (found.stopped, found.iterations) == ("iterations", 4)


def test_bytes_of_an_evaluation_are_those_of_the_formula(
    spread, asked, tiling, pictures, monkeypatch
):
    """docs/cluster.md: pixels there and gradient back, once for each tile; features and gradient
    at the joint; sums back for each tile, their gradients there once for each worker."""
    content, styles, canvas = pictures
    how = tiling("pool2")
    objective = spread.objective_at(content, styles, asked(), Stop(), how)
    client = spread._objectives._runners(None)._client
    submit, results, sent, came = client.submit, client.results, [], []

    def nbytes(value):
        if isinstance(value, np.ndarray):
            return value.nbytes
        if isinstance(value, dict):
            return sum(map(nbytes, value.values()))
        return sum(map(nbytes, value)) if isinstance(value, tuple | list) else 0

    def counted(function, *given):
        sent.append(nbytes(given))
        return submit(function, *given)

    def received(futures, stop):
        for result in results(futures, stop):
            came.append(nbytes(result))
            yield result

    monkeypatch.setattr(client, "submit", counted)
    monkeypatch.setattr(client, "results", received)
    objective.measure(canvas)
    height, width = how.size(SHAPE)
    tiles = prod(how.counts(SHAPE))
    pixels = 12 * tiles * height * width
    joint = 4 * 6 * (SHAPE[0] // 4) * (SHAPE[1] // 4)
    grams = 4 * (4**2 + 6**2)
    terms = 4 * 2
    assert sum(sent) == pixels + joint + grams + terms
    assert sum(came) == pixels + joint + tiles * (grams + terms)


def test_what_a_task_raises_is_no_lost_scheduler(cluster):
    client = cluster._client
    with pytest.raises(FileNotFoundError, match="nowhere at all"):
        list(client.results([client.submit(os.stat, "/nowhere at all")], Stop()))
    assert list(client.results([client.submit(prod, (2, 3))], Stop())) == [6]


def test_no_more_photographs_are_held_than_the_workers_paint_and_a_few(tmp_path):
    """Of seven that are asked for at once, with two workers; a stop ends those that wait."""
    (tmp_path / "a.png").write_bytes(b"any file")
    held, stop = [], Stop()

    class Client:
        threads = 2

        def submit(self, function, order, network, styles, photograph):
            held.append(photograph)

        def results(self, futures, stop):
            while True:
                time.sleep(0.01)
                stop.check()

        def call_off(self, name):
            pass

    machine = Machine("", 1, "direct", limits=Limits())
    pictures = PictureWorkers(
        Client(), None, None, PictureOrder(machine, Options(), "", "", 1, None)
    )
    with ThreadPoolExecutor(7) as pool:
        works = [pool.submit(pictures.paint, tmp_path / "a.png", stop) for _ in range(7)]
        while len(held) < 4:
            time.sleep(0.01)
        time.sleep(0.1)
        stop.request("interrupted")
        for work in works:
            with pytest.raises(Stopped, match="interrupted"):
                work.result()
    assert len(held) == 4


def test_missing_worker_is_waited_for_and_then_missed(network, asked, started):
    with (
        started(1) as dask,
        Cluster(dask.scheduler_address, patience=0.1) as cluster,
    ):
        engine = Engine(network, threads=1, device="cpu", workers=cluster)
        dask.scale(0)
        grey = np.full((*SHAPE, 3), 0.5, np.float32)
        tiling = Tiling("pool2", 60, 60, *halo_of(engine._programs.strides, ["pool2"]))
        with pytest.raises(ClusterError, match="no worker is left at"):
            engine.objective_at(grey, [grey], asked(), Stop(), tiling)
