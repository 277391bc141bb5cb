from types import SimpleNamespace

import numpy as np
import onnxruntime
import pytest

from impasto.engine import devices, runtime
from impasto.engine.devices import choose_device
from impasto.engine.engine import Engine
from impasto.engine.errors import OptionsError, RuntimeMissing

CPU = ["CPUExecutionProvider"]
CUDA = ["CUDAExecutionProvider", *CPU]


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


@pytest.fixture
def installed(monkeypatch):
    """`installed(providers, opening, **more)`: an ONNX Runtime compiled for these providers.

    `opening` makes its sessions.
    """

    def install(providers, opening, **more):
        found = SimpleNamespace(
            get_available_providers=lambda: providers,
            SessionOptions=onnxruntime.SessionOptions,
            InferenceSession=opening,
            **more,
        )
        for module in (devices, runtime):
            monkeypatch.setattr(module, "runtime", lambda: found)

    return install


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
        (CPU, None, r"no CUDA: pip install 'impasto\[gpu\]' has, in an environment without"),
        (CUDA, without_libraries, "its libraries could not be loaded"),
        (CUDA, without_hardware, "cannot use cuda:.: CUDA failure 100: no CUDA-capable device"),
    ],
    ids=["not compiled in", "no libraries", "no hardware"],
)
def test_cuda_that_cannot_be_used_is_never_replaced_in_silence(
    installed, providers, opening, reason
):
    installed(providers, opening)
    assert choose_device("auto") == choose_device("cpu") == "cpu"
    for device in ("cuda", "cuda:1"):
        with pytest.raises(RuntimeMissing, match=reason):
            choose_device(device)


def test_cuda_is_the_first_choice_where_it_can_be_used(installed):
    installed(CUDA, with_cuda)
    assert choose_device("auto") == choose_device("cuda") == "cuda:0"
    assert choose_device("cuda:3") == "cuda:3"
    assert choose_device("cpu") == "cpu"


@pytest.mark.parametrize("device", ["cpu", "auto"])
def test_tf32_is_refused_where_the_processor_computes(installed, toy_file, device):
    installed(CUDA, without_hardware)
    assert choose_device(device, "float32") == "cpu"
    with pytest.raises(OptionsError, match=r"^precision must be float32 where the processor"):
        choose_device(device, "tf32")
    with pytest.raises(OptionsError, match="tf32 needs CUDA"):
        Engine(toy_file, device=device, precision="tf32")


@pytest.mark.parametrize("precision", ["", "float16", "TF32", None, 32, b"tf32"])
def test_an_unknown_precision_is_refused_with_the_known_ones(precision):
    with pytest.raises(OptionsError, match=r"^precision must be float32 or tf32, not"):
        choose_device("cpu", precision)


@pytest.mark.parametrize("precision, switch", [("float32", "0"), ("tf32", "1")])
def test_products_of_cuda_are_rounded_only_where_that_is_asked_for(installed, precision, switch):
    opened = []

    def opening(model, options, providers, **rest):
        opened.append((providers, rest))
        return with_cuda(model, options, providers)

    installed(CUDA, opening)
    assert choose_device("cuda:2", precision) == "cuda:2"
    runtime.open_session(devices._SMALLEST_MODEL, None, "cuda:2", precision)
    ((name, options),), rest = opened[-1]
    assert (name, options["device_id"], options["use_tf32"]) == (CUDA[0], "2", switch)
    assert rest == {"enable_fallback": 0}


def test_libraries_of_pip_are_loaded_before_cuda_is_first_used_and_for_nothing_else(installed):
    happened = []

    def preload(cuda=True, cudnn=True):
        happened.append(("preload", cuda, cudnn))

    def opening(*given, **named):
        happened.append("open")
        return with_cuda(*given, **named)

    installed(CUDA, opening, preload_dlls=preload)
    choose_device("cpu")
    assert happened == []
    choose_device("auto")
    assert happened == [("preload", True, True), "open"]
    happened.clear()
    installed(CPU, opening, preload_dlls=preload)
    choose_device("auto")
    assert happened == []


def preload_that_prints():
    print("\033[33mFailed to load", "libcublas.so.12:\n no such file", flush=True)  # noqa: T201


def preload_that_fails():
    raise OSError("libcublas.so.12: no such file")


@pytest.mark.parametrize("preload", [preload_that_prints, preload_that_fails])
def test_what_loading_complains_of_is_told_in_the_error_and_not_printed(installed, capfd, preload):
    installed(CUDA, without_libraries, preload_dlls=preload)
    with pytest.raises(RuntimeMissing, match=r"loaded \(.*libcublas.so.12: no such file\)$"):
        choose_device("cuda")
    installed(CUDA, with_cuda, preload_dlls=preload)
    assert choose_device("cuda") == "cuda:0"
    assert capfd.readouterr() == ("", "")


def test_the_function_of_onnxruntime_can_be_run_in_silence(capfd):
    assert isinstance(devices._load_libraries(onnxruntime), list)
    assert capfd.readouterr() == ("", "")
