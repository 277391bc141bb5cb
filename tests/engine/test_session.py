import os
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnxruntime
import pytest

from impasto.engine import session as session_module
from impasto.engine.errors import CorruptModel, ModelError, OptionsError, RuntimeMissing
from impasto.engine.programs import Selection
from impasto.engine.session import Session, Weights, choose_device
from impasto.engine.stop import Stop, Stopped

OUTPUTS = ["style.relu1_1", "style.relu2_1", "style.relu3_1"]
CPU = ["CPUExecutionProvider"]
CUDA = ["CUDAExecutionProvider", *CPU]


@pytest.fixture(scope="module")
def program(engine, asked):
    return engine._programs.program("style", Selection.of(asked(), engine._programs.strides))


@pytest.fixture(scope="module")
def opened(engine):
    """`opened(model, weight_names, weights, lean=False)`: a session on one thread."""

    def make(model, names, weights=engine._weights, lean=False):
        return Session(model, names, weights, 1, "cpu", lean)

    return make


@pytest.fixture(scope="module")
def session(opened, program):
    return opened(program.model, program.weights)


@pytest.fixture
def image():
    return {"image": np.full((1, 3, 16, 16), 0.5, np.float32)}


def test_the_named_outputs_are_returned(session, image):
    everything = session.run(image, OUTPUTS)
    assert list(everything) == OUTPUTS
    some = session.run(image, OUTPUTS[1:2])
    assert list(some) == OUTPUTS[1:2]
    assert np.array_equal(some[OUTPUTS[1]], everything[OUTPUTS[1]])


def test_a_lean_session_computes_the_same(session, opened, program, image):
    lean = opened(program.model, program.weights, lean=True)
    for _ in range(2):
        ours, theirs = (one.run(image, OUTPUTS) for one in (lean, session))
        for name in OUTPUTS:
            np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-4, atol=1e-6)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is not told here")
def test_a_lean_session_gives_its_memory_back(run_alone, toy_file):
    """After a run on 2000 x 2000 pixels, of which one layer of four channels has 64 MB."""
    code = """
import resource, sys
from pathlib import Path
import numpy as np
from impasto.engine.engine import Engine
from impasto.engine.programs import Selection

engine = Engine(sys.argv[1], threads=1, device="cpu")
layers = ("relu1_1", "relu2_1")
session = engine._session("style", Selection((), layers, "max", "zeros"))

def run(side):
    session.run({"image": np.full((1, 3, side, side), 0.5, np.float32)}, ["style.relu1_1"])
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

before = run(16)
print(run(2000) - before)
"""
    assert int(run_alone(code, toy_file)) < 40e6


@pytest.mark.parametrize("cut", [0, 1, 10, 100, 1000, -1])
def test_a_program_that_is_cut_off_is_corrupt(opened, program, cut):
    with pytest.raises(CorruptModel, match="cannot load the program") as caught:
        opened(program.model[:cut] or b"", program.weights)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("junk", [b"junk", b"\x00" * 1000, b"\xff" * 1000, b"PK\x03\x04" * 20])
def test_junk_is_corrupt(opened, junk):
    with pytest.raises(CorruptModel):
        opened(junk, ())


def test_a_weight_of_another_shape_is_corrupt(engine, opened, program):
    arrays = {name: array[..., :1] for name, array in engine._programs.weights.items()}
    with pytest.raises(CorruptModel):
        opened(program.model, program.weights, Weights(arrays))


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


@pytest.mark.parametrize(
    "device",
    [
        "",
        "gpu",
        "CPU",
        "cpu:0",
        "auto:1",
        "cuda:",
        "cuda:x",
        "cuda:-1",
        "cuda:²",
        "cuda:1\n",
        None,
        0,
    ],
)
def test_an_unknown_device_is_refused_with_the_known_ones(device):
    with pytest.raises(OptionsError, match="device must be auto, cpu, cuda or cuda:N, not"):
        choose_device(device)


def runtime_with(providers, opening):
    """ONNX Runtime as it is compiled for some providers; `opening` makes its sessions."""
    return SimpleNamespace(
        get_available_providers=lambda: providers,
        SessionOptions=onnxruntime.SessionOptions,
        InferenceSession=opening,
    )


def without_hardware(*_, **__):
    raise RuntimeError("CUDA failure 100:\n no CUDA-capable device is detected")


def without_libraries(model, options, providers, **_):
    """As ONNX Runtime does where libraries of CUDA are missing: it leaves CUDA out."""
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def with_cuda(model, options, providers, **_):
    assert without_libraries(model, options, providers).run(None, {"x": np.ones(1, np.float32)})
    return SimpleNamespace(get_providers=lambda: [name for name, _ in providers])


@pytest.mark.parametrize(
    "providers, opening, reason",
    [
        (CPU, None, r"no CUDA: install it with pip install 'impasto\[gpu\]'"),
        (CUDA, without_libraries, "its libraries could not be loaded"),
        (CUDA, without_hardware, "cannot use cuda:.: CUDA failure 100: no CUDA-capable device"),
    ],
    ids=["not compiled in", "no libraries", "no hardware"],
)
def test_cuda_that_cannot_be_used_is_never_replaced_in_silence(
    monkeypatch, providers, opening, reason
):
    monkeypatch.setattr(session_module, "_runtime", lambda: runtime_with(providers, opening))
    assert choose_device("auto") == choose_device("cpu") == "cpu"
    for device in ("cuda", "cuda:1"):
        with pytest.raises(RuntimeMissing, match=reason):
            choose_device(device)


def test_cuda_is_the_first_choice_where_it_can_be_used(monkeypatch):
    monkeypatch.setattr(session_module, "_runtime", lambda: runtime_with(CUDA, with_cuda))
    assert choose_device("auto") == choose_device("cuda") == "cuda:0"
    assert choose_device("cuda:3") == "cuda:3"
    assert choose_device("cpu") == "cpu"


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
    arrays = {"a": np.zeros((2, 3), np.float32)}
    assert np.shares_memory(Weights(arrays).arrays["a"], arrays["a"])


def test_another_process_is_refused(session, image, monkeypatch):
    monkeypatch.setattr(os, "getpid", lambda: -1)
    with pytest.raises(ModelError, match="made before a fork: make one in the child process"):
        session.run(image, OUTPUTS)
