"""How far down the default pyramid gets, against SciPy's L-BFGS-B on torch's gradients at full
size.

Same network, same formula, same pictures, same number of evaluations at full size; both final
canvases are judged by one float64 evaluation in torch. Needs torch (see `make oracle`):

    .venv-oracle/bin/python benchmarks/descent.py CONTENT STYLE --size 256 --evaluations 100
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

# As the command line does: BLAS threads would contend with those of the network.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "oracle"))

import numpy as np
import torch
import torch_vgg
from scipy.optimize import Bounds, minimize

from impasto import Engine, Options
from impasto.engine.images import read_picture, resize
from impasto.engine.pyramid import plan_levels
from impasto.models.store import load


def main() -> None:
    """Print one line for each of the two, and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("content")
    parser.add_argument("style")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--evaluations", type=int, default=100)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    photograph = read_picture(arguments.content).rgb
    painting = read_picture(arguments.style).rgb
    shape = (photograph.shape[0], photograph.shape[1])
    levels = plan_levels(shape, arguments.size, None, None, 16)
    counts = (*(level.iterations for level in levels[:-1]), arguments.evaluations)
    options = Options(size=arguments.size, iterations=counts)

    began = time.perf_counter()
    result = Engine(threads=arguments.threads).stylize(photograph, painting, options)
    ours_seconds = time.perf_counter() - began
    height, width = result.canvas.shape[:2]
    scaled = resize(photograph, height, width)
    longer = arguments.size / max(painting.shape[:2])
    fitted = resize(painting, *(round(side * longer) for side in painting.shape[:2]))

    began = time.perf_counter()
    theirs, evaluations = torch_descent(scaled, fitted, options, arguments.evaluations)
    theirs_seconds = time.perf_counter() - began
    losses = [judge(scaled, fitted, options, canvas) for canvas in (result.canvas, theirs)]
    full = result.levels[-1].evaluations
    print(f"impasto:       loss {losses[0]:.4f}, {full} evaluations, {ours_seconds:.1f} s")
    print(f"torch + SciPy: loss {losses[1]:.4f}, {evaluations} evaluations, {theirs_seconds:.1f} s")
    print(f"ratio of losses: {losses[0] / losses[1]:.3f}")


def torch_descent(
    photograph: np.ndarray, painting: np.ndarray, options: Options, evaluations: int
) -> tuple[np.ndarray, int]:
    """The canvas after that many evaluations of SciPy's L-BFGS-B from the photograph."""
    network = load("vgg16")
    found, factors = prepared(network, photograph, painting, options, torch.float32)
    count = 0
    best: tuple[float, np.ndarray] = (float("inf"), photograph)

    def function(x: np.ndarray) -> tuple[float, np.ndarray]:
        nonlocal count, best
        count += 1
        canvas = x.reshape(photograph.shape)
        image = torch_vgg.image_of(canvas, torch.float32).requires_grad_()
        loss, _ = torch_vgg.objective(network, found, factors, image, border=options.border)
        (gradient,) = torch.autograd.grad(loss, image)
        if loss.item() < best[0]:
            best = loss.item(), canvas.copy()
        return loss.item(), gradient[0].permute(1, 2, 0).double().numpy().ravel()

    minimize(
        function,
        photograph.ravel().astype(np.float64),
        jac=True,
        method="L-BFGS-B",
        bounds=Bounds(0.0, 1.0),
        options={"maxiter": evaluations, "maxfun": evaluations, "ftol": 0.0, "gtol": 0.0},
    )
    return best[1], count


def prepared(network, photograph, painting, options, dtype):  # type: ignore[no-untyped-def]
    """Targets and coefficients of the relative objective."""
    pictures = (torch_vgg.image_of(picture, dtype) for picture in (photograph, painting))
    layers = (list(options.content_layers), list(options.style_layers))
    found = torch_vgg.targets(network, *layers, *pictures, border=options.border)
    return found, torch_vgg.relative(options, found)


def judge(
    photograph: np.ndarray, painting: np.ndarray, options: Options, canvas: np.ndarray
) -> float:
    """The loss in float64."""
    network = load("vgg16")
    found, factors = prepared(network, photograph, painting, options, torch.float64)
    image = torch_vgg.image_of(canvas, torch.float64)
    with torch.no_grad():
        loss, _ = torch_vgg.objective(network, found, factors, image, border=options.border)
    return float(loss)


if __name__ == "__main__":
    main()
