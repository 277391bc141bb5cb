"""A canvas whose opposite sides join, against torch's own circular padding."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from impasto.engine.engine import Engine
from impasto.engine.options import Options
from impasto.engine.stop import Stop
from impasto.export.network_file import encode_network

from . import torch_vgg

SHAPE = (48, 64)


@pytest.fixture(params=["direct", "winograd"])
def engine(request, toy, tmp_path):
    path = tmp_path / "toy.onnx"
    path.write_bytes(encode_network(toy))
    return Engine(path, threads=1, device="cpu", lowering=request.param)


def circular(network, image, pooling):
    """Every layer: what each convolution sees around its input is the input's opposite side."""
    dtype = image.dtype
    mean, std = (
        torch.tensor(part, dtype=dtype).view(1, 3, 1, 1) for part in (network.mean, network.std)
    )
    x = (image - mean) / std
    layers = {}
    for block, count in enumerate(network.architecture.blocks, 1):
        for number in range(1, count + 1):
            weight, bias = (
                torch.tensor(network.weights[f"conv{block}_{number}.{part}"], dtype=dtype)
                for part in ("weight", "bias")
            )
            x = functional.pad(x, (1, 1, 1, 1), mode="circular")
            x = functional.relu(functional.conv2d(x, weight, bias))
            layers[f"relu{block}_{number}"] = x
        x = torch_vgg.POOLINGS[pooling](x, 2)
    return layers


def mirrored(picture):
    """Its mirror images around it, as one tile of a plane: those of a tile are the same."""
    wide = torch.cat([picture, picture.flip(3)], 3)
    return torch.cat([wide, wide.flip(2)], 2)


def seen_shape(layer):
    """Of the picture itself, which is the first of its four images."""
    return layer.shape[2] // 2, layer.shape[3] // 2


@pytest.mark.parametrize("pooling", ["max", "average"])
def test_loss_and_gradient_are_those_of_circular_padding(engine, toy, pooling, relative_error):
    random = np.random.default_rng(0)
    content, canvas = (random.random((*SHAPE, 3)).astype(np.float32) for _ in range(2))
    style = random.random((*SHAPE, 3)).astype(np.float32)  # looked at in this size
    options = Options(
        content_layers={"relu2_2": 1.0, "relu4_1": 1.0},
        style_layers={"relu1_1": 1.0, "relu3_1": 2.0, "relu4_1": 1.0},
        tv_weight=0.3,
        pool=pooling,
        border="wrap",
    )
    ours = engine.objective_at(content, [style], options, Stop()).measure(canvas)

    image = torch_vgg.image_of(canvas, torch.float64).requires_grad_()
    seen = circular(toy, torch_vgg.image_of(content, torch.float64), pooling)
    painted = circular(toy, mirrored(torch_vgg.image_of(style, torch.float64)), pooling)
    found = {f"content.{layer}": seen[layer] for layer in options.content_layers}
    for layer in options.style_layers:
        height, width = seen_shape(painted[layer])
        found[f"style.{layer}"] = torch_vgg.gram(painted[layer][:, :, :height, :width])
    factors = torch_vgg.relative(options, found)
    layers = circular(toy, image, pooling)
    terms = {}
    for name, target in found.items():
        kind, layer = name.split(".")
        value = layers[layer] if kind == "content" else torch_vgg.gram(layers[layer])
        terms[name] = factors[name] * ((value - target) ** 2).sum()
    steps = [(image.roll(-1, axis) - image) ** 2 for axis in (2, 3)]
    terms["tv"] = factors["tv"] * sum(step.sum() for step in steps) / (SHAPE[0] * SHAPE[1])
    (gradient,) = torch.autograd.grad(sum(terms.values()), image)

    for name, term in terms.items():
        assert ours.terms[name] == pytest.approx(float(term.detach()), rel=1e-4), name
    exact = gradient[0].permute(1, 2, 0).numpy()
    assert relative_error(ours.gradient, exact) < 1e-4
