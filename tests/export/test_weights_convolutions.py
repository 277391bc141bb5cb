import sys
import types

import numpy as np
import pytest

from impasto.engine.errors import (
    CorruptModel,
    IncompatibleModel,
    ModelNotFound,
    RuntimeMissing,
)
from impasto.export.networks import FAMILIES, Architecture
from impasto.export.weights.convolutions import read_convolutions
from impasto.export.weights.naming import SCHEMES
from impasto.export.weights.open import open_weights
from impasto.export.weights.torchvision_source import from_torchvision

from .checkpoints import (
    TINY,
    as_keras,
    as_torchvision,
    weights_of,
    write_h5,
    write_npz,
    write_onnx,
    write_safetensors,
)

KERAS = (
    "{layer}/{layer}_{letter}_1:0",
    "{layer}/{layer}/{part}:0",
    "model_weights/{layer}/{layer}/{part}:0",
    "model_weights/vgg/{layer}_1/{part}",
)


def read(path, architecture=TINY):
    with open_weights(path) as source:
        return read_convolutions(source, architecture)


def assert_same(found, expected):
    assert list(found) == list(expected)
    for name, value in expected.items():
        assert found[name].dtype == np.float32 and found[name].flags.c_contiguous
        np.testing.assert_array_equal(found[name], value)


@pytest.mark.parametrize("prefix", ["features.", "", "module.features.", "features.module."])
def test_torchvision_names_are_read(tmp_path, prefix):
    weights = weights_of()
    tensors = as_torchvision(weights, prefix)
    if prefix:
        tensors["classifier.0.weight"] = np.ones((2, 3), np.float32)
    assert_same(read(write_safetensors(tmp_path / "x", tensors)), weights)


def test_our_own_names_are_read_and_widened(tmp_path):
    half = {name: value.astype(np.float16) for name, value in weights_of().items()}
    widened = {name: value.astype(np.float32) for name, value in half.items()}
    assert_same(read(write_npz(tmp_path / "x", half)), widened)


@pytest.mark.parametrize("pattern", KERAS)
def test_keras_names_are_read_and_transposed(tmp_path, pattern):
    weights = weights_of()
    tensors = as_keras(weights, pattern) | {"predictions/kernel:0": np.ones((2, 2), np.float32)}
    assert_same(read(write_h5(tmp_path / "x", tensors)), weights)


def test_keras_3_layers_are_known_by_their_attribute(tmp_path):
    import h5py

    weights = weights_of()
    with h5py.File(tmp_path / "x", "w") as file:
        for number, conv in enumerate(TINY.convolutions()):
            group = file.create_group(f"layers/conv2d_{number}/vars")
            group.attrs["name"] = conv.name.replace("conv", "block").replace("_", "_conv")
            group["0"] = weights[f"{conv.name}.weight"].transpose(2, 3, 1, 0)
            group["1"] = weights[f"{conv.name}.bias"]
    assert_same(read(tmp_path / "x"), weights)


def test_foreign_onnx_is_read_in_the_order_of_its_nodes(tmp_path):
    weights = weights_of()
    assert_same(read(write_onnx(tmp_path / "x", weights)), weights)


@pytest.mark.parametrize(
    "change",
    [{"strides": [2, 2]}, {"pads": [0, 0, 0, 0]}, {"dilations": [2, 2]}, {"group": 2}],
)
def test_foreign_onnx_of_other_geometry_is_refused(tmp_path, change):
    with pytest.raises(IncompatibleModel, match="conv1_1"):
        read(write_onnx(tmp_path / "x", weights_of(), **change))


@pytest.mark.parametrize(("family", "last"), [("vgg19", 34), ("vgg16", 28)])
def test_torchvision_indexes_follow_from_the_blocks(family, last):
    scheme = next(scheme for scheme in SCHEMES if "torchvision" in scheme.name)
    indexes = [index for (index,) in scheme.positions(FAMILIES[family])]
    assert indexes[:9] == [0, 2, 5, 7, 10, 12, 14, *([16, 19] if family == "vgg19" else [17, 19])]
    assert indexes[-1] == last


def test_batch_normalisation_is_named(tmp_path):
    tensors = as_torchvision(weights_of()) | {"features.1.running_mean": np.ones(4, np.float32)}
    with pytest.raises(IncompatibleModel, match="is a VGG with batch normalisation"):
        read(write_safetensors(tmp_path / "x", tensors))
    with pytest.raises(IncompatibleModel, match="is a VGG with batch normalisation"):
        read(write_onnx(tmp_path / "y", weights_of(), between="BatchNormalization"))


def test_first_missing_convolution_is_named(tmp_path):
    tensors = as_torchvision(weights_of())
    del tensors["features.5.bias"], tensors["features.8.weight"]
    with pytest.raises(IncompatibleModel, match="no bias for conv2_1"):
        read(write_safetensors(tmp_path / "x", tensors))


def test_first_misshapen_convolution_is_named_with_both_shapes(tmp_path):
    weights = weights_of()
    for name in ("conv1_2.weight", "conv2_1.weight"):
        weights[name] = np.ascontiguousarray(weights[name].transpose(1, 0, 3, 2)[:, :3])
    message = r"features\.2\.weight of shape \(4, 3, 3, 3\).*conv1_2 needs \(4, 4, 3, 3\)"
    with pytest.raises(IncompatibleModel, match=message):
        read(write_safetensors(tmp_path / "x", as_torchvision(weights)))


def test_deeper_family_is_refused_naming_the_extra_convolution(tmp_path):
    shallow = Architecture("shallow", (1, 1, 2), (4, 5, 6))
    path = write_npz(tmp_path / "x", weights_of())
    with pytest.raises(IncompatibleModel, match=r"extra convolution conv1_2\.weight.*shallow"):
        read(path, shallow)


def test_deeper_network_is_refused_in_every_format(tmp_path):
    prefix = Architecture("tiny", (2, 1), (4, 5))
    weights = weights_of()
    paths = (
        write_safetensors(tmp_path / "a", as_torchvision(weights)),
        write_npz(tmp_path / "b", weights),
        write_onnx(tmp_path / "c", weights),
        write_h5(tmp_path / "d", as_keras(weights, KERAS[0])),
    )
    for path in paths:
        with pytest.raises(IncompatibleModel, match="extra convolution"):
            read(path, prefix)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
def test_values_that_are_no_number_are_refused_by_name(tmp_path, value):
    weights = {name: value.astype(np.float64) for name, value in weights_of().items()}
    weights["conv2_1.bias"][1] = value
    with pytest.raises(CorruptModel, match=r"conv2_1\.bias"):
        read(write_npz(tmp_path / "x", weights))


def test_a_file_without_convolutions_is_refused(tmp_path):
    with pytest.raises(IncompatibleModel, match="no convolutions under a known name"):
        read(write_npz(tmp_path / "x", {"dense/kernel": np.ones((2, 2))}))


class _Weights:
    def __init__(self, outcome):
        self.IMAGENET1K_V1 = self
        self.outcome = outcome

    def get_state_dict(self, *, progress, check_hash):
        assert check_hash and not progress
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


class _Tensor:
    def __init__(self, value):
        self.value, self.shape, self.dtype = value, value.shape, f"torch.{value.dtype}"

    def detach(self):
        return self

    cpu = detach

    def numpy(self):
        return self.value


def _install(monkeypatch, outcome):
    models = types.ModuleType("torchvision.models")
    models.VGG19_Weights = _Weights(outcome)
    package = types.ModuleType("torchvision")
    package.models = models
    monkeypatch.setitem(sys.modules, "torchvision", package)
    monkeypatch.setitem(sys.modules, "torchvision.models", models)


def test_installed_torchvision_is_a_source(monkeypatch):
    weights = weights_of()
    state = {name: _Tensor(value) for name, value in as_torchvision(weights).items()}
    _install(monkeypatch, state)
    with from_torchvision("vgg19") as source:
        assert_same(read_convolutions(source, TINY), weights)


def test_failed_download_is_one_sentence(monkeypatch):
    _install(monkeypatch, OSError("no route"))
    with pytest.raises(ModelNotFound, match="could not fetch vgg19: no route"):
        from_torchvision("vgg19")


def test_missing_torchvision_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(RuntimeMissing, match="pip install torchvision"):
        from_torchvision("vgg19")
