import numpy as np
import pytest

from impasto.export.features import append_features
from impasto.export.graph import Graph
from impasto.export.networks import FAMILIES, Architecture, Network

BLOCKS = [["relu1_1", "relu1_2"], ["relu2_1", "relu2_2"], ["relu3_1"], ["relu4_1"]]
LAYERS = [layer for i, block in enumerate(BLOCKS, 1) for layer in (*block, f"pool{i}")]


def features_graph(network, pooling, border="zeros"):
    b = Graph()
    image = b.input("image", (1, 3, "H", "W"))
    layers = append_features(
        b, image, network.architecture, network.mean, network.std, pooling, border
    )
    for name, value in layers.items():
        b.output(name, value)
    return b


def convolve(x, kernel, bias):
    """3x3, zero padding 1, position by position: (C, H, W) -> (C', H, W)."""
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
    out = np.empty((kernel.shape[0], *x.shape[1:]))
    for i, j in np.ndindex(*x.shape[1:]):
        window = padded[:, i : i + 3, j : j + 3]
        out[:, i, j] = np.tensordot(kernel, window, 3) + bias
    return out


def pool(x, reduce):
    """2x2 windows side by side; what is left over at odd sizes is dropped."""
    channels, height, width = x.shape
    whole = x[:, : height // 2 * 2, : width // 2 * 2]
    return reduce(whole.reshape(channels, height // 2, 2, width // 2, 2), axis=(2, 4))


def features_by_hand(network, image, pooling):
    """The toy network written out layer by layer."""
    reduce = {"max": np.max, "average": np.mean}[pooling]
    x = (image[0] - np.reshape(network.mean, (3, 1, 1))) / np.reshape(network.std, (3, 1, 1))
    layers = {}
    for name in LAYERS:
        if name.startswith("pool"):
            x = pool(x, reduce)
        else:
            conv = name.replace("relu", "conv")
            kernel, bias = (network.weights[f"{conv}.{part}"] for part in ("weight", "bias"))
            x = np.maximum(convolve(x, kernel.astype(float), bias), 0)
        layers[name] = x[None]
    return layers


@pytest.mark.parametrize("pooling", ["max", "average"])
@pytest.mark.parametrize("height, width", [(16, 16), (17, 23), (21, 16)])
def test_features_are_those_of_the_network_written_out_by_hand(
    pooling, height, width, toy, picture, run_reference, run_onnxruntime
):
    image = picture(height, width)
    graph, expected = features_graph(toy, pooling), features_by_hand(toy, image, pooling)
    exact = run_reference(graph, {"image": image}, toy.weights)
    single = run_onnxruntime(graph, {"image": image}, toy.weights)
    assert list(exact) == LAYERS
    for name in LAYERS:
        np.testing.assert_allclose(exact[name], expected[name], rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(single[name], expected[name], rtol=1e-4, atol=1e-5)


def test_layers_have_the_channels_and_strides_that_they_say(toy, picture, run_reference):
    results = run_reference(features_graph(toy, "max"), {"image": picture(37, 50)}, toy.weights)
    for name, layer in toy.architecture.layers().items():
        assert results[name].shape == (1, layer.channels, 37 // layer.stride, 50 // layer.stride)


def test_border_is_padded_with_the_mean_colour(toy, run_reference):
    """A picture of the mean colour gives the same features at the border as inside."""
    image = np.broadcast_to(np.reshape(toy.mean, (1, 3, 1, 1)), (1, 3, 6, 6))
    features = run_reference(features_graph(toy, "max"), {"image": image}, toy.weights)["relu1_1"]
    bias = np.maximum(toy.weights["conv1_1.bias"], 0).reshape(1, -1, 1, 1)
    np.testing.assert_allclose(features, np.broadcast_to(bias, features.shape), atol=1e-12)


@pytest.mark.parametrize("border, mode", [("replicate", "edge"), ("reflect", "reflect")])
@pytest.mark.parametrize("size", [(2, 2), (5, 8)], ids=str)
def test_other_borders_are_those_of_numpy(border, mode, size, toy, picture, run_reference):
    """The picture with more of its own around it, seen from the picture's place in it."""
    image = picture(*size)
    around = np.pad(image, ((0, 0), (0, 0), (1, 1), (1, 1)), mode)
    found, larger = (
        run_reference(features_graph(toy, "max", how), {"image": seen}, toy.weights)["relu1_1"]
        for how, seen in ((border, image), ("zeros", around))
    )
    np.testing.assert_allclose(found, larger[:, :, 1:-1, 1:-1], atol=1e-12)


@pytest.mark.parametrize(
    "name, per_block", [("vgg19", (2, 2, 4, 4, 4)), ("vgg16", (2, 2, 3, 3, 3))]
)
def test_families_have_the_layers_of_the_paper(name, per_block):
    expected = []
    for block, count in enumerate(per_block, 1):
        expected += [f"relu{block}_{i}" for i in range(1, count + 1)] + [f"pool{block}"]
    layers = FAMILIES[name].layers()
    assert list(layers) == expected
    assert [layer.name for layer in layers.values()] == expected
    assert len(FAMILIES[name].convolutions()) == {"vgg19": 16, "vgg16": 13}[name]
    assert (layers["relu1_1"].channels, layers["relu1_1"].stride) == (64, 1)
    assert (layers["relu3_1"].channels, layers["relu3_1"].stride) == (256, 4)
    assert (layers["pool5"].channels, layers["pool5"].stride) == (512, 32)


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_prefix_has_the_layers_up_to_its_last(family):
    whole = FAMILIES[family]
    names = list(whole.layers())
    for number, name in enumerate(names, 1):
        prefix = whole.up_to(name)
        assert list(prefix.layers()) == names[:number]
        assert list(prefix.layers().values()) == list(whole.layers().values())[:number]
        assert prefix.convolutions() == whole.convolutions()[: len(prefix.convolutions())]
        assert prefix.convolutions()[-1].name[4:] == [n for n in names[:number] if "_" in n][-1][4:]
        assert prefix.up_to(name) == prefix


@pytest.mark.parametrize("pooling", ["max", "average"])
def test_prefix_computes_what_the_whole_network_computes(pooling, toy, picture, run_reference):
    image = {"image": picture(18, 17)}
    whole = run_reference(features_graph(toy, pooling), image, toy.weights)
    for number, name in enumerate(LAYERS, 1):
        prefix = Network(toy.architecture.up_to(name), toy.weights, toy.mean, toy.std)
        results = run_reference(features_graph(prefix, pooling), image, toy.weights)
        assert list(results) == LAYERS[:number]
        np.testing.assert_array_equal(results[name], whole[name])


@pytest.mark.parametrize(
    "name", ["relu9_1", "relu1_3", "pool6", "conv1_1", "", "relu1_", "pool1_1"]
)
def test_unknown_layer_is_an_error_that_lists_the_layers(name):
    with pytest.raises(ValueError, match="toy has no layer") as error:
        Architecture("toy", (2, 1), (4, 6)).up_to(name)
    assert "it has relu1_1, relu1_2, pool1, relu2_1, pool2" in str(error.value)


@pytest.mark.parametrize(
    "blocks, widths",
    [((), ()), ((1,), (1, 2)), ((0,), (4,)), ((1,), (0,)), ((1.5,), (4,)), ((1,) * 9, (1,) * 9)],
)
def test_impossible_architectures_are_refused(blocks, widths):
    with pytest.raises(ValueError, match="1 to"):
        Architecture("toy", blocks, widths)


def test_fingerprint_tells_what_changes_the_result(toy, toy_network):
    changed = dict(toy.weights)
    changed["conv2_1.bias"] = changed["conv2_1.bias"] + np.float32(1e-6)
    others = [
        toy_network(seed=1),
        Network(toy.architecture, changed, toy.mean, toy.std),
        Network(toy.architecture, toy.weights, (0.5, 0.5, 0.5), toy.std),
        Network(toy.architecture.up_to("relu4_1"), toy.weights, toy.mean, toy.std),
    ]
    assert len({toy.fingerprint, *(other.fingerprint for other in others)}) == 5
    renamed = Network(toy.architecture, toy.weights, toy.mean, toy.std, origin="elsewhere")
    assert renamed.fingerprint == toy.fingerprint == toy_network().fingerprint
