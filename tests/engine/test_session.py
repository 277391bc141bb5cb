import os
import threading
import time

import numpy as np
import pytest

from impasto.engine.errors import CorruptModel, ModelError, OptionsError, RuntimeMissing
from impasto.engine.programs import Selection
from impasto.engine.session import Session, Weights, choose_device, runtime_info
from impasto.engine.stop import Stop, Stopped


@pytest.fixture(scope="module")
def program(engine, asked):
    return engine._programs.targets(Selection.of(asked(), engine._programs.layers))


@pytest.fixture(scope="module")
def session(engine, program):
    return Session(program.model, program.weights, engine._weights, 1)


@pytest.fixture
def image():
    return {"image": np.full((1, 3, 16, 16), 0.5, np.float32)}


def test_the_named_outputs_are_returned(session, image):
    everything = session.run(image)
    assert list(everything) == session.outputs
    some = session.run(image, ["style.relu2_1"])
    assert list(some) == ["style.relu2_1"]
    assert np.array_equal(some["style.relu2_1"], everything["style.relu2_1"])


@pytest.mark.parametrize("cut", [0, 1, 10, 100, 1000, -1])
def test_a_program_that_is_cut_off_is_corrupt(engine, program, cut):
    with pytest.raises(CorruptModel, match="cannot load the program") as caught:
        Session(program.model[:cut] or b"", program.weights, engine._weights, 1)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("junk", [b"junk", b"\x00" * 1000, b"\xff" * 1000, b"PK\x03\x04" * 20])
def test_junk_is_corrupt(engine, junk):
    with pytest.raises(CorruptModel):
        Session(junk, (), engine._weights, 1)


def test_a_weight_of_another_shape_is_corrupt(engine, program):
    arrays = {name: array[..., :1] for name, array in engine._programs.weights.items()}
    with pytest.raises(CorruptModel):
        Session(program.model, program.weights, Weights(arrays), 1)


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
        session.run(feeds)
    assert "\n" not in str(caught.value)
    assert session.run(image)


def test_an_unknown_output_is_an_error(session, image):
    with pytest.raises(ModelError):
        session.run(image, ["nothing"])


def test_a_stop_before_the_run_is_obeyed(session, image):
    stop = Stop()
    stop.request("time")
    with pytest.raises(Stopped, match="time"):
        session.run(image, None, stop)


def test_a_stop_from_another_thread_ends_the_run_and_the_session_goes_on(session, image):
    """A tenth of the time that a large picture takes is in the middle of its run."""
    large = {"image": np.full((1, 3, 2000, 2000), 0.5, np.float32)}
    began = time.perf_counter()
    session.run(large)
    whole = time.perf_counter() - began
    stop = Stop()
    timer = threading.Timer(whole / 10, stop.request, ["time"])
    timer.start()
    with pytest.raises(Stopped, match="time"):
        session.run(large, None, stop)
    timer.join()
    assert session.run(image)


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


def test_cuda_is_never_replaced_in_silence():
    if "CUDAExecutionProvider" in runtime_info()["providers"]:
        assert choose_device("auto") == choose_device("cuda") == "cuda:0"
        assert choose_device("cuda:3") == "cuda:3"
    else:
        assert choose_device("auto") == "cpu"
        for device in ("cuda", "cuda:1"):
            with pytest.raises(RuntimeMissing, match=r"no CUDA: .*pip install 'impasto\[gpu\]'"):
                choose_device(device)
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


def test_weights_are_shared_and_not_copied(engine):
    arrays = {"a": np.zeros((2, 3), np.float32)}
    assert np.shares_memory(Weights(arrays).arrays["a"], arrays["a"])


def test_another_process_is_refused(session, image, monkeypatch):
    monkeypatch.setattr(os, "getpid", lambda: -1)
    with pytest.raises(ModelError, match="made before a fork: make one in the child process"):
        session.run(image)
