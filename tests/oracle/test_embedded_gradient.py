"""The embedded network on real pictures: the error of our gradient beside that of torch.

Where rounding leaves all of the network's masks as they are in float64, a gradient is as exact as
its sums. Where it flips one, of a ReLU or a pooling, the error is whatever that mask is worth:
1e-5 to 5e-3, in torch's float32 too. Winograd's filtering rounds 2 to 4 times as much as a direct
convolution and so flips one in most pictures: its error is judged by the median of several.
"""

from pathlib import Path
from statistics import median

import numpy as np
import pytest
import torch

from impasto import Engine, Options
from impasto.engine.images import read_picture, resize
from impasto.models.store import load

from . import torch_vgg

EXAMPLES = Path(__file__).parents[2] / "examples"
TIMES = 3
SHARES = (0.3, 0.4, 0.5, 0.6, 0.7)

everywhere = pytest.mark.parametrize("border", ["replicate", "reflect", "zeros"])
every_size = pytest.mark.parametrize("height, width", [(128, 128), (152, 200), (97, 131)])


@pytest.fixture(scope="module")
def engines():
    return {lowering: Engine(threads=2, lowering=lowering) for lowering in ("direct", "winograd")}


def pictures(height, width):
    photograph = resize(read_picture(EXAMPLES / "photo_cat.jpg").rgb, height, width)
    painting = resize(read_picture(EXAMPLES / "style_strokes.jpg").rgb, width, width)
    return photograph, painting


def mixed(photograph, painting, share):
    """A canvas on which both terms pull, deep layers as much as early.

    (On a canvas of noise the earliest layer outweighs the rest, and any gradient is exact.)
    """
    other = resize(painting, *photograph.shape[:2])
    return (share * photograph + (1 - share) * other).astype(np.float32)


def by_torch(dtype, photograph, painting, canvas, options):
    """Loss and gradient (H, W, 3)."""
    network, how = load("vgg16"), {"border": options.border}
    images = (torch_vgg.image_of(picture, dtype) for picture in (photograph, painting))
    layers = (list(options.content_layers), list(options.style_layers))
    found = torch_vgg.targets(network, *layers, *images, **how)
    factors = torch_vgg.relative(options, found)
    image = torch_vgg.image_of(canvas, dtype).requires_grad_()
    loss, _ = torch_vgg.objective(network, found, factors, image, **how)
    (gradient,) = torch.autograd.grad(loss, image)
    return loss.item(), gradient[0].permute(1, 2, 0).numpy()


@everywhere
@every_size
def test_direct_gradient_on_real_pictures_is_as_exact_as_torch(
    engines, relative_error, border, height, width
):
    options = Options(border=border, tv_weight=0.1, size=max(height, width))
    photograph, painting = pictures(height, width)
    canvas = mixed(photograph, painting, 0.5)
    exact_loss, exact = by_torch(torch.float64, photograph, painting, canvas, options)
    _, theirs = by_torch(torch.float32, photograph, painting, canvas, options)
    objective = engines["direct"].objective(photograph, painting, options)
    loss, ours = objective.evaluate(canvas)
    assert objective.shape == (height, width)
    assert loss == pytest.approx(exact_loss, rel=1e-5)
    assert relative_error(ours, exact) <= TIMES * relative_error(theirs, exact)


@everywhere
@every_size
def test_winograd_gradient_on_real_pictures_is_off_by_a_thousandth_at_most(
    engines, relative_error, border, height, width
):
    options = Options(border=border, tv_weight=0.1, size=max(height, width))
    photograph, painting = pictures(height, width)
    objective = engines["winograd"].objective(photograph, painting, options)
    errors = []
    for share in SHARES:
        canvas = mixed(photograph, painting, share)
        exact_loss, exact = by_torch(torch.float64, photograph, painting, canvas, options)
        loss, ours = objective.evaluate(canvas)
        assert loss == pytest.approx(exact_loss, rel=1e-5)
        errors.append(relative_error(ours, exact))
    assert median(errors) <= 1e-3, errors
