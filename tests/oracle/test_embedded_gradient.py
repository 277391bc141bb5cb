"""The embedded network on real pictures: the error of our gradient beside that of torch."""

from pathlib import Path

import pytest
import torch

from impasto import Engine, Options
from impasto.engine.images import read_picture, resize
from impasto.models.store import load

from . import torch_vgg

EXAMPLES = Path(__file__).parents[2] / "examples"
TIMES = 3


@pytest.fixture(scope="module")
def engine():
    return Engine(threads=2)


@pytest.mark.parametrize("border", ["replicate", "zeros"])
@pytest.mark.parametrize("height, width", [(128, 128), (152, 200), (97, 131)])
def test_gradient_on_real_pictures_is_as_exact_as_torch(
    engine, relative_error, border, height, width
):
    """The canvas is half photograph, half painting: both terms pull, deep layers as much as early.

    (On a canvas of noise the earliest layer outweighs the rest, and any gradient is exact.)
    """
    options = Options(border=border, tv_weight=0.1)
    photograph = resize(read_picture(EXAMPLES / "photo_cat.jpg").rgb, height, width)
    painting = resize(read_picture(EXAMPLES / "style_strokes.jpg").rgb, width, width)
    canvas = (photograph + resize(painting, height, width)) / 2
    network = load("vgg16")
    how = {"border": border}
    results = {}
    for dtype in (torch.float32, torch.float64):
        pictures = (torch_vgg.image_of(picture, dtype) for picture in (photograph, painting))
        layers = (list(options.content_layers), list(options.style_layers))
        found = torch_vgg.targets(network, *layers, *pictures, **how)
        factors = torch_vgg.relative(options, found)
        image = torch_vgg.image_of(canvas, dtype).requires_grad_()
        loss, _ = torch_vgg.objective(network, found, factors, image, **how)
        (gradient,) = torch.autograd.grad(loss, image)
        results[dtype] = loss.item(), gradient[0].permute(1, 2, 0).numpy()
    exact_loss, exact = results[torch.float64]
    objective = engine.objective(
        photograph, painting, Options(**{**vars(options), "size": max(height, width)})
    )
    loss, ours = objective.evaluate(canvas)
    assert objective.shape == (height, width)
    assert loss == pytest.approx(exact_loss, rel=1e-5)
    bound = TIMES * relative_error(results[torch.float32][1], exact)
    error = relative_error(ours, exact)
    assert error <= bound, (error, bound / TIMES)
