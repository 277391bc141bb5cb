"""Loss and gradient of each preset against its source's formula, written out again in torch.

The sources work in 0..255 less the mean colour, and so does a network with a `std` of 1/255.
"""

import numpy as np
import pytest
import torch
from torch.nn import functional

from impasto.engine.engine import Engine
from impasto.engine.presets import preset, presets
from impasto.export.network_file import encode_network
from impasto.export.networks import Architecture, Network

MEAN = (123.68, 116.779, 103.939)
STYLE = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
# Sides that every pooling divides: the sources differ from each other at odd ones.
SHAPE = (32, 48)
# Of float32: the terms differ by 3e-6 at most, the gradients by 1e-6 (measured).
RELATIVE = 1e-5


@pytest.fixture(scope="module")
def network():
    """A small VGG that has all of the presets' layers, its numbers of channels all different."""
    architecture = Architecture("small", blocks=(1, 1, 1, 2, 1), widths=(4, 6, 8, 10, 12))
    random = np.random.default_rng(3)
    weights = {}
    for convolution in architecture.convolutions():
        shape = (convolution.outputs, convolution.inputs, 3, 3)
        he = random.standard_normal(shape) * np.sqrt(2 / (9 * convolution.inputs))
        weights[f"{convolution.name}.weight"] = he.astype(np.float32)
        bias = random.uniform(-5, 5, convolution.outputs)
        weights[f"{convolution.name}.bias"] = bias.astype(np.float32)
    mean = tuple(value / 255 for value in MEAN)
    return Network(architecture, weights, mean=mean, std=(1 / 255,) * 3)


@pytest.fixture(scope="module")
def engine(network, tmp_path_factory):
    path = tmp_path_factory.mktemp("small") / "small.onnx"
    path.write_bytes(encode_network(network))
    return Engine(path, threads=1, device="cpu", lowering="direct")


def prepared(picture):
    """(H, W, 3) in 0..1 -> (1, 3, H, W) float64 in 0..255 less the mean."""
    pixels = torch.tensor(picture, dtype=torch.float64).permute(2, 0, 1)[None] * 255
    return pixels - torch.tensor(MEAN, dtype=torch.float64).view(1, 3, 1, 1)


def layers_of(network, pixels, pool):
    """The activations of each convolution, as matrices of filters by positions."""
    found, x = {}, pixels
    for block, count in enumerate(network.architecture.blocks, 1):
        for number in range(1, count + 1):
            weight, bias = (
                torch.tensor(network.weights[f"conv{block}_{number}.{part}"], dtype=pixels.dtype)
                for part in ("weight", "bias")
            )
            x = torch.relu(functional.conv2d(x, weight, bias, padding=1))
            found[f"relu{block}_{number}"] = x[0].flatten(1)
        x = pool(x, 2, 2)
    return found


def gatys2015(x, photograph, painting, pixels):
    """Equations 1, 4, 5 and 7 with α = 1, β = 1e3 and w = 1/5: sums over positions."""
    yield "content.relu4_2", ((x["relu4_2"] - photograph["relu4_2"]) ** 2).sum() / 2
    for layer in STYLE:
        filters, positions = x[layer].shape
        difference = x[layer] @ x[layer].T - painting[layer] @ painting[layer].T
        error = (difference**2).sum() / (4 * filters**2 * positions**2)
        yield f"style.{layer}", 1e3 * (1 / 5) * error


def neuralart(x, photograph, painting, pixels):
    """`build_content_loss` and `build_style_loss` of main.py; strength 500, weights of 1."""
    filters, positions = photograph["relu4_2"].shape
    difference = ((x["relu4_2"] - photograph["relu4_2"]) ** 2).sum()
    yield "content.relu4_2", 1 / (2 * filters**0.5 * positions**0.5) * difference
    for layer in STYLE:
        filters, positions = painting[layer].shape
        grams = (x[layer] @ x[layer].T, painting[layer] @ painting[layer].T)
        loss = 1 / (4 * filters**2 * positions**2) * ((grams[0] - grams[1]) ** 2).sum()
        yield f"style.{layer}", 500 * 1.0 * loss


def johnson(x, photograph, painting, pixels):
    """ContentLoss, StyleLoss and TVLoss of neural_style.lua.

    TVLoss gives a gradient only: that of half of the squared differences, of all pixels but those
    of the last row and column. We have the last row's and column's too.
    """
    yield "content.relu4_2", 5e0 * functional.mse_loss(x["relu4_2"], photograph["relu4_2"])
    for layer in STYLE:
        ours, theirs = (
            features[layer] @ features[layer].T / features[layer].numel()
            for features in (x, painting)
        )
        yield f"style.{layer}", 1e2 * functional.mse_loss(ours, theirs)
    inner = pixels[:, :, :-1, :-1]
    across, down = pixels[:, :, :-1, 1:] - inner, pixels[:, :, 1:, :-1] - inner
    last_row, last_column = pixels[:, :, -1].diff(dim=-1), pixels[:, :, :, -1].diff(dim=-1)
    parts = (across, down, last_row, last_column)
    yield "tv", 1e-3 * sum((part**2).sum() for part in parts) / 2


SOURCES = {"gatys2015": gatys2015, "neuralart": neuralart, "johnson": johnson}
POOLS = {"gatys2015": "avg_pool2d", "neuralart": "avg_pool2d", "johnson": "max_pool2d"}


def in_torch(name, network, photograph, painting, canvas):
    """The terms of the loss, and its gradient by the canvas in 0..1."""
    pool = getattr(functional, POOLS[name])
    pixels = prepared(canvas).requires_grad_()
    seen = [layers_of(network, prepared(p), pool) for p in (photograph, painting)]
    terms = dict(SOURCES[name](layers_of(network, pixels, pool), *seen, pixels))
    (gradient,) = torch.autograd.grad(sum(terms.values()), pixels)
    found = {term: value.item() for term, value in terms.items()}
    return {"tv": 0.0} | found, 255 * gradient[0].permute(1, 2, 0).numpy()


def pictures(*shapes):
    random = np.random.default_rng(7)
    coarse = (random.random((-(-h // 4), -(-w // 4), 3)) for h, w in shapes)
    for (height, width), blocks in zip(shapes, coarse, strict=True):
        grown = blocks.repeat(4, 0).repeat(4, 1)[:height, :width]
        fine = random.random((height, width, 3))
        yield (0.7 * grown + 0.3 * fine).astype(np.float32)


def test_every_preset_has_a_formula_here():
    assert list(SOURCES) == [made.name for made in presets()]


@pytest.mark.parametrize(
    "name, painted",
    [
        ("gatys2015", SHAPE),
        ("neuralart", SHAPE),
        ("johnson", SHAPE),
        # The two others ask for a painting of the canvas's size.
        ("johnson", (48, 48)),
    ],
)
def test_terms_and_gradient_are_those_of_the_source(name, painted, engine, network, relative_error):
    photograph, painting, canvas = pictures(SHAPE, painted, SHAPE)
    terms, gradient = in_torch(name, network, photograph, painting, canvas)
    objective = engine.objective(photograph, painting, preset(name, size=max(SHAPE)))
    ours = objective.measure(canvas)
    assert ours.terms == pytest.approx(terms, rel=RELATIVE)
    assert ours.loss == pytest.approx(sum(terms.values()), rel=RELATIVE)
    assert relative_error(ours.gradient, gradient) < RELATIVE
