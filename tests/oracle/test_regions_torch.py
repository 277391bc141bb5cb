"""Regions with styles of their own, against guided Gram matrices written out in torch."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from impasto.engine.engine import Engine
from impasto.engine.options import Options
from impasto.engine.regions import Sight
from impasto.engine.stop import Stop
from impasto.export.network_file import encode_network

from . import torch_vgg

SHAPE = (48, 64)
STRIDES = {"relu1_1": 1, "relu3_1": 4}


@pytest.fixture(params=["direct", "winograd"])
def engine(request, toy, tmp_path):
    path = tmp_path / "toy.onnx"
    path.write_bytes(encode_network(toy))
    return Engine(path, threads=1, device="cpu", lowering=request.param)


def guided_gram(features, mask, stride):
    """The mean of f fᵀ weighted by the mean of the mask over each position's pixels."""
    weights = functional.avg_pool2d(torch.tensor(mask, dtype=torch.float64)[None, None], stride)
    flat, counts = features.flatten(2)[0], weights.flatten()
    return (flat * counts) @ flat.T / counts.sum()


def test_loss_and_gradient_are_those_of_guided_gram_matrices(engine, toy, relative_error):
    random = np.random.default_rng(0)
    pictures = [random.random((*SHAPE, 3)).astype(np.float32) for _ in range(4)]
    content, canvas, *styles = pictures
    ramp = np.linspace(0, 1, SHAPE[1], dtype=np.float32)[None].repeat(SHAPE[0], axis=0)
    shown = np.zeros(SHAPE, np.uint8)
    shown[8:40, 4:50] = 255
    sights = [Sight(ramp, (0,), shown), Sight((1 - ramp) ** 2, (1,))]
    options = Options(
        content_layers={"relu2_2": 1.0},
        style_layers={"relu1_1": 1.0, "relu3_1": 2.0},
        border="zeros",
    )
    ours = engine.objective_at(content, styles, options, Stop(), sights=sights).measure(canvas)

    def layers_of(picture):
        return torch_vgg.features(toy, picture)

    image = torch_vgg.image_of(canvas, torch.float64).requires_grad_()
    seen = layers_of(torch_vgg.image_of(content, torch.float64))["relu2_2"]
    painted = [layers_of(torch_vgg.image_of(style, torch.float64)) for style in styles]
    layers = layers_of(image)
    terms = {"content.relu2_2": ((layers["relu2_2"] - seen) ** 2).sum() / (seen**2).sum()}
    masks = [shown / 255, np.ones(SHAPE)]
    for layer, weight in options.style_layers.items():
        for region, sight in enumerate(sights):
            stride = STRIDES[layer]
            target = guided_gram(painted[region][layer], masks[region], stride)
            found = guided_gram(layers[layer], sight.mask, stride)
            factor = options.style_factor * weight / 3 * float(sight.mask.mean())
            distance = ((found - target) ** 2).sum() / (target**2).sum()
            terms[f"style.{layer}@{region}"] = factor * distance
    (gradient,) = torch.autograd.grad(sum(terms.values()), image)

    for name, term in terms.items():
        assert ours.terms[name] == pytest.approx(float(term.detach()), rel=1e-4), name
    assert relative_error(ours.gradient, gradient[0].permute(1, 2, 0).numpy()) < 1e-4
