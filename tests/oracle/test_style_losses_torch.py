"""The style losses of whole objectives, written again in torch with eigenvalues and autograd."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from impasto.engine.engine import Engine
from impasto.engine.options import Options
from impasto.export.network_file import encode_network

from . import torch_vgg

STYLE = ("relu1_1", "relu2_1", "relu3_1")


@pytest.fixture(scope="module")
def network(toy_network):
    return toy_network(3)


def moments(layer):
    flat = layer[0].flatten(1)
    mean = flat.mean(dim=1)
    return flat @ flat.T / flat.shape[1], mean


def root(matrix):
    values, vectors = torch.linalg.eigh(matrix)
    return (vectors * values.clamp(min=0).sqrt()) @ vectors.T


def distance(loss, layer, target):
    (gram, mean), (of_gram, of_mean) = moments(layer), moments(target)
    s, t = gram - torch.outer(mean, mean), of_gram - torch.outer(of_mean, of_mean)
    apart = ((mean - of_mean) ** 2).sum()
    if loss == "moments":
        one, other = ((torch.diagonal(x).clamp(min=0) + 1e-5).sqrt() for x in (s, t))
        return apart + ((one - other) ** 2).sum()
    half = root(t)
    small = 1e-3 * torch.linalg.norm(t) + 1e-5
    values = torch.linalg.eigvalsh(half @ s @ half + small**2 * torch.eye(len(t)))
    common = (values.sqrt() - small).sum()
    return apart + torch.trace(s) + torch.trace(t) - 2 * common


@pytest.mark.parametrize("loss", ["moments", "wasserstein"])
@pytest.mark.parametrize("lowering", ["direct", "winograd"])
def test_loss_and_gradient_are_those_of_torch(loss, lowering, network, tmp_path):
    path = tmp_path / "toy.onnx"
    path.write_bytes(encode_network(network))
    random = np.random.default_rng(1)
    content, canvas = (random.random((40, 48, 3)).astype(np.float32) for _ in range(2))
    painting = random.random((40, 48, 3)).astype(np.float32) ** 3
    options = Options(
        size=48,
        levels=1,
        content_layers={"relu3_1": 1.0},
        style_layers=dict(zip(STYLE, (1.0, 2.0, 1.0), strict=True)),
        style_loss=loss,
        style_falloff=0.5,
        tv_weight=0.3,
        tv_loss="absolute",
        border="zeros",
    )
    engine = Engine(path, threads=1, device="cpu", lowering=lowering)
    found, gradient = engine.objective(content, painting, options).evaluate(canvas)
    wide = replace(network)
    x = torch_vgg.image_of(canvas, torch.float64).requires_grad_()
    layers = torch_vgg.features(wide, x)
    with torch.no_grad():
        seen, painted = (
            torch_vgg.features(wide, torch_vgg.image_of(picture, torch.float64))
            for picture in (content, painting)
        )
    target = seen["relu3_1"]
    expected = ((layers["relu3_1"] - target) ** 2).sum() / (target**2).sum()
    shares = np.array([1.0, 2.0 * 0.5, 1.0 * 0.25])
    for layer, share in zip(STYLE, shares / shares.sum(), strict=True):
        size = torch.trace(moments(painted[layer])[0])
        term = distance(loss, layers[layer], painted[layer])
        expected = expected + options.style_factor * share * term / size
    down, right = x.diff(dim=2).abs().sum(), x.diff(dim=3).abs().sum()
    expected = expected + 0.3 * (down + right) / (40 * 48)
    expected.backward()
    by_torch = x.grad[0].permute(1, 2, 0).numpy()
    accuracy = 1e-4 if loss == "wasserstein" else 1e-5
    assert found == pytest.approx(expected.item(), rel=accuracy)
    assert np.linalg.norm(gradient - by_torch) <= 10 * accuracy * np.linalg.norm(by_torch)
