import gc
import os
import threading
import weakref
from types import SimpleNamespace

import numpy as np
import pytest

from impasto.engine import kept_programs
from impasto.engine import session as session_module
from impasto.engine.engine import Engine
from impasto.engine.errors import ModelError, OptionsError
from impasto.engine.lowerings import choose_lowering
from impasto.engine.programs import NetworkPrograms, Selection
from impasto.engine.sessions import Sessions
from impasto.engine.stop import Stop, Stopped
from impasto.export import encode as encode_module
from impasto.export import program as program_module
from impasto.export.bundle import build_bundle
from impasto.export.graph import Graph

ANY = SimpleNamespace(selection=None)
BUNDLED = SimpleNamespace(selection=Selection((), ("relu1_1",), "max", "zeros"))
SIZE = (20, 24)


@pytest.fixture
def sessions(toy):
    """`sessions(lowering)`: of the toy network, on one thread of the processor."""

    def make(lowering="winograd"):
        return Sessions(NetworkPrograms("toy", toy), lowering, 1, "cpu", "float32")

    return make


@pytest.fixture
def selection(toy, asked):
    """`selection(...)`: of these options."""

    def make(**given):
        return Selection.of(asked(**given), toy.architecture.layers())

    return make


@pytest.fixture
def engines(toy_file):
    """One in each lowering, on one thread."""
    return [
        Engine(toy_file, threads=1, device="cpu", lowering=lowering)
        for lowering in ("direct", "winograd")
    ]


@pytest.mark.parametrize(
    "asked_for, programs, device, chosen",
    [
        ("auto", ANY, "cpu", "winograd"),
        ("auto", ANY, "cuda:0", "direct"),
        ("auto", BUNDLED, "cpu", "direct"),
        ("auto", BUNDLED, "cuda:0", "direct"),
        ("direct", ANY, "cpu", "direct"),
        ("direct", ANY, "cuda:1", "direct"),
        ("direct", BUNDLED, "cpu", "direct"),
        ("winograd", ANY, "cpu", "winograd"),
        ("winograd", ANY, "cuda:0", "winograd"),
    ],
)
def test_the_lowering_is_the_one_asked_for_or_fits_the_device(asked_for, programs, device, chosen):
    assert choose_lowering(asked_for, programs, device) == chosen


@pytest.mark.parametrize("lowering", ["", "tiled", "Direct", None, 0, True, ["direct"]])
@pytest.mark.parametrize("programs", [ANY, BUNDLED])
def test_an_unknown_lowering_is_refused_with_the_known_ones(lowering, programs):
    with pytest.raises(
        OptionsError, match="lowering must be auto, direct or winograd, not"
    ) as told:
        choose_lowering(lowering, programs, "cpu")
    assert repr(lowering) in str(told.value)


def test_a_bundle_runs_direct_and_refuses_another_lowering(toy, selection, tmp_path):
    path = tmp_path / "toy.impasto"
    path.write_bytes(build_bundle(toy, "toy", selection()))
    given = {"bundle": path, "trust": True, "threads": 1, "device": "cpu"}
    assert Engine(**given).lowering == Engine(**given, lowering="direct").lowering == "direct"
    with pytest.raises(OptionsError, match="lowering must be direct where a bundle runs"):
        Engine(**given, lowering="winograd")


def test_a_tiled_session_is_shared_while_it_is_used(sessions, selection):
    ours = sessions()
    one = ours.get("style", selection(), SIZE)
    assert ours.get("style", selection(), SIZE) is one
    others = [
        ours.get("style", selection(), (24, 20)),
        ours.get("objective", selection(), SIZE),
        ours.get("style", selection(pool="average"), SIZE),
    ]
    assert len({id(session) for session in (one, *others)}) == 4


def test_a_tiled_session_is_closed_when_nobody_uses_it(sessions, selection):
    ours = sessions()
    first, second = (ours.get("style", selection(), SIZE) for _ in range(2))
    closed = weakref.ref(first)
    del first
    gc.collect()
    assert closed() is second
    assert second.run({"image": np.zeros((1, 3, *SIZE), np.float32)}, ["style.relu1_1"])
    del second
    gc.collect()
    assert closed() is None
    assert ours.get("style", selection(), SIZE)


def test_painting_leaves_no_tiled_session_open(toy_file, asked, scene):
    engine = Engine(toy_file, threads=1, device="cpu")
    objective = engine.objective(scene(20, 24), scene(30, 20), asked())
    gc.collect()
    assert [kind for kind, *_ in engine._sessions._used] == ["objective"]
    del objective
    engine.stylize(scene(20, 24), scene(30, 20), asked(size=32, levels=2))
    gc.collect()
    assert not engine._sessions._used


def test_a_tiled_program_is_built_once_for_each_size(sessions, selection, monkeypatch):
    built, build = [], program_module.build_tiled_program

    def counted(kind, network, chosen, size, check):
        built.append((kind, size))
        return build(kind, network, chosen, size, check)

    monkeypatch.setattr(program_module, "build_tiled_program", counted)
    ours = sessions()
    for _ in range(3):
        for size in (SIZE, (16, 16)):
            ours.get("style", selection(), size)
            gc.collect()
    assert built == [("style", SIZE), ("style", (16, 16))]


def test_the_tiled_programs_used_last_are_kept(toy, selection, monkeypatch):
    source = NetworkPrograms("toy", toy)
    sizes = [
        source._build_tiled("style", selection(), (side, 16), Stop()).nbytes
        for side in (16, 20, 24)
    ]
    monkeypatch.setattr(kept_programs, "KEPT_PROGRAMS", sum(sizes) - 1)
    first, second = (source.tiled("style", selection(), (side, 16)) for side in (16, 20))
    assert source.tiled("style", selection(), (16, 16)) is first
    assert source.tiled("style", selection(), (24, 16)) is not second
    assert source.tiled("style", selection(), (16, 16)) is first
    assert source.tiled("style", selection(), (20, 16)) is not second


@pytest.mark.parametrize(
    "made, owner, step",
    [
        ("footprint", Graph, "again"),
        ("tiled", Graph, "again"),
        ("tiled", encode_module, "_encode_node"),
    ],
)
def test_a_stop_ends_the_building_of_a_program_at_its_next_node(
    made, owner, step, toy, selection, monkeypatch
):
    source, stop, nodes, add = NetworkPrograms("toy", toy), Stop(), [], getattr(owner, step)

    def added(*args):
        nodes.append(args)
        if len(nodes) == 5:
            stop.request("enough")
        return add(*args)

    monkeypatch.setattr(owner, step, added)
    with pytest.raises(Stopped, match="enough"):
        getattr(source, made)("style", selection(), SIZE, stop)
    assert len(nodes) <= 6
    assert getattr(source, made)("style", selection(), SIZE, Stop())
    assert len(nodes) > 20


def test_a_stop_ends_the_opening_of_a_session(sessions, selection, monkeypatch):
    ours, stop, opened = sessions(), Stop(), session_module.open_session

    def interrupted(*args):
        stop.request("enough")
        return opened(*args)

    monkeypatch.setattr(session_module, "open_session", interrupted)
    with pytest.raises(Stopped, match="enough"):
        ours.get("style", selection(), SIZE, stop)
    assert ours.get("style", selection(), SIZE)


def test_direct_sessions_are_for_any_size_and_stay_open(sessions, selection):
    ours = sessions("direct")
    kept = weakref.ref(ours.get("style", selection(), SIZE))
    gc.collect()
    assert kept() is not None
    assert ours.get("style", selection(), (99, 7)) is kept()


def test_direct_sessions_are_opened_once_for_each_selection(toy_file, asked, scene):
    engine = Engine(toy_file, threads=1, device="cpu", lowering="direct")
    content, style = scene(40, 48), scene(50, 30, 1)
    for options in (asked(), asked(size=16), asked(content_weight=3.0), asked(objective="gatys")):
        engine.objective(content, style, options)
    assert len(engine._sessions._kept) == 3
    engine.objective(content, style, asked(pool="average"))
    assert len(engine._sessions._kept) == 6
    engine.stylize(content, scene(50, 30, 2), asked())
    assert len(engine._sessions._kept) == 3


@pytest.mark.parametrize("lowering", ["direct", "winograd"])
def test_what_is_let_go_is_shared_by_those_who_use_it(sessions, selection, lowering):
    ours = sessions(lowering)
    used, unused = (ours.get(kind, selection(), SIZE) for kind in ("style", "content"))
    closed = weakref.ref(unused)
    del unused
    arranged = dict(ours._weights._used)
    ours.let_go()
    gc.collect()
    assert closed() is None
    assert ours.get("style", selection(), SIZE) is used
    assert ours._weights.arrays(arranged) == arranged or lowering == "direct"


def test_weights_are_arranged_once_for_pictures_of_one_size(toy_file, asked, scene, monkeypatch):
    from impasto.export.lowering import arrangement

    arrange, made = arrangement.arrange, []
    monkeypatch.setattr(
        arrangement, "arrange", lambda name, weights: made.append(name) or arrange(name, weights)
    )
    engine = Engine(toy_file, threads=1, device="cpu", lowering="winograd")
    for seed in range(3):
        engine.stylize(scene(40, 48, seed), scene(50, 30, 1), asked())
    assert made and len(made) == len(set(made))
    held = set(engine._sessions._weights._arranged)
    assert held == set(made)
    early = asked(content_layers={"relu1_1": 1.0}, style_layers={"relu1_1": 1.0})
    engine.stylize(scene(40, 48), scene(50, 30, 1), early)
    (level,) = engine.plan(scene(40, 48), scene(50, 30, 1), early).levels
    assert set(engine._sessions._weights._arranged) == level.weights < held


def test_the_direct_sessions_used_last_are_kept(toy_file, asked, scene):
    engine = Engine(toy_file, threads=1, device="cpu", lowering="direct")
    layers = ["relu1_1", "relu1_2", "relu2_1", "relu2_2", "relu3_1", "relu4_1"]
    for seed, layer in enumerate(layers):  # a style that is known needs no session
        for chosen in ("relu1_1", layer):  # the first selection is used again and again
            options = asked(content_layers={chosen: 1.0})
            engine.objective(scene(40, 48), scene(50, 30, seed), options)
    kept = [selection.content_layers for kind, selection in engine._sessions._kept]
    assert kept == [
        (layer,) for layer in ("relu2_2", "relu3_1", "relu1_1", "relu4_1") for _ in range(3)
    ]


@pytest.mark.parametrize("lowering", ["direct", "winograd"])
def test_another_process_is_refused_before_the_lock(sessions, selection, monkeypatch, lowering):
    ours = sessions(lowering)
    ours.get("style", selection(), SIZE)
    monkeypatch.setattr(os, "getpid", lambda: -1)
    with ours._lock, pytest.raises(ModelError, match="made before a fork"):
        ours.get("style", selection(), SIZE)


@pytest.mark.parametrize("pool", ["max", "average"])
@pytest.mark.parametrize("border", ["replicate", "reflect", "zeros"])
@pytest.mark.parametrize("left_out", [None, "content", "style"])
@pytest.mark.parametrize("size", [(17, 29), (31, 13), (40, 33)], ids=str)
def test_both_lowerings_give_the_same_loss_and_gradient(
    engines, asked, scene, pool, border, left_out, size
):
    """A canvas of noise has no two equal pixels in a pooling window: there is one gradient."""
    layers = {f"{left_out}_layers": {}} if left_out else {}
    options = asked(size=max(size), pool=pool, border=border, tv_weight=0.1, **layers)
    content, style = scene(*size), scene(50, 31, 1)
    canvas = np.random.default_rng(0).random((*size, 3), np.float32)
    (loss, gradient, terms), (other_loss, other_gradient, other_terms) = (
        engine.objective(content, style, options).measure(canvas) for engine in engines
    )
    assert gradient.shape == (*size, 3)
    assert other_loss == pytest.approx(loss, rel=1e-5)
    assert other_terms == pytest.approx(terms, rel=1e-5)
    assert np.linalg.norm(other_gradient - gradient) <= 1e-5 * np.linalg.norm(gradient)


@pytest.mark.parametrize("count", [1, 2, 8])
def test_many_threads_on_one_engine_get_what_one_thread_gets(toy_file, asked, scene, count):
    """Of one size, whose sessions they share, and of sizes of their own, several times."""
    content, style = scene(33, 40), scene(30, 41, 1)
    sizes = [24, 24, 24, 24, 17, 29, 31, 36][:count]
    canvases = [np.random.default_rng(i).random((64, 64, 3), np.float32) for i in range(count)]

    def measured(engine, i):
        objective = engine.objective(content, style, asked(size=sizes[i], levels=1))
        height, width = objective.shape
        loss, gradient = objective.evaluate(canvases[i][:height, :width])
        return loss, gradient.tobytes()

    def made():
        return Engine(toy_file, threads=1, device="cpu", lowering="winograd")

    alone = [measured(made(), i) for i in range(count)]
    engine, together, ready = made(), [[] for _ in range(count)], threading.Barrier(count)

    def work(i):
        ready.wait()
        for _ in range(3):
            together[i].append(measured(engine, i))

    workers = [threading.Thread(target=work, args=[i]) for i in range(count)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert together == [[one] * 3 for one in alone]
    gc.collect()
    assert not engine._sessions._used
