"""Every layer of our networks against torchvision's own VGG with the same random weights."""

import copy

import numpy as np
import pytest
import torch

from impasto.export.features import append_features
from impasto.export.graph import Graph

# our float32 error may be this many times that of torch; and both may be lucky
TIMES, FLOOR = 3, 1e-7


def torchvision_features(model, network, image, dtype):
    """The output of every ReLU and pooling, in order."""
    mean, std = (
        torch.tensor(part, dtype=dtype).view(1, 3, 1, 1) for part in (network.mean, network.std)
    )
    x = (torch.tensor(image, dtype=dtype) - mean) / std
    found = []
    with torch.no_grad():
        for module in copy.deepcopy(model).to(dtype):
            x = module(x)
            if isinstance(module, torch.nn.Conv2d):
                continue
            found.append(x.clone().numpy())
    return found


@pytest.mark.parametrize("family", ["vgg19", "vgg16"])
@pytest.mark.parametrize("height, width", [(64, 64), (67, 49)])
def test_every_layer_is_as_exact_as_in_torch(
    family, height, width, torchvision_model, torchvision_network, run_onnxruntime, relative_error
):
    model, network = torchvision_model(family), torchvision_network(family)
    image = np.random.default_rng(0).random((1, 3, height, width)).astype(np.float32)
    b = Graph()
    value = b.input("image", (1, 3, "H", "W"))
    layers = append_features(b, value, network.architecture, network.mean, network.std)
    for name, layer in layers.items():
        b.output(name, layer)
    ours = run_onnxruntime(b, {"image": image}, network.weights)
    single, exact = (
        torchvision_features(model, network, image, dtype)
        for dtype in (torch.float32, torch.float64)
    )
    assert list(ours) == list(network.architecture.layers())
    for (name, features), theirs, truth in zip(ours.items(), single, exact, strict=True):
        assert features.shape == truth.shape, name
        error = relative_error(features, truth)
        assert error <= TIMES * relative_error(theirs, truth) + FLOOR, name
