"""Our readers against torch itself: checkpoints that it wrote, in both of its layouts."""

import numpy as np
import pytest
import torch

from impasto.export.networks import Architecture
from impasto.export.weights.convolutions import read_convolutions
from impasto.export.weights.open import open_weights
from impasto.export.weights.torch_file import TorchLegacyFile, TorchZipFile

LAYOUTS = {True: TorchZipFile, False: TorchLegacyFile}
TINY = Architecture("tiny", (2, 1, 2), (4, 5, 6))


def vgg():
    """The layout of torchvision.models.vgg: features, then a classifier."""
    torch.manual_seed(0)
    layers, inputs = [], 3
    for count, width in zip(TINY.blocks, TINY.widths, strict=True):
        for _ in range(count):
            layers += [torch.nn.Conv2d(inputs, width, 3, padding=1), torch.nn.ReLU(inplace=True)]
            inputs = width
        layers.append(torch.nn.MaxPool2d(2, 2))
    network = torch.nn.Module()
    network.features = torch.nn.Sequential(*layers)
    network.classifier = torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.BatchNorm1d(5))
    return network


@pytest.fixture(params=LAYOUTS)
def save(request, tmp_path):
    def write(state, **options):
        path = tmp_path / "weights.pth"
        torch.save(state, path, _use_new_zipfile_serialization=request.param, **options)
        return path

    write.reader = LAYOUTS[request.param]
    return write


def compare(path, state, reader):
    with open_weights(path) as source:
        assert isinstance(source, reader)
        assert list(source.tensors) == list(state)
        for name, tensor in state.items():
            assert source.tensors[name].shape == tuple(tensor.shape)
            assert source.tensors[name].dtype == str(tensor.dtype).removeprefix("torch.")
            if tensor.dtype == torch.bfloat16:
                np.testing.assert_array_equal(source.read(name), tensor.float().numpy())
            elif tensor.is_floating_point():
                read = source.read(name)
                assert read.flags.c_contiguous and read.flags.writeable
                np.testing.assert_array_equal(read, tensor.detach().numpy())


def test_state_dict_is_read_exactly(save):
    state = vgg().state_dict()
    assert any(tensor.dtype == torch.int64 for tensor in state.values())
    compare(save(state), state, save.reader)


def test_state_dict_of_parameters_is_read_exactly(save):
    state = vgg().state_dict(keep_vars=True)
    compare(save(state), state, save.reader)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64, torch.bfloat16])
def test_other_precisions_are_read_exactly(save, dtype):
    state = vgg().to(dtype).state_dict()
    compare(save(state), state, save.reader)


def test_views_share_storage_and_keep_their_values(save):
    base = torch.arange(120.0)
    state = {
        "whole": base,
        "part": base[7:31].view(2, 3, 4),
        "turned": base[:24].view(4, 6).t(),
        "strided": base[1::5],
        "channels_last": torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last),
        "empty": torch.zeros(0, 3),
        "scalar": torch.tensor(2.5),
    }
    compare(save(state), state, save.reader)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_pickle_protocol_is_read(save, protocol):
    state = vgg().state_dict()
    compare(save(state, pickle_protocol=protocol), state, save.reader)


def test_training_checkpoint_is_read_by_its_state_dict(save):
    network = vgg()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    network.features(torch.ones(1, 3, 8, 8)).sum().backward()
    optimizer.step()
    state = network.state_dict()
    path = save({"epoch": 3, "optimizer": optimizer.state_dict(), "state_dict": state})
    compare(path, state, save.reader)


def test_convolutions_are_those_of_the_network(save):
    network = vgg()
    with open_weights(save(network.state_dict())) as source:
        found = read_convolutions(source, TINY)
    layers = [layer for layer in network.features if isinstance(layer, torch.nn.Conv2d)]
    for convolution, layer in zip(TINY.convolutions(), layers, strict=True):
        weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
        np.testing.assert_array_equal(found[f"{convolution.name}.weight"], weight)
        np.testing.assert_array_equal(found[f"{convolution.name}.bias"], bias)
