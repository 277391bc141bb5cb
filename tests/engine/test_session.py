import gc
import os
import threading
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from impasto.engine import session as session_module
from impasto.engine.errors import CorruptModel, MemoryLimit, ModelError
from impasto.engine.programs import NetworkPrograms, Program, Selection
from impasto.engine.session import Session, Weights
from impasto.engine.stop import Stop, Stopped
from impasto.export.lowering.arrangement import arrange

KINDS = ["inputs", "initialisers", "tiled"]
OUTPUTS = ["style.relu1_1", "style.relu2_1", "style.relu3_1"]


@pytest.fixture(scope="module")
def programs(toy, asked):
    """Of all kinds to a session: weights as inputs, as initialisers, and arranged, with tables."""
    source = NetworkPrograms("toy", toy)
    selection = Selection.of(asked(), source.strides)
    return {
        "inputs": source.program("style", selection),
        "initialisers": source.program("objective", selection),
        "tiled": source.tiled("style", selection, (16, 16)),
    }


@pytest.fixture(scope="module")
def opened(toy):
    """`opened(program, weights of the toy network)`: a session on one thread."""

    def make(program, weights=toy.weights):
        return Session(program, Weights(weights), 1, "cpu")

    return make


@pytest.fixture(scope="module")
def session(opened, programs):
    return opened(programs["inputs"])


@pytest.fixture
def image():
    return {"image": np.full((1, 3, 16, 16), 0.5, np.float32)}


def test_the_named_outputs_are_returned(session, image):
    everything = session.run(image, OUTPUTS)
    assert list(everything) == OUTPUTS
    some = session.run(image, OUTPUTS[1:2])
    assert list(some) == OUTPUTS[1:2]
    assert np.array_equal(some[OUTPUTS[1]], everything[OUTPUTS[1]])


@pytest.mark.parametrize("kind", ["inputs", "tiled"])
def test_a_run_that_gives_its_memory_back_computes_the_same(session, opened, programs, image, kind):
    other = opened(programs[kind])
    for _ in range(2):
        ours = other.run(image, OUTPUTS, gives_back=True)
        theirs = session.run(image, OUTPUTS)
        for name in OUTPUTS:
            np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-4, atol=1e-6)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is not told here")
@pytest.mark.parametrize("lowering", ["direct", "winograd"])
def test_a_session_gives_its_memory_back(run_alone, toy_file, lowering):
    """After a run on 2000 x 2000 pixels, of which one layer of four channels has 64 MB, and the
    tables of a program for that size 160 MB; they go with its session."""
    code = """
import resource, sys
from pathlib import Path
import numpy as np
from impasto.cli.allocation import give_memory_back
from impasto.engine.engine import Engine
from impasto.engine.programs import Selection

give_memory_back()
engine = Engine(sys.argv[1], threads=1, device="cpu", lowering=sys.argv[2])
selection = Selection((), ("relu1_1", "relu2_1"), "max", "zeros")

def run(side):
    session = engine._sessions.get("style", selection, (side, side))
    image = {"image": np.full((1, 3, side, side), 0.5, np.float32)}
    session.run(image, ["style.relu1_1"], gives_back=True)

def used():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

run(16)
before = used()
run(2000)
print(used() - before)
"""
    assert int(run_alone(code, toy_file, lowering)) < 40e6


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cut", [0, 1, 10, 100, 1000, -1])
def test_a_program_that_is_cut_off_is_corrupt(opened, programs, kind, cut):
    whole = programs[kind]
    with pytest.raises(CorruptModel, match="cannot load the program") as caught:
        opened(replace(whole, model=whole.model[:cut]))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("junk", [b"junk", b"\x00" * 1000, b"\xff" * 1000, b"PK\x03\x04" * 20])
def test_junk_is_corrupt(opened, junk):
    with pytest.raises(CorruptModel):
        opened(Program(junk, (), weights_are_inputs=True))


@pytest.mark.parametrize("kind", ["inputs", "initialisers"])
def test_a_weight_of_another_shape_is_corrupt(toy, opened, programs, kind):
    arrays = {name: array[..., :1] for name, array in toy.weights.items()}
    with pytest.raises(CorruptModel, match="cannot load the program"):
        opened(programs[kind], arrays)


@pytest.mark.parametrize("kind", ["inputs", "initialisers"])
def test_a_weight_that_the_program_does_not_have_is_corrupt(toy, opened, programs, kind):
    arrays = {**toy.weights, "more": np.zeros(3, np.float32)}
    with pytest.raises(CorruptModel, match="cannot load the program"):
        opened(replace(programs[kind], weights=(*programs[kind].weights, "more")), arrays)


def test_tables_and_weights_are_given_once_and_never_copied(monkeypatch, opened, programs):
    """A session hands the same memory to every run."""
    placed = []
    session = opened(programs["tiled"])
    given = {name: value.data_ptr() for name, value in session._given.items()}
    assert given.keys() >= {*programs["tiled"].tables, *programs["tiled"].weights}
    for name, table in programs["tiled"].tables.items():
        assert given[name] == table.ctypes.data
    monkeypatch.setattr(session, "place", placed.append)
    for _ in range(2):
        session.run({"image": np.zeros((1, 3, 16, 16), np.float32)}, OUTPUTS)
    assert given == {name: value.data_ptr() for name, value in session._given.items()}
    assert not placed


@pytest.mark.parametrize(
    "feeds",
    [
        {},
        {"picture": np.zeros((1, 3, 16, 16), np.float32)},
        {"image": np.zeros((1, 3, 16, 16), np.float64)},
        {"image": np.zeros((1, 4, 16, 16), np.float32)},
        {"image": np.zeros((3, 16, 16), np.float32)},
        {"image": None},
    ],
    ids=lambda feeds: str({name: getattr(a, "shape", a) for name, a in feeds.items()}),
)
def test_wrong_feeds_are_an_error_of_one_line_and_the_session_goes_on(session, image, feeds):
    with pytest.raises(ModelError, match="ONNX Runtime failed") as caught:
        session.run(feeds, OUTPUTS)
    assert "\n" not in str(caught.value)
    assert session.run(image, OUTPUTS)


def test_an_unknown_output_is_an_error(session, image):
    with pytest.raises(ModelError):
        session.run(image, ["nothing"])


def test_a_stop_before_the_run_is_obeyed(session, image):
    stop = Stop()
    stop.request("time")
    with pytest.raises(Stopped, match="time"):
        session.run(image, OUTPUTS, stop)


def test_a_stop_from_another_thread_ends_the_run_and_the_session_goes_on(session, image):
    """A tenth of the time that a large picture takes is in the middle of its run."""
    large = {"image": np.full((1, 3, 2000, 2000), 0.5, np.float32)}
    began = time.perf_counter()
    session.run(large, OUTPUTS)
    whole = time.perf_counter() - began
    stop = Stop()
    timer = threading.Timer(whole / 10, stop.request, ["time"])
    timer.start()
    with pytest.raises(Stopped, match="time"):
        session.run(large, OUTPUTS, stop)
    timer.join()
    assert session.run(image, OUTPUTS)


def test_what_was_placed_is_fed_in_every_run(session, image):
    placed = session.place(image)
    for _ in range(2):
        ours, theirs = session.run(placed, OUTPUTS), session.run(image, OUTPUTS)
        for name in OUTPUTS:
            assert np.array_equal(ours[name], theirs[name])


def test_placing_on_the_processor_makes_no_copy(session, image):
    (placed,) = session.place(image).values()
    assert placed.data_ptr() == image["image"].ctypes.data


def test_what_was_placed_outlives_the_arrays_that_it_was_made_of(session):
    placed = session.place({"image": np.full((1, 3, 16, 16), 0.5, np.float32)[:, :, ::-1]})
    gc.collect()
    expected = session.run({"image": np.full((1, 3, 16, 16), 0.5, np.float32)}, OUTPUTS)
    assert np.array_equal(session.run(placed, OUTPUTS)[OUTPUTS[0]], expected[OUTPUTS[0]])


def test_a_stop_is_obeyed_with_what_was_placed(session):
    stop, placed = Stop(), session.place({"image": np.full((1, 3, 2000, 2000), 0.5, np.float32)})
    timer = threading.Timer(0.02, stop.request, ["time"])
    timer.start()
    with pytest.raises(Stopped, match="time"):
        while True:
            session.run(placed, OUTPUTS, stop)
    timer.join()


def test_targets_go_to_a_cuda_device_once(monkeypatch, session):
    """A session on cuda:1 of a runtime that only notes where arrays are to go."""
    moved = []

    def note(array, kind, number):
        moved.append((kind, number, array.shape))

    values = SimpleNamespace(OrtValue=SimpleNamespace(ortvalue_from_numpy=note))
    monkeypatch.setattr(session_module, "runtime", lambda: values)
    monkeypatch.setattr(session, "_device", "cuda:1")
    assert list(session.place({"a": np.zeros((2, 3)), "b": np.zeros(4)})) == ["a", "b"]
    assert moved == [("cuda", 1, (2, 3)), ("cuda", 1, (4,))]


@pytest.mark.parametrize(
    "text",
    [
        "Failed to allocate memory for requested buffer of size 68719476736",
        "CUDA failure 2: out of memory ; GPU=0",
        "CUDNN failure 4000: CUDNN_STATUS_ALLOC_FAILED",
        "CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED",
        "std::bad_alloc: bad allocation",
    ],
)
def test_a_lack_of_memory_is_told_apart_wherever_it_is(monkeypatch, session, image, text):
    def fail(*_):
        raise RuntimeError(text)

    broken = SimpleNamespace(OrtValue=SimpleNamespace(ortvalue_from_numpy=fail))
    monkeypatch.setattr(session_module, "runtime", lambda: broken)
    with pytest.raises(MemoryLimit, match="not enough memory"):
        session.place(image)


def test_without_the_runtime_one_sentence_says_what_to_install(run_alone):
    code = """
import sys
sys.modules["onnxruntime"] = None
import impasto
try:
    impasto.Engine()
except impasto.StyleError as error:
    print(type(error).__name__, error)
"""
    assert run_alone(code) == (
        "RuntimeMissing ONNX Runtime is not installed: pip install 'impasto[cpu]' "
        "(or 'impasto[gpu]', but not both)\n"
    )


def test_weights_are_not_copied():
    arrays = {"a": np.zeros((2, 3), np.float32), "b": np.zeros(4, np.float32)}
    given = Weights(arrays).arrays(["b", "a"])
    assert list(given) == ["b", "a"]
    assert all(np.shares_memory(given[name], arrays[name]) for name in arrays)


def test_an_arrangement_is_made_once_for_all_programs(monkeypatch):
    arrays = {"w": np.arange(2 * 3 * 9, dtype=np.float32).reshape(2, 3, 3, 3)}
    weights, made = Weights(arrays), []

    def counted(name, network):
        made.append(name)
        return arrange(name, network)

    monkeypatch.setattr("impasto.export.lowering.arrangement.arrange", counted)
    first = weights.arrays(["w", "w:taps", "w:back"])
    second = weights.arrays(["w:back", "w:taps"])
    assert made == ["w:taps", "w:back"]
    assert second["w:taps"] is first["w:taps"]
    assert second["w:back"] is first["w:back"]
    # (C_out, C_in, 3, 3) by hand: the taps of a correlation, and those of its adjoint.
    np.testing.assert_array_equal(first["w:taps"][5], arrays["w"][:, :, 1, 2].T)
    np.testing.assert_array_equal(first["w:back"][5], arrays["w"][:, :, 1, 0])


def test_another_process_is_refused(session, image, monkeypatch):
    monkeypatch.setattr(os, "getpid", lambda: -1)
    with pytest.raises(ModelError, match="made before a fork: make one in the child process"):
        session.run(image, OUTPUTS)
