import hashlib
import subprocess
import sys
from dataclasses import replace
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from impasto.engine.errors import (
    CorruptModel,
    IncompatibleModel,
    ModelError,
    ModelNotFound,
    OptionsError,
)
from impasto.export.importing import TORCHVISION_LICENCE, import_network, import_torchvision
from impasto.export.network_file import encode_network, outline_network, read_network
from impasto.export.networks import FAMILIES


@pytest.fixture
def network(toy):
    return replace(toy, origin="a test", licence="CC0", source_sha256="0123456789abcdef" * 4)


@pytest.fixture
def checkpoint(network, tmp_path):
    from safetensors.numpy import save_file

    path = tmp_path / "toy.safetensors"
    save_file(dict(network.weights), path)
    return path


def assert_same(one, other):
    assert one.architecture == other.architecture
    assert one.fingerprint == other.fingerprint
    assert (one.origin, one.licence) == (other.origin, other.licence)
    assert one.source_sha256 == other.source_sha256


def run(model, image):
    import onnxruntime

    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, {"image": image}), strict=True))


def by_hand(network, image):
    """The layers in float64, by nothing but sums and products of shifted pictures."""
    shape = (1, 3, 1, 1)
    x = (image.astype(np.float64) - np.reshape(network.mean, shape)) / np.reshape(
        network.std, shape
    )
    layers = {}
    for convolution in network.architecture.convolutions():
        weight = network.weights[f"{convolution.name}.weight"].astype(np.float64)
        bias = network.weights[f"{convolution.name}.bias"].astype(np.float64)
        height, width = x.shape[2:]
        padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
        y = np.zeros((1, convolution.outputs, height, width)) + bias[:, None, None]
        for i, j in np.ndindex(3, 3):
            shifted = padded[0, :, i : i + height, j : j + width]
            y[0] += np.einsum("oc,chw->ohw", weight[:, :, i, j], shifted)
        x = np.maximum(y, 0)
        layers[convolution.name.replace("conv", "relu")] = x
        block, _, number = convolution.name.removeprefix("conv").partition("_")
        if int(number) == network.architecture.blocks[int(block) - 1]:
            x = x[:, :, : height // 2 * 2, : width // 2 * 2]
            x = x.reshape(1, -1, height // 2, 2, width // 2, 2).max((3, 5))
            layers[f"pool{block}"] = x
    return layers


def test_written_network_reads_back_bit_for_bit(network, tmp_path):
    path = tmp_path / "toy.onnx"
    path.write_bytes(encode_network(network))
    assert_same(read_network(path), network)
    assert_same(read_network(str(path)), network)
    assert_same(read_network(path.read_bytes()), network)


def test_outline_is_the_network_without_its_weights(network, tmp_path):
    path = tmp_path / "toy.onnx"
    path.write_bytes(encode_network(network))
    assert outline_network(path) == replace(network, weights={})


def test_outline_reads_no_weight(network, tmp_path):
    """A weight that is no number does not disturb it, one that is not there does."""
    path = tmp_path / "toy.onnx"
    path.write_bytes(tampered(network, tensors={"conv1_1.bias": np.full(4, np.nan, np.float32)}))
    assert outline_network(path).architecture == network.architecture
    path.write_bytes(tampered(network, remove=["conv2_2.bias"]))
    with pytest.raises(CorruptModel, match=r"conv2_2\.bias is missing"):
        outline_network(path)


def test_prefix_of_a_block_reads_back(network):
    prefix = replace(network, architecture=network.architecture.up_to("relu2_1"))
    found = read_network(encode_network(prefix))
    assert list(found.architecture.layers()) == ["relu1_1", "relu1_2", "pool1", "relu2_1"]
    assert set(found.weights) == {
        f"conv{name}.{part}" for name in ("1_1", "1_2", "2_1") for part in ("weight", "bias")
    }


def test_half_stores_the_nearest_float16(network):
    found = read_network(encode_network(network, half=True))
    for name, weight in network.weights.items():
        assert found.weights[name].dtype == np.float16
        assert np.array_equal(found.weights[name], weight.astype(np.float16))
    assert len(encode_network(network, half=True)) < len(encode_network(network))


def test_same_network_gives_the_same_bytes_in_another_process(network, tmp_path):
    data = encode_network(network, half=True)
    path = tmp_path / "toy.onnx"
    path.write_bytes(data)
    again = (
        "import hashlib, sys; from impasto.export.network_file import *;"
        "data = encode_network(read_network(sys.argv[1]), half=True);"
        "print(hashlib.sha256(data).hexdigest())"
    )
    command = [sys.executable, "-P", "-c", again, str(path)]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("half", [False, True])
def test_file_is_plain_onnx_that_a_foreign_runtime_runs(network, half):
    data = encode_network(network, half=half)
    image = np.random.default_rng(0).random((1, 3, 37, 22), np.float32)
    found = run(data, image)
    expected = by_hand(read_network(data), image)
    assert list(found) == list(network.architecture.layers()) == list(expected)
    for name, layer in expected.items():
        assert found[name].dtype == np.float32
        np.testing.assert_allclose(found[name], layer, rtol=1e-5, atol=1e-5 * layer.max())


@pytest.mark.parametrize("half", [False, True])
def test_model_is_valid_and_its_initialisers_and_metadata_are_readable(network, half):
    import onnx

    model = onnx.load_model_from_string(encode_network(network, half=half))
    onnx.checker.check_model(model, full_check=True)
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    for name, weight in network.weights.items():
        content = onnx.numpy_helper.to_array(tensors[name])
        assert content.dtype == (np.float16 if half else np.float32)
        assert np.array_equal(content, weight.astype(content.dtype))
    assert [value.name for value in model.graph.input] == ["image"]
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    assert metadata == {
        "impasto.network": "1",
        "family": "toy",
        "blocks": "[2, 2, 1, 1]",
        "widths": "[4, 6, 8, 8]",
        "pooled": "true",
        "mean": "[0.485, 0.456, 0.406]",
        "std": "[0.229, 0.224, 0.225]",
        "origin": "a test",
        "licence": "CC0",
        "source_sha256": "0123456789abcdef" * 4,
    }


def test_reading_imports_neither_onnx_nor_a_runtime(network, tmp_path):
    path = tmp_path / "toy.onnx"
    path.write_bytes(encode_network(network))
    code = (
        "import sys; from impasto.export.network_file import read_network;"
        "read_network(sys.argv[1]);"
        "print({'onnx', 'onnxruntime', 'h5py', 'torch'} & set(sys.modules))"
    )
    command = [sys.executable, "-P", "-c", code, str(path)]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"


def test_weight_beyond_float16_is_refused(network):
    weights = {**network.weights, "conv2_1.bias": np.full(6, 1e5, np.float32)}
    with pytest.raises(IncompatibleModel, match=r"conv2_1\.bias .* too large for float16"):
        encode_network(replace(network, weights=weights), half=True)


@pytest.mark.parametrize("text", ["two\nlines", "\x1b[2Jgone", "x" * 1001])
def test_text_that_would_spoil_a_terminal_is_refused(network, text):
    with pytest.raises(IncompatibleModel, match=r"the origin .* printable line"):
        encode_network(replace(network, origin=text))


def tampered(network, metadata=None, tensors=None, remove=()):
    """A network file with other metadata or initialisers, written by onnx itself."""
    import onnx

    model = onnx.load_model_from_string(encode_network(network))
    entries = {entry.key: entry.value for entry in model.metadata_props} | (metadata or {})
    for key in remove:
        entries.pop(key, None)
    onnx.helper.set_model_props(model, entries)
    kept = [t for t in model.graph.initializer if t.name not in {*remove, *(tensors or {})}]
    kept += [onnx.numpy_helper.from_array(a, name) for name, a in (tensors or {}).items()]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    return model.SerializeToString()


@pytest.mark.parametrize(
    ("changes", "error", "sentence"),
    [
        ({"metadata": {"impasto.network": "2"}}, IncompatibleModel, "version '2'.* version 1"),
        ({"remove": ["impasto.network"]}, IncompatibleModel, "no network file: `impasto export`"),
        ({"remove": ["mean"]}, CorruptModel, "does not say its mean"),
        ({"remove": ["licence"]}, CorruptModel, "does not say its licence"),
        ({"metadata": {"mean": "[0, NaN, 0]"}}, CorruptModel, "mean cannot be"),
        ({"metadata": {"std": "[1, 0, 1]"}}, CorruptModel, "std cannot be"),
        ({"metadata": {"std": f"[1, 1{'0' * 400}, 1]"}}, CorruptModel, "std cannot be"),
        ({"metadata": {"mean": "[0, 0]"}}, CorruptModel, "mean cannot be"),
        ({"metadata": {"mean": "[" * 900}}, CorruptModel, "mean cannot be"),
        ({"metadata": {"pooled": "1"}}, CorruptModel, "pooled cannot be '1'"),
        ({"metadata": {"blocks": '"22"'}}, CorruptModel, "blocks cannot be"),
        ({"metadata": {"blocks": "[2, 2, 1]"}}, CorruptModel, "1 to 8 blocks"),
        ({"metadata": {"blocks": "[2, 2, 1, true]"}}, CorruptModel, "blocks cannot be"),
        ({"metadata": {"widths": "[4, 6, 8, 99999]"}}, CorruptModel, "from 1 to 4096"),
        ({"metadata": {"source_sha256": "xyz"}}, CorruptModel, "source_sha256 cannot be 'xyz'"),
        ({"metadata": {"origin": "\x1b[2J"}}, CorruptModel, "origin is no printable line"),
        ({"remove": ["conv2_2.bias"]}, CorruptModel, r"conv2_2\.bias is missing"),
        (
            {"tensors": {"conv1_1.weight": np.zeros((4, 3, 5, 5), np.float32)}},
            CorruptModel,
            r"conv1_1\.weight has the shape \(4, 3, 5, 5\), not \(4, 3, 3, 3\)",
        ),
        (
            {"tensors": {"conv1_1.bias": np.array([0, 1, np.nan, 0], np.float32)}},
            CorruptModel,
            r"conv1_1\.bias holds values that are not finite",
        ),
        (
            {"tensors": {"conv1_1.bias": np.array([0, 1, 1e300, 0], np.float64)}},
            CorruptModel,
            r"conv1_1\.bias holds values that are not finite",
        ),
        (
            {"tensors": {"conv1_1.bias": np.zeros(4, np.int32)}},
            IncompatibleModel,
            r"conv1_1\.bias as int32",
        ),
    ],
)
def test_file_that_cannot_be_is_refused_in_one_sentence(network, changes, error, sentence):
    with pytest.raises(error, match=sentence) as caught:
        read_network(tampered(network, **changes))
    assert "\n" not in str(caught.value)
    assert str(caught.value).isprintable()


def test_message_names_the_file(network, tmp_path):
    path = tmp_path / "old.onnx"
    path.write_bytes(tampered(network, remove=["mean"]))
    with pytest.raises(CorruptModel, match=r"old\.onnx"):
        read_network(path)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_file_cut_anywhere_is_corrupt(network, tmp_path, share):
    data = encode_network(network)
    path = tmp_path / "cut.onnx"
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(ModelError):
        read_network(path)


def test_absent_file_and_folder_are_not_found(tmp_path):
    for path in (tmp_path / "absent.onnx", tmp_path):
        with pytest.raises(ModelNotFound):
            read_network(path)


def test_checkpoint_is_no_network_file(checkpoint):
    with pytest.raises(IncompatibleModel, match="no network file: `impasto export`"):
        read_network(checkpoint)


def test_import_takes_the_weights_and_hashes_the_file(network, checkpoint):
    found = import_network(checkpoint, network.architecture, origin="me", licence="mine")
    assert_same(
        found,
        replace(
            network,
            origin="me",
            licence="mine",
            source_sha256=hashlib.sha256(checkpoint.read_bytes()).hexdigest(),
        ),
    )


def test_caffe_and_flipped_torch_weights_compute_the_same(network, checkpoint):
    """The oracle: BGR in 0..255 minus the mean, through the weights as they are stored."""
    found = import_network(checkpoint, network.architecture, preprocessing="caffe")
    image = np.random.default_rng(1).random((1, 3, 16, 16))
    bgr = 255 * image[:, ::-1] - np.reshape([103.939, 116.779, 123.68], (1, 3, 1, 1))
    stored = replace(network, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    expected = by_hand(stored, bgr)["pool2"]
    np.testing.assert_allclose(by_hand(found, image)["pool2"], expected, rtol=1e-9, atol=1e-9)


def test_default_preprocessing_is_that_of_the_format(network, checkpoint, tmp_path):
    h5py = pytest.importorskip("h5py")
    keras, foreign = tmp_path / "toy.h5", tmp_path / "foreign.onnx"
    with h5py.File(keras, "w") as file:
        for name, content in network.weights.items():
            file[name] = content
    foreign.write_bytes(tampered(network, remove=["impasto.network"]))
    torch = import_network(checkpoint, network.architecture)
    assert (torch.mean, torch.std) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    for path in (keras, foreign):
        caffe = import_network(path, network.architecture)
        assert caffe.mean == (123.68 / 255, 116.779 / 255, 103.939 / 255)
        assert caffe.std == (1 / 255,) * 3
        first = network.weights["conv1_1.weight"]
        assert np.array_equal(caffe.weights["conv1_1.weight"], first[:, ::-1])
        as_torch = import_network(path, network.architecture, preprocessing="torch")
        assert np.array_equal(as_torch.weights["conv1_1.weight"], first)


def test_network_file_keeps_its_own_words(network, tmp_path):
    path = tmp_path / "toy.onnx"
    path.write_bytes(encode_network(network))
    assert_same(import_network(path, None), network)
    assert_same(import_network(path, "toy"), network)
    renamed = import_network(path, None, licence="another", up_to="pool1")
    assert (renamed.origin, renamed.licence) == ("a test", "another")
    assert list(renamed.architecture.layers()) == ["relu1_1", "relu1_2", "pool1"]
    assert len(renamed.weights) == 4
    for contradiction in ({"family": "vgg19"}, {"family": None, "preprocessing": "caffe"}):
        with pytest.raises(OptionsError, match="says its family and preprocessing itself"):
            import_network(path, **contradiction)


def test_wrong_options_are_named(network, checkpoint):
    with pytest.raises(OptionsError, match="needs a family, vgg19 or vgg16; none was given"):
        import_network(checkpoint, None)
    with pytest.raises(OptionsError, match="not 'vgg11'"):
        import_network(checkpoint, "vgg11")
    with pytest.raises(OptionsError, match="no layer 'relu9_9'"):
        import_network(checkpoint, network.architecture, up_to="relu9_9")
    with pytest.raises(OptionsError, match="torch or caffe, not 'tf'"):
        import_network(checkpoint, network.architecture, preprocessing="tf")
    with pytest.raises(IncompatibleModel):
        import_network(checkpoint, "vgg16")


def test_torchvision_gives_its_own_weights(network, monkeypatch):
    class Tensor:
        """As much of a torch tensor as is used."""

        def __init__(self, content):
            self.content, self.shape = content, content.shape
            self.dtype = "torch.float32"
            self.detach = self.cpu = lambda: self
            self.numpy = lambda: content

    state = {name: Tensor(content) for name, content in network.weights.items()}
    weights = SimpleNamespace(get_state_dict=lambda progress, check_hash: state)
    torchvision = ModuleType("torchvision")
    torchvision.models = SimpleNamespace(VGG16_Weights=SimpleNamespace(IMAGENET1K_V1=weights))
    monkeypatch.setitem(sys.modules, "torchvision", torchvision)
    monkeypatch.setitem(FAMILIES, "vgg16", replace(network.architecture, name="vgg16"))
    found = import_torchvision("vgg16", up_to="relu3_1")
    assert list(found.architecture.layers())[-1] == "relu3_1"
    assert found.origin == "torchvision VGG16_Weights.IMAGENET1K_V1"
    assert found.licence == TORCHVISION_LICENCE
    named = import_torchvision("vgg16", origin="me", licence="mine")
    assert (named.origin, named.licence) == ("me", "mine")
    assert (found.mean, found.std) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    for name, weight in found.weights.items():
        assert np.array_equal(weight, network.weights[name])


def test_torchvision_has_no_other_family():
    with pytest.raises(OptionsError, match="not 'alexnet'"):
        import_torchvision("alexnet")
