"""The direct lowering of pooling's gradients, and what a GPU can run of the direct lowering."""

from itertools import product

import numpy as np
import pytest

from impasto.engine.programs import Selection
from impasto.export import program
from impasto.export.graph import Graph
from impasto.export.lowering import direct

from .gradients import gradient

# Of opset 18, with a float32 kernel for CUDA in ONNX Runtime 1.24 (docs/OperatorKernels.md), or of
# sizes and shapes, which are computed beside the device.
ON_CUDA = {
    "Abs", "Add", "AveragePool", "Concat", "Conv", "ConvTranspose", "Div", "Expand", "Greater",
    "HardSigmoid", "MatMul", "Max", "MaxPool", "Mul", "Neg", "Pad", "ReduceMean", "ReduceSum",
    "ReduceSumSquare", "Relu", "Reshape", "Shape", "Size", "Slice", "Sqrt", "Sub", "Transpose",
    "Unsqueeze", "Cast", "Identity",
}  # fmt: skip


@pytest.mark.parametrize("build", ["content_graph", "style_graph", "objective_graph"])
@pytest.mark.parametrize("pool", ["max", "average"])
@pytest.mark.parametrize("border", ["replicate", "reflect", "zeros"])
def test_every_op_of_the_direct_lowering_has_a_kernel_for_cuda(toy, build, pool, border):
    selection = Selection(("relu3_1",), ("relu1_1", "relu2_1", "relu3_1"), pool, border)
    lowered = direct.lower(getattr(program, build)(toy, selection))
    assert {node.op for node in lowered.nodes} - ON_CUDA == set()


def pooled_gradient(op, kernel, shape, pooled):
    b = Graph()
    x, g = b.input("x", (*shape[:2], "H", "W")), b.input("g", pooled)
    y = b.op(op, x, kernel_shape=list(kernel), strides=list(kernel))
    kept = b.op("Reshape", y, b.op("Shape", g), like=g.shape)
    loss = b.op("ReduceSum", b.op("Mul", kept, g), keepdims=0)
    b.output("gradient", gradient(b, loss, x))
    return b


def by_hand(op, x, g, kernel):
    """Every window on its own: numpy's argmax is the first maximum in row order."""
    out = np.zeros_like(x)
    height, width = kernel
    for n, c, i, j in np.ndindex(g.shape):
        place = (n, c, slice(i * height, (i + 1) * height), slice(j * width, (j + 1) * width))
        if op == "AveragePool":
            out[place] = g[n, c, i, j] / (height * width)
        else:
            share = np.zeros(height * width)
            share[np.argmax(x[place])] = g[n, c, i, j]
            out[place] = share.reshape(kernel)
    return out


@pytest.mark.parametrize("run", ["run_reference", "run_onnxruntime"])
@pytest.mark.parametrize("op", ["MaxPool", "AveragePool"])
@pytest.mark.parametrize("kernel", [(2, 2), (1, 2), (2, 1), (3, 2), (2, 4), (1, 1)])
def test_gradients_are_those_written_by_hand(run, op, kernel, request):
    run, random = request.getfixturevalue(run), np.random.default_rng(0)
    for rows, columns, more, wider in product((1, 3), (1, 2), range(kernel[0]), range(kernel[1])):
        shape = (1, 3, rows * kernel[0] + more, columns * kernel[1] + wider)
        g = random.integers(-9, 9, (1, 3, rows, columns)) * 8.0
        ties, plain = random.integers(0, 2, shape), random.standard_normal(shape)
        for x in (ties * 1.0, plain.astype(np.float32).astype(float), -np.ones(shape)):
            graph = pooled_gradient(op, kernel, shape, g.shape)
            found = run(graph, {"x": x, "g": g})["gradient"]
            np.testing.assert_allclose(found, by_hand(op, x, g, kernel), rtol=1e-6, atol=0)


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_the_largest_pixel_of_any_magnitude_takes_all(run_onnxruntime, scale):
    random = np.random.default_rng(1)
    x = (random.standard_normal((1, 2, 6, 6)) * scale).astype(np.float32)
    g = random.standard_normal((1, 2, 3, 3)).astype(np.float32)
    graph = pooled_gradient("MaxPool", (2, 2), x.shape, g.shape)
    found = run_onnxruntime(graph, {"x": x, "g": g})["gradient"]
    np.testing.assert_array_equal(found, by_hand("MaxPool", x, g, (2, 2)))


def test_neighbouring_floats_are_no_tie(run_onnxruntime):
    x = np.ones((1, 1, 2, 2), np.float32)
    x[0, 0, 1, 1] = np.nextafter(np.float32(1), np.float32(2))
    graph = pooled_gradient("MaxPool", (2, 2), x.shape, (1, 1, 1, 1))
    found = run_onnxruntime(graph, {"x": x, "g": np.full((1, 1, 1, 1), 5.0)})["gradient"]
    assert found.reshape(-1).tolist() == [0, 0, 0, 5]
