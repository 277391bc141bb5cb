import hashlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from impasto.engine.errors import UntrustedModel
from impasto.models import catalogue, store

ENTRY = catalogue.EMBEDDED[0]
FOLDER = Path(catalogue.__file__).parent


@pytest.fixture(scope="module")
def network():
    return store.load()


def test_embedded_file_is_the_pinned_one():
    data = (FOLDER / ENTRY.file).read_bytes()
    assert hashlib.sha256(data).hexdigest() == ENTRY.sha256
    assert len(data) == ENTRY.bytes
    assert len(data) < 20_000_000


def test_readme_and_notice_speak_of_the_same_file():
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert ENTRY.sha256 in readme
    assert f'"{ENTRY.origin}"' in readme
    assert f'"{ENTRY.licence}"' in readme
    assert "CC BY 4.0" in (FOLDER / "NOTICE.md").read_text(encoding="utf-8")


def test_embedded_network_says_what_the_catalogue_says(network):
    assert network.architecture == ENTRY.architecture
    assert (network.origin, network.licence) == (ENTRY.origin, ENTRY.licence)
    assert len(network.source_sha256) == 64


def test_embedded_network_ends_at_relu5_1(network):
    layers = list(network.architecture.layers())
    assert (layers[0], layers[-1], len(layers)) == ("relu1_1", "relu5_1", 15)
    assert sum(weight.size for weight in network.weights.values()) == 9_995_072


def test_embedded_network_expects_oxfords_mean_colour(network):
    """Their BGR mean (103.939, 116.779, 123.68), as RGB in 0..1."""
    assert [round(255 * part, 3) for part in network.mean] == [123.68, 116.779, 103.939]
    assert [255 * part for part in network.std] == [1, 1, 1]


def test_embedded_weights_are_those_of_oxford(network):
    """The first numbers that Keras's `block1_conv1` shows, whose first channel is blue."""
    first = network.weights["conv1_1.weight"][:3, 2, 0, 0]
    np.testing.assert_allclose(first, [0.42947057, 0.11727387, 0.03401296], rtol=2**-11)
    bias = network.weights["conv1_1.bias"][:2]
    np.testing.assert_allclose(bias, [0.73429835, 0.09340367], rtol=2**-11)


def test_embedded_weights_are_float16(network):
    for name, weight in network.weights.items():
        assert weight.dtype == np.float16, name


def test_embedded_network_loads_without_onnx_and_without_torch():
    code = (
        "import sys; sys.modules.update(dict.fromkeys(['onnx', 'onnxruntime', 'torch', 'h5py']));"
        "from impasto.models import store; print(len(store.load('vgg16').weights))"
    )
    command = [sys.executable, "-P", "-c", code]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "22"


def test_embedded_file_of_another_hash_is_refused(monkeypatch):
    monkeypatch.setattr(catalogue, "EMBEDDED", (replace(ENTRY, sha256="0" * 64),))
    with pytest.raises(
        UntrustedModel, match=r"vgg16\.onnx has been changed.*install Impasto again"
    ):
        store.load()


def test_embedded_network_runs_as_it_stands():
    """The graph in the file, in float16 and by itself, gives the layers of the weights in it."""
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(
        str(FOLDER / ENTRY.file), providers=["CPUExecutionProvider"]
    )
    image = np.random.default_rng(0).random((1, 3, 33, 48), np.float32)
    relu, pool = session.run(["relu1_1", "pool4"], {"image": image})
    network = store.load()
    shape = (1, 3, 1, 1)
    x = (image - np.reshape(network.mean, shape)) / np.reshape(network.std, shape)
    patch = x[0, :, 10:13, 20:23]
    by_hand = np.tensordot(network.weights["conv1_1.weight"], patch, 3)
    by_hand += network.weights["conv1_1.bias"]
    np.testing.assert_allclose(relu[0, :, 11, 21], np.maximum(by_hand, 0), rtol=1e-4, atol=1e-3)
    assert pool.shape == (1, 512, 2, 3)
