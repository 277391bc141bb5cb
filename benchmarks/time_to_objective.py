"""How long until a picture is as good as the usual way makes it, on the embedded network.

The usual way is one descent at full size from the photograph with torch, by torch.optim.LBFGS or by
SciPy's L-BFGS-B, whichever is further down after 100, 200 and 500 evaluations. Ours is the engine's
own pipeline, from the start of `Engine.stylize`. Every canvas is judged by one float64 evaluation
in torch, within 0..1 as it would be written; formula, weights, layers and border are the same.

    .venv-oracle/bin/python benchmarks/time_to_objective.py PHOTOGRAPH PAINTING --folder FOLDER

takes about an hour at 512 pixels. Each part leaves a file in the folder: with `--part impasto`,
`lbfgs` or `scipy` one is made alone, and with `--part judge` what is there is judged. A file is
used again if its pictures, size and settings are the same; `--evaluations 100` needs a fifth of it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# As the command line does: BLAS threads would contend with those of the network.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from impasto import Engine, Objective, Options, Stop
from impasto.engine.images import read_picture
from impasto.engine.objective import Evaluation

OPTIMISERS = {"lbfgs": "torch.optim.LBFGS", "scipy": "SciPy on torch"}


def main() -> None:
    """Make the parts that are missing, and judge them."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("photograph", type=Path)
    parser.add_argument("painting", type=Path)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--evaluations", type=numbers, default=(100, 200, 500))
    parser.add_argument("--iterations", type=numbers, help="ours, if not the default")
    parser.add_argument("--levels", type=int, help="ours, if not the default")
    parser.add_argument("--part", choices=("all", "impasto", *OPTIMISERS, "judge"), default="all")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    if arguments.part in ("all", "impasto"):
        paint(arguments)
    for optimiser in OPTIMISERS:
        if arguments.part in ("all", optimiser):
            descend(arguments, optimiser)
    if arguments.part in ("all", "judge"):
        judge(arguments)


def numbers(text: str) -> tuple[int, ...]:
    """ "100,200" -> (100, 200)."""
    return tuple(int(part) for part in text.split(","))


def settings_of(arguments: argparse.Namespace, **more: object) -> str:
    """What a file in the folder was made with; another text is another work."""
    pictures = (arguments.photograph, arguments.painting)
    hashes = [hashlib.sha256(path.read_bytes()).hexdigest()[:16] for path in pictures]
    return json.dumps(
        {"pictures": hashes, "size": arguments.size, "threads": arguments.threads, **more}
    )


def save(path: Path, settings: str, **arrays: np.ndarray) -> None:
    """Whole, or not at all."""
    whole = path.with_suffix(".new.npz")
    np.savez(whole, settings=np.array(settings), **arrays)
    whole.replace(path)


class WatchedEngine(Engine):
    """Keeps every best canvas at the final size, and when it was found."""

    def watch(self, final: tuple[int, int], began: float) -> None:
        self.final, self.began = final, began
        self.seconds: list[float] = []
        self.canvases: list[np.ndarray] = []

        made = self._objectives.at

        def at(*given: Any, **more: Any) -> Objective:
            objective = made(*given, **more)
            if objective.shape == self.final:
                objective.measure = self._watching(objective.measure)
            return objective

        self._objectives.at = at

    def _watching(self, measure: Callable[..., Evaluation]) -> Callable[..., Evaluation]:
        best = float("inf")

        def watched(canvas: np.ndarray, stop: Stop | None = None) -> Evaluation:
            nonlocal best
            evaluation = measure(canvas, stop)
            if evaluation.loss < best:
                best = evaluation.loss
                self.seconds.append(time.perf_counter() - self.began)
                self.canvases.append(canvas.copy())
            return evaluation

        return watched


def paint(arguments: argparse.Namespace) -> None:
    """Ours, into `impasto.npz`: made anew each time, since it is the code that changes."""
    photograph, painting = (
        read_picture(path).rgb for path in (arguments.photograph, arguments.painting)
    )
    options = Options(size=arguments.size, iterations=arguments.iterations, levels=arguments.levels)
    engine = WatchedEngine(device="cpu", threads=arguments.threads)
    final = engine.levels(photograph.shape[:2], options)[-1]
    engine.watch((final.height, final.width), time.perf_counter())
    result = engine.stylize(photograph, painting, options)
    save(
        arguments.folder / "impasto.npz",
        settings_of(arguments),
        seconds=np.array(engine.seconds),
        canvases=np.array(engine.canvases),
    )
    levels = ", ".join(f"{level.width} x {level.height}" for level in result.levels)
    print(f"impasto: {result.seconds:.1f} s, {result.evaluations} evaluations at {levels}")


def descend(arguments: argparse.Namespace, optimiser: str) -> None:
    """Theirs, into a file of its own; kept at every mark, so that a long one may be cut short."""
    path = arguments.folder / f"{optimiser}.npz"
    settings = settings_of(arguments, optimiser=optimiser)
    if kept_marks(path, settings) >= set(arguments.evaluations):
        print(f"{optimiser}: {path} is used again")
        return
    import torch
    from single_scale import Descent, single_scale

    torch.set_num_threads(arguments.threads)

    def keep(descent: Descent) -> None:
        canvases = {f"canvas_{mark}": canvas for mark, canvas in descent.kept.items()}
        save(path, settings, seconds=np.array(descent.seconds), **canvases)
        print(f"{optimiser}: {len(descent.seconds)} in {descent.seconds[-1]:.1f} s", flush=True)

    pictures = (read_picture(path).rgb for path in (arguments.photograph, arguments.painting))
    single_scale(optimiser, *pictures, Options(size=arguments.size), arguments.evaluations, keep)


def kept_marks(path: Path, settings: str) -> set[int]:
    """The marks that a file of these settings has."""
    if not path.exists():
        return set()
    with np.load(path) as file:
        if str(file["settings"]) != settings:
            return set()
        return {int(name.partition("_")[2]) for name in file.files if name.startswith("canvas_")}


def judge(arguments: argparse.Namespace) -> None:
    """Print, for each number of evaluations, both times."""
    from judging import Judge, scaled

    options = Options(size=arguments.size)
    photograph, painting = (
        read_picture(path).rgb for path in (arguments.photograph, arguments.painting)
    )
    value = Judge(*scaled(photograph, painting, arguments.size), options)
    with np.load(arguments.folder / "impasto.npz") as file:
        if str(file["settings"]) != settings_of(arguments):
            raise SystemExit("impasto.npz is of other pictures or another size")
        seconds, canvases = file["seconds"], file["canvases"]
    last = value(canvases[-1])
    print(f"impasto ends at {last:.5f}, {seconds[-1]:.1f} s after its start")
    for mark in arguments.evaluations:
        goals = {}
        for optimiser in OPTIMISERS:
            path = arguments.folder / f"{optimiser}.npz"
            if mark in kept_marks(path, settings_of(arguments, optimiser=optimiser)):
                with np.load(path) as file:
                    took = file["seconds"][:mark][-1]
                    goals[optimiser] = value(file[f"canvas_{mark}"]), took
        if not goals:
            raise SystemExit(f"there is no descent of {mark} evaluations: run its part first")
        best = min(goals, key=lambda optimiser: goals[optimiser][0])
        goal, theirs = goals[best]
        for optimiser, (loss, took) in goals.items():
            print(f"{mark} evaluations of {OPTIMISERS[optimiser]}: {loss:.5f} in {took:.1f} s")
        if last > goal:
            print(f"  impasto does not get to {goal:.5f}: give it more --iterations")
            continue
        ours = seconds[first_at_most(goal, canvases, value)]
        print(f"  impasto gets to {goal:.5f} in {ours:.1f} s, 1/{theirs / ours:.2f} of that time")


def first_at_most(goal: float, canvases: np.ndarray, value: Callable[[np.ndarray], float]) -> int:
    """Index of the first canvas that is worth `goal`; each is better than the one before."""
    low, high = 0, len(canvases) - 1
    while low < high:
        middle = (low + high) // 2
        if value(canvases[middle]) <= goal:
            high = middle
        else:
            low = middle + 1
    return low


if __name__ == "__main__":
    main()
