"""How far the gradient is from float64's, on the embedded network and real pictures.

Both lowerings and torch's float32, by relative L2 distance from the same objective in torch in
float64, on canvases between the photograph and the painting. Most of it is masks that rounding
flips (docs/performance.md, "Exactness"), so it is a matter of many canvases, not of one. Needs
torch (see `make oracle`):

    .venv-oracle/bin/python benchmarks/gradient_error.py --size 500 PHOTOGRAPH PAINTING [...]
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from judging import NETWORK, scaled

from impasto import Engine, Options
from impasto.cli.bench_torch import TorchObjective
from impasto.engine.images import read_picture, resize
from impasto.models.store import load

SHARES = (0.3, 0.4, 0.5, 0.6, 0.7)
LIMIT = 1e-3


def main() -> None:
    """Print one line for each canvas, and what they come to."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "pictures", type=Path, nargs="+", help="a photograph and a painting, as often as you like"
    )
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    if len(arguments.pictures) % 2:
        parser.error("the last photograph has no painting")
    torch.set_num_threads(arguments.threads)
    found = []
    for paths in zip(arguments.pictures[::2], arguments.pictures[1::2], strict=True):
        for share, errors in errors_of(*paths, arguments.size, arguments.threads):
            found.append(errors)
            who = f"{paths[0].stem}, {paths[1].stem}, {share:.0%} photograph"
            print(f"{who:50}" + ", ".join(f"{n} {e:.1e}" for n, e in errors.items()), flush=True)
    for name in found[0]:
        values = np.array([errors[name] for errors in found])
        print(
            f"{name:12} median {np.median(values):.1e}, nine of ten below "
            f"{np.quantile(values, 0.9):.1e}, at most {values.max():.1e}; "
            f"above {LIMIT}: {(values > LIMIT).sum()} of {len(values)}"
        )


def errors_of(
    photograph_path: Path, painting_path: Path, size: int, threads: int
) -> Iterator[tuple[float, dict[str, float]]]:
    """For each share of the photograph, the errors by name."""
    options = Options(size=size)
    photograph, painting = scaled(
        read_picture(photograph_path).rgb, read_picture(painting_path).rgb, size
    )
    exact, torch32 = (
        TorchObjective(load(NETWORK), options, photograph, painting, exact=double)
        for double in (True, False)
    )
    evaluators = {
        lowering: Engine(threads=threads, device="cpu", lowering=lowering).objective(
            photograph, painting, options
        )
        for lowering in ("winograd", "direct")
    } | {"torch": torch32}
    other = resize(painting, *photograph.shape[:2])
    for share in SHARES:
        canvas = (share * photograph + (1 - share) * other).astype(np.float32)
        _, truth = exact.evaluate(canvas)
        yield (
            share,
            {
                name: float(np.linalg.norm(each.evaluate(canvas)[1] - truth))
                / float(np.linalg.norm(truth))
                for name, each in evaluators.items()
            },
        )


if __name__ == "__main__":
    main()
