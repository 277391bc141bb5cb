"""What many tests share: a toy network, tiny pictures, and an evaluator of graphs in float64."""

import gc
import importlib.util
import os
import signal

import numpy as np
import pytest

from impasto.export.encode import encode
from impasto.export.lowering import direct
from impasto.export.lowering.arrangement import arrange
from impasto.export.networks import Architecture, Network

# Before ONNX Runtime is loaded, and for child processes: a test sends nothing, and leaves nothing
# in the user's cache.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

# Under nohup, or behind a script's `&`, these are ignored, and so would child processes ignore
# them: tests that stop a work would wait for ever.
signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_ignore_collect(collection_path, config):
    """Leave out the comparisons with torch where there is none, and the page, unless asked for.

    `make oracle` and `make page` ask by name: they must fail, and not pass with nothing run, if
    torch or a browser is missing.
    """
    name = collection_path.name
    if name not in ("oracle", "page") or (name == "oracle" and importlib.util.find_spec("torch")):
        return None
    return True if not any(name in str(argument) for argument in config.args) else None


@pytest.fixture(scope="module", autouse=True)
def _settled_heap():
    """What is there is no garbage: else each collection would look through thousands of tests, and
    those of faults ask for two each."""
    gc.collect()
    gc.freeze()


def _toy_network(seed=0):
    architecture = Architecture("toy", blocks=(2, 2, 1, 1), widths=(4, 6, 8, 8))
    random = np.random.default_rng(seed)
    weights = {}
    for convolution in architecture.convolutions():
        shape = (convolution.outputs, convolution.inputs, 3, 3)
        he = random.standard_normal(shape) * np.sqrt(2 / (9 * convolution.inputs))
        weights[f"{convolution.name}.weight"] = he.astype(np.float32)
        bias = random.uniform(-0.2, 0.2, convolution.outputs)
        weights[f"{convolution.name}.bias"] = bias.astype(np.float32)
    return Network(architecture, weights, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))


@pytest.fixture(scope="session")
def toy_network():
    """`toy_network(seed=0)`: a VGG of six small layers with He weights and biases."""
    return _toy_network


@pytest.fixture(scope="session")
def toy():
    """The toy network with seed 0."""
    return _toy_network()


@pytest.fixture(scope="session")
def picture():
    """`picture(height, width, seed=0)`: random RGB in 0..1, (1, 3, height, width), float64."""

    def make(height, width, seed=0):
        return np.random.default_rng(seed).random((1, 3, height, width))

    return make


@pytest.fixture(scope="session")
def run_reference():
    """`run_reference(graph, inputs, weights={}, lower=direct.lower)`: outputs by name, float64."""
    return _run_reference


@pytest.fixture(scope="session")
def run_onnxruntime():
    """`run_onnxruntime(graph, inputs, weights={})`: the same in float32 by ONNX Runtime."""
    return _run_onnxruntime


def _run_reference(graph, inputs, weights=None, lower=direct.lower):
    import onnx
    from onnx.reference import ReferenceEvaluator

    lowered = lower(graph)
    wide = {name: np.asarray(content, np.float64) for name, content in (weights or {}).items()}
    arranged = {name: arrange(name, wide) for name in lowered.weights}
    model = encode(lowered, "reference", arranged, dtype="float64")
    evaluator = ReferenceEvaluator(onnx.load_model_from_string(model), new_ops=_repaired_ops())
    with np.errstate(over="ignore"):  # the step of HardSigmoid is steep
        results = evaluator.run(None, _fed(lowered, inputs, np.float64))
    return dict(zip(evaluator.output_names, results, strict=True))


def _run_onnxruntime(graph, inputs, weights=None):
    import onnxruntime

    model = encode(direct.lower(graph), "float32", weights or {})
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    results = session.run(None, _fed(graph, inputs, np.float32))
    return dict(zip(names, results, strict=True))


def _fed(graph, inputs, dtype):
    feeds = {name: np.asarray(inputs[name], dtype) for name in graph.inputs}
    return feeds | graph.contents


def _repaired_ops():
    """Ops that onnx's reference evaluator lacks, or has with less than the standard says."""
    from onnx.reference.op_run import OpRun

    class ConvTranspose(OpRun):
        """The reference has no groups."""

        def _run(self, x, weight, **attributes):
            return (_conv_transpose(x, weight, attributes),)

    class Pad(OpRun):
        """The reference cannot cut (negative pads)."""

        def _run(self, x, pads, mode=None):
            for axis, (before, after) in enumerate(zip(*pads.reshape(2, -1), strict=True)):
                kept = range(max(-before, 0), x.shape[axis] - max(-after, 0))
                widths = [(0, 0)] * x.ndim
                widths[axis] = (max(before, 0), max(after, 0))
                x = np.pad(np.take(x, kept, axis), widths, mode or "constant")
            return (x,)

    class FusedMatMul(OpRun):
        """ONNX Runtime's own, with the second factor transposed."""

        op_domain = "com.microsoft"

        def _run(self, x, y, transB=None):
            assert transB == 1
            return (x @ np.swapaxes(y, -1, -2),)

    return [ConvTranspose, Pad, FusedMatMul]


def _conv_transpose(x, weight, attributes):
    """Every element of x stamps its multiple of the kernel onto the output."""
    groups = attributes.get("group") or 1
    strides, dilations = (attributes.get(key) or [1, 1] for key in ("strides", "dilations"))
    pads, extra = attributes.get("pads") or [0] * 4, attributes.get("output_padding") or [0, 0]
    inner, outer = weight.shape[0] // groups, weight.shape[1]
    rows, columns = (
        (x.shape[2 + i] - 1) * strides[i] + (weight.shape[2 + i] - 1) * dilations[i] + 1 + extra[i]
        for i in (0, 1)
    )
    out = np.zeros((x.shape[0], outer * groups, rows, columns), x.dtype)
    for group, row, column in np.ndindex(groups, *weight.shape[2:]):
        taken = slice(group * inner, (group + 1) * inner)
        part = np.einsum("nihw,io->nohw", x[:, taken], weight[taken, :, row, column])
        top, left = row * dilations[0], column * dilations[1]
        down = slice(top, top + (x.shape[2] - 1) * strides[0] + 1, strides[0])
        right = slice(left, left + (x.shape[3] - 1) * strides[1] + 1, strides[1])
        out[:, group * outer : (group + 1) * outer, down, right] += part
    return out[:, :, pads[0] : rows - pads[2], pads[1] : columns - pads[3]]
