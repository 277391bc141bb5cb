"""How far down the default pyramid gets, against SciPy's L-BFGS-B on torch's gradients at full
size.

Same network, same formula, same pictures; torch may evaluate at full size exactly as often as
Impasto did there. Both final canvases are judged by one float64 evaluation in torch. Needs torch
(see `make oracle`):

    .venv-oracle/bin/python benchmarks/descent.py CONTENT STYLE --size 256
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import time

# As the command line does: BLAS threads would contend with those of the network.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import torch
from judging import Judge, scaled
from single_scale import single_scale

from impasto import Engine, Options
from impasto.engine.images import read_picture


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
    engine = Engine(device="cpu", threads=arguments.threads)
    if arguments.iterations is not None:
        coarse = [level.iterations for level in engine.levels(photograph, options)[:-1]]
        options = dataclasses.replace(options, iterations=(*coarse, arguments.iterations))

    began = time.perf_counter()
    result = engine.stylize(photograph, painting, options)
    ours_seconds = time.perf_counter() - began
    evaluations = result.levels[-1].evaluations

    theirs = single_scale("scipy", photograph, painting, options, [evaluations])
    judge = Judge(*scaled(photograph, painting, options.size), options)
    ours_loss, theirs_loss = judge(result.canvas), judge(theirs.kept[evaluations])
    print(f"impasto:       loss {ours_loss:.4f}, {evaluations} evaluations, {ours_seconds:.1f} s")
    print(
        f"torch + SciPy: loss {theirs_loss:.4f}, {len(theirs.seconds)} evaluations, "
        f"{theirs.seconds[-1]:.1f} s"
    )
    print(f"ratio of losses: {ours_loss / theirs_loss:.3f}")


if __name__ == "__main__":
    main()
