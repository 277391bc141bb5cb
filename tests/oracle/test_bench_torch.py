"""What `impasto bench` measures in torch is what Impasto computes."""

import json

import numpy as np
import pytest
import torch

from impasto import Engine, Options
from impasto.cli import bench, bench_exact
from impasto.cli.bench_contenders import TORCH
from impasto.cli.bench_prepare import random_network, synthetic_picture
from impasto.cli.bench_torch import TorchObjective
from impasto.cli.main import main
from impasto.export.network_file import encode_network
from impasto.export.networks import Architecture

from . import torch_vgg

SMALL = Architecture("small", blocks=(1, 1, 2, 2, 1), widths=(4, 6, 6, 8, 8))
HEIGHT, WIDTH = 40, 52
EAGER = [contender for contender in TORCH if not contender.settings["compiled"]]


@pytest.fixture(scope="module")
def network():
    return random_network(SMALL)


@pytest.fixture(scope="module")
def network_path(network, tmp_path_factory):
    path = tmp_path_factory.mktemp("network") / "small.onnx"
    path.write_bytes(encode_network(network))
    return path


@pytest.fixture(scope="module")
def pictures():
    """Photograph, painting and canvas."""
    photograph, painting = (synthetic_picture(HEIGHT, WIDTH, seed) for seed in (0, 1))
    return photograph, painting, (photograph + painting) / 2


def oracle(network, pictures, options):
    """Loss, and gradient (H, W, 3), of the tests' own torch code in float64."""
    photograph, painting, canvas = (torch_vgg.image_of(each, torch.float64) for each in pictures)
    layers = (list(options.content_layers), list(options.style_layers))
    how = {"border": options.border}
    found = torch_vgg.targets(network, *layers, photograph, painting, **how)
    canvas.requires_grad_()
    factors = torch_vgg.relative(options, found)
    loss, _ = torch_vgg.objective(network, found, factors, canvas, **how)
    (gradient,) = torch.autograd.grad(loss, canvas)
    return loss.item(), gradient[0].permute(1, 2, 0).numpy()


@pytest.mark.parametrize(
    "options",
    [
        Options(size=WIDTH),
        Options(size=WIDTH, border="zeros", tv_weight=3.0),
        Options(size=WIDTH, border="reflect"),
        Options(
            size=WIDTH,
            content_layers={"relu3_2": 2.0, "pool3": 0.5},
            style_layers={"relu1_1": 1.0, "relu2_1": 3.0},
            content_weight=0.5,
            style_weight=7.0,
        ),
    ],
    ids=["defaults", "zeros and total variation", "reflect", "other layers and weights"],
)
def test_float64_of_the_benchmark_is_that_of_the_oracle(network, pictures, options, relative_error):
    *sources, canvas = pictures
    loss, gradient = TorchObjective(network, options, *sources, exact=True).evaluate(canvas)
    exact_loss, exact = oracle(network, pictures, options)
    assert loss == pytest.approx(exact_loss, rel=1e-12)
    assert relative_error(gradient, exact) < 1e-12


@pytest.mark.parametrize("layout", ["contiguous", "channels-last"])
def test_torch_of_the_benchmark_computes_what_impasto_computes(
    network, network_path, pictures, layout, relative_error
):
    *sources, canvas = pictures
    options = Options(size=WIDTH)
    theirs = TorchObjective(network, options, *sources, layout=layout).evaluate(canvas)
    ours = Engine(network_path, device="cpu").objective(*sources, options).evaluate(canvas)
    exact_loss, exact = oracle(network, pictures, options)
    assert ours[0] == pytest.approx(exact_loss, rel=1e-5)
    assert theirs[0] == pytest.approx(exact_loss, rel=1e-5)
    assert theirs[1].shape == ours[1].shape == (HEIGHT, WIDTH, 3)
    assert relative_error(theirs[1], exact) < 1e-5
    assert relative_error(ours[1], exact) < 1e-5


@pytest.mark.parametrize("pixels", [512 * 512, 24 * 32])
def test_benchmark_beside_torch_tells_both(network_path, monkeypatch, capfd, pixels):
    """Also where float64 is too dear at the size itself."""
    monkeypatch.setattr(bench, "TORCH", EAGER)
    monkeypatch.setattr(bench_exact, "_PIXELS", pixels)
    arguments = ["--size", "64x48", "--model", str(network_path), "--rounds", "1", "--json"]
    with pytest.raises(SystemExit) as end:
        main(["bench", "--against", "torch", *arguments])
    captured = capfd.readouterr()
    assert (end.value.code, captured.err) == (0, "")
    told = json.loads(captured.out)
    assert list(told["contenders"]) == ["impasto", "torch contiguous", "torch channels-last"]
    width, height = (64, 48) if pixels == 512 * 512 else (32, 24)
    assert told["exact"] == {"width": width, "height": height}
    ours, *theirs = told["contenders"].values()
    for figures in (ours, *theirs):
        assert 0 < figures["gradient_error"] < 1e-5
        assert figures["loss"] == pytest.approx(ours["loss"], rel=1e-5)
        assert figures["peak_rss_mb"]["least"] > 20
    assert told["versions"]["torch"] == torch.__version__
    assert told["torch_best"] in list(told["contenders"])[1:]
    seconds = [figures["evaluation_seconds"]["median"] for figures in theirs]
    expected = np.min(seconds) / ours["evaluation_seconds"]["median"]
    assert told["times_faster"] == pytest.approx(expected)
