"""Comparisons with torch and torchvision, which are nowhere else needed.

The folder is run by itself, where torch is installed; a missing torch is a failure and not a skip.
"""

import numpy as np
import pytest
import torch

from impasto.export.networks import FAMILIES, Network

assert torch.version.cuda is None, (
    f"the comparisons are made with torch on the CPU, but torch {torch.__version__} is one for "
    f"CUDA {torch.version.cuda}: install its CPU build, with `make clean` and "
    "`make oracle TORCH=...` that names it"
)

# torchvision built for another torch (with CUDA, say) lacks its compiled ops; VGG needs none of
# them, but torchvision describes these two when it is imported.
_OPS = torch.library.Library("torchvision", "FRAGMENT")
for _name in ("nms", "qnms"):
    if not hasattr(torch.ops.torchvision, _name):
        _OPS.define(f"{_name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}


@pytest.fixture(scope="session")
def torchvision_model():
    """`torchvision_model(family)`: the random VGG of torchvision with biases that are not zero."""
    import torchvision

    models = {}

    def make(family):
        if family not in models:
            torch.manual_seed(0)
            with torch.device("meta"):
                model = getattr(torchvision.models, family)(weights=None).features
            model = model.to_empty(device="cpu").eval()
            for module in model:
                if isinstance(module, torch.nn.Conv2d):
                    torch.nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                    torch.nn.init.uniform_(module.bias, -0.1, 0.1)
            models[family] = model
        return models[family]

    return make


@pytest.fixture(scope="session")
def torchvision_network(torchvision_model):
    """`torchvision_network(family)`: the same weights as a network of ours."""

    def make(family):
        model = torchvision_model(family)
        modules = [module for module in model if isinstance(module, torch.nn.Conv2d)]
        weights = {}
        for ours, theirs in zip(FAMILIES[family].convolutions(), modules, strict=True):
            weights[f"{ours.name}.weight"] = theirs.weight.detach().numpy()
            weights[f"{ours.name}.bias"] = theirs.bias.detach().numpy()
        return Network(FAMILIES[family], weights, **IMAGENET)

    return make


@pytest.fixture(scope="session")
def relative_error():
    """`relative_error(a, exact)`: L2 norm of the difference by that of the exact value."""

    def measure(a, exact):
        a, exact = (np.asarray(value, np.float64) for value in (a, exact))
        return np.linalg.norm(a - exact) / np.linalg.norm(exact)

    return measure
