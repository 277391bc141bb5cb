"""How far down the default pyramid gets, against SciPy's L-BFGS-B on torch's gradients at full
size.

Same network, same formula, same pictures; torch may evaluate at full size exactly as often as
Impasto did there. Both final canvases are judged by one float64 evaluation in torch. Needs torch
(see `make oracle`):

    .venv-oracle/bin/python benchmarks/descent.py CONTENT STYLE --size 256
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
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
from impasto.export.networks import Network
from impasto.models.store import load


class Enough(Exception):
    """All evaluations are made; SciPy itself would finish its line search first."""


def main() -> None:
    """Print one line for each of the two, and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("content")
    parser.add_argument("style")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--iterations", type=int, help="Impasto's at full size, if not the default")
    parser.add_argument("--style-weight", type=float, default=25.0)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    photograph = read_picture(arguments.content).rgb
    painting = read_picture(arguments.style).rgb
    options = Options(size=arguments.size, style_weight=arguments.style_weight)
    engine = Engine(threads=arguments.threads)
    if arguments.iterations is not None:
        coarse = [level.iterations for level in engine.levels(photograph, options)[:-1]]
        options = dataclasses.replace(options, iterations=(*coarse, arguments.iterations))

    began = time.perf_counter()
    result = engine.stylize(photograph, painting, options)
    ours_seconds = time.perf_counter() - began
    evaluations = result.levels[-1].evaluations
    height, width = result.canvas.shape[:2]
    scaled = resize(photograph, height, width)
    longer = arguments.size / max(painting.shape[:2])
    fitted = resize(painting, *(round(side * longer) for side in painting.shape[:2]))

    began = time.perf_counter()
    theirs, count = torch_descent(scaled, fitted, options, evaluations)
    theirs_seconds = time.perf_counter() - began
    losses = [judge(scaled, fitted, options, canvas) for canvas in (result.canvas, theirs)]
    print(f"impasto:       loss {losses[0]:.4f}, {evaluations} evaluations, {ours_seconds:.1f} s")
    print(f"torch + SciPy: loss {losses[1]:.4f}, {count} evaluations, {theirs_seconds:.1f} s")
    print(f"ratio of losses: {losses[0] / losses[1]:.3f}")


def torch_descent(
    photograph: np.ndarray, painting: np.ndarray, options: Options, evaluations: int
) -> tuple[np.ndarray, int]:
    """The best canvas within that many evaluations of SciPy's L-BFGS-B from the photograph, and how
    many were made."""
    network = load("vgg16")
    found, factors = prepared(network, photograph, painting, options, torch.float32)
    count = 0
    best: tuple[float, np.ndarray] = (float("inf"), photograph)

    def function(x: np.ndarray) -> tuple[float, np.ndarray]:
        nonlocal count, best
        if count == evaluations:
            raise Enough
        count += 1
        canvas = x.reshape(photograph.shape)
        image = torch_vgg.image_of(canvas, torch.float32).requires_grad_()
        loss, _ = torch_vgg.objective(network, found, factors, image, border=options.border)
        (gradient,) = torch.autograd.grad(loss, image)
        if loss.item() < best[0]:
            best = loss.item(), canvas.copy()
        return loss.item(), gradient[0].permute(1, 2, 0).double().numpy().ravel()

    with contextlib.suppress(Enough):
        minimize(
            function,
            photograph.ravel().astype(np.float64),
            jac=True,
            method="L-BFGS-B",
            bounds=Bounds(0.0, 1.0),
            options={"maxiter": evaluations, "maxfun": evaluations, "ftol": 0.0, "gtol": 0.0},
        )
    return best[1], count


def prepared(
    network: Network,
    photograph: np.ndarray,
    painting: np.ndarray,
    options: Options,
    dtype: torch.dtype,
) -> tuple[dict[str, torch.Tensor], dict[str, float]]:
    """Targets and coefficients of the relative objective, by term."""
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
