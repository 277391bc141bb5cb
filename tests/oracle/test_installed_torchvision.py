"""`--from torchvision`: the weights of the installed package, as a network of ours."""

import numpy as np
import pytest
import torchvision

from impasto.export.importing import import_torchvision


@pytest.mark.parametrize("family", ["vgg16", "vgg19"])
def test_installed_torchvision_gives_its_convolutions(family, monkeypatch):
    """torchvision's own code runs up to its download, which gives its random model's state here."""
    state = getattr(torchvision.models, family)(weights=None).state_dict()
    asked = []

    def download(url, **rest):
        asked.append(url)
        return state

    monkeypatch.setattr(torchvision.models._api, "load_state_dict_from_url", download)
    network = import_torchvision(family)
    assert [url.rsplit("/")[-1].split("-")[0] for url in asked] == [family]
    theirs = [value.numpy() for name, value in state.items() if name.startswith("features.")]
    ours = [
        network.weights[f"{convolution.name}.{part}"]
        for convolution in network.architecture.convolutions()
        for part in ("weight", "bias")
    ]
    assert len(ours) == len(theirs)
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(mine, other)
