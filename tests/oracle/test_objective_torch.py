"""Terms and gradient against the same formulas written again in torch, with its autograd."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from impasto.engine.programs import Selection
from impasto.export.networks import FAMILIES, Network
from impasto.export.program import objective_graph

from . import torch_vgg

# our float32 error may be this many times that of torch; and both may be lucky
TIMES, FLOOR = 3, 1e-7

CONTENT = ("relu4_2",)
STYLE = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")


def torch_targets(network, content, style, picture, painting, pooling):
    """Targets by the names of the program's inputs, computed in float64, rounded to float32."""
    pictures = (torch.tensor(image, dtype=torch.float64) for image in (picture, painting))
    found = torch_vgg.targets(network, content, style, *pictures, pooling=pooling)
    return {name: value.numpy().astype(np.float32) for name, value in found.items()}


def torch_objective(network, feeds, pooling, dtype):
    """Gradient and terms as numpy arrays."""
    found = {name: torch.tensor(value, dtype=dtype) for name, value in feeds.items()}
    image, coefficients = found.pop("image").requires_grad_(), found.pop("coefficients")
    factors = dict(zip([*found, "tv"], coefficients, strict=True))
    loss, terms = torch_vgg.objective(network, found, factors, image, pooling=pooling)
    (gradient,) = torch.autograd.grad(loss, image)
    terms = torch.stack(list(terms.values())).detach()
    return {"terms": terms.numpy(), "gradient": gradient.numpy()}


def smooth_picture(height, width, seed):
    """Noise with structure at several scales, as float32 in 0..1."""
    random = np.random.default_rng(seed)
    total = 0
    for scale in (1, 4, 16):
        rows, columns = -(-height // scale), -(-width // scale)
        noise = random.random((1, 3, rows, columns)).repeat(scale, 2).repeat(scale, 3)
        total = total + noise[:, :, :height, :width]
    return (total / 3).astype(np.float32)


@pytest.mark.parametrize("family", ["vgg19", "vgg16"])
@pytest.mark.parametrize("pooling", ["max", "average"])
@pytest.mark.parametrize("height, width", [(64, 64), (67, 83)])
def test_objective_is_as_exact_as_in_torch(
    family, pooling, height, width, torchvision_network, run_onnxruntime, relative_error
):
    whole = torchvision_network(family)
    network = replace(whole, architecture=whole.architecture.up_to("relu5_1"))
    content = smooth_picture(height, width, 1)
    targets = torch_targets(network, CONTENT, STYLE, content, smooth_picture(71, 58, 2), pooling)
    sizes = [np.sum(value.astype(float) ** 2) for value in targets.values()]
    coefficients = np.array([*(1 / size for size in sizes), 10.0], np.float32)
    feeds = {"image": smooth_picture(height, width, 3), "coefficients": coefficients, **targets}
    single, exact = (
        torch_objective(network, feeds, pooling, dtype) for dtype in (torch.float32, torch.float64)
    )
    graph = objective_graph(network, Selection(CONTENT, STYLE, pooling, "zeros"))
    ours = run_onnxruntime(graph, feeds, network.weights)
    for name in ("terms", "gradient"):
        assert np.shape(ours[name]) == np.shape(exact[name])
        bound = TIMES * relative_error(single[name], exact[name]) + FLOOR
        assert relative_error(ours[name], exact[name]) <= bound, name


def exact_network(toy, bias):
    """The toy network with weights in sixteenths: every sum is exact, and so every tie is one."""
    weights = {
        name: np.round(content * 16) / 16 * (1 if name.endswith("weight") else bias)
        for name, content in toy.weights.items()
    }
    return Network(toy.architecture, weights, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))


def flat(height, width, value):
    return np.full((1, 3, height, width), value)


def two_halves(height, width):
    image = flat(height, width, 0.25)
    image[:, :, :, width // 2 :] = 0.75
    return image


def few_values(height, width):
    return np.random.default_rng(5).choice([0.25, 0.5, 1.0], (1, 3, height, width))


PICTURES = {
    "zero after preparation": lambda h, w: flat(h, w, 0.5),
    "flat": lambda h, w: flat(h, w, 0.75),
    "black": lambda h, w: flat(h, w, 0.0),
    "two halves": two_halves,
    "few values": few_values,
}


@pytest.mark.parametrize("image", PICTURES.values(), ids=PICTURES)
@pytest.mark.parametrize("bias", [0, 1])
@pytest.mark.parametrize("pooling", ["max", "average"])
@pytest.mark.parametrize("height, width", [(16, 16), (17, 19), (22, 25)])
def test_ties_and_exact_zeros_go_as_in_torch(
    image, bias, pooling, height, width, toy, run_reference
):
    network = exact_network(toy, bias)
    content, style = ("relu2_1", "pool3"), ("relu1_1", "relu4_1", "pool4")
    pictures = few_values(height, width) * 0.5, few_values(18, 16)
    targets = torch_targets(network, content, style, *pictures, pooling)
    feeds = {"image": image(height, width), "coefficients": np.ones(6), **targets}
    exact = torch_objective(network, feeds, pooling, torch.float64)
    graph = objective_graph(network, Selection(content, style, pooling, "zeros"))
    ours = run_reference(graph, feeds, network.weights)
    for name in ("terms", "gradient"):
        scale = np.abs(exact[name]).max()
        np.testing.assert_allclose(ours[name], exact[name], rtol=1e-9, atol=1e-9 * scale)


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_flat_picture_has_the_terms_that_torch_finds(family, torchvision_network, run_onnxruntime):
    """In float32 rounding breaks the ties of a flat picture, and its gradient is another one."""
    whole = torchvision_network(family)
    network = replace(whole, architecture=whole.architecture.up_to("relu5_1"))
    targets = torch_targets(
        network, CONTENT, STYLE, smooth_picture(48, 56, 1), smooth_picture(50, 50, 2), "max"
    )
    sizes = [np.sum(value.astype(float) ** 2) for value in targets.values()]
    coefficients = np.array([*(1 / size for size in sizes), 1.0], np.float32)
    feeds = {"image": flat(48, 56, np.float32(0.3)), "coefficients": coefficients, **targets}
    exact = torch_objective(network, feeds, "max", torch.float64)
    graph = objective_graph(network, Selection(CONTENT, STYLE, "max", "zeros"))
    ours = run_onnxruntime(graph, feeds, network.weights)
    np.testing.assert_allclose(ours["terms"], exact["terms"], rtol=2e-5)
