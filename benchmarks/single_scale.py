"""The usual way: one descent at full size from the photograph, on torch's gradients.

Two optimisers, torch.optim.LBFGS (strong Wolfe, 10 pairs) and SciPy's L-BFGS-B within 0..1, with
the gradients of torch in its fastest layout. Needs torch (see `make oracle`).
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from judging import NETWORK, scaled
from scipy.optimize import Bounds, minimize

from impasto import Options
from impasto.cli.bench_torch import TorchObjective
from impasto.models.store import load


class Enough(Exception):
    """All evaluations are made; an optimiser itself would finish its line search first."""


@dataclass
class Descent:
    """Evaluations as they are made, and the best canvas after some of them.

    Args:
        evaluate: loss and gradient of a canvas.
        marks: numbers of evaluations after which to keep it; the last one ends the descent.
        began: when the work began, by `time.perf_counter`.
        marked: called after each mark.
    """

    evaluate: Callable[[np.ndarray], tuple[float, np.ndarray]]
    marks: Sequence[int]
    began: float
    marked: Callable[[Descent], None] = lambda descent: None
    seconds: list[float] = field(default_factory=list)
    best_loss: float = float("inf")
    best: np.ndarray | None = None
    kept: dict[int, np.ndarray] = field(default_factory=dict)

    def __call__(self, canvas: np.ndarray) -> tuple[float, np.ndarray]:
        if len(self.seconds) == max(self.marks):
            raise Enough
        loss, gradient = self.evaluate(canvas)
        self.seconds.append(time.perf_counter() - self.began)
        if loss < self.best_loss:
            self.best_loss, self.best = loss, canvas.copy()
        if len(self.seconds) in self.marks:
            self.keep(len(self.seconds))
        return loss, gradient

    def keep(self, mark: int) -> None:
        """The best canvas so far, as the picture that it is written as: within 0..1."""
        self.kept[mark] = np.clip(self.best, 0, 1).astype(np.float32)
        self.marked(self)


def single_scale(
    optimiser: str,
    photograph: np.ndarray,
    painting: np.ndarray,
    options: Options,
    marks: Sequence[int],
    marked: Callable[[Descent], None] = lambda descent: None,
) -> Descent:
    """A whole descent of "lbfgs" or "scipy"; its clock begins with shrinking the pictures."""
    began = time.perf_counter()
    photograph, painting = scaled(photograph, painting, options.size)
    objective = TorchObjective(load(NETWORK), options, photograph, painting, layout="channels-last")
    descent = Descent(objective.evaluate, marks, began, marked)
    with contextlib.suppress(Enough):
        {"lbfgs": _torch_lbfgs, "scipy": _scipy}[optimiser](descent, photograph)
    for mark in set(marks) - set(descent.kept):
        descent.keep(mark)  # no step went further down
    return descent


def _torch_lbfgs(descent: Descent, start: np.ndarray) -> None:
    canvas = torch.tensor(start, requires_grad=True)
    optimiser = torch.optim.LBFGS(
        [canvas],
        max_iter=10**9,
        max_eval=10**9,
        tolerance_grad=0.0,
        tolerance_change=0.0,
        history_size=10,
        line_search_fn="strong_wolfe",
    )

    def closure() -> float:
        loss, gradient = descent(canvas.detach().numpy())
        canvas.grad = torch.tensor(gradient)
        return loss

    optimiser.step(closure)


def _scipy(descent: Descent, start: np.ndarray) -> None:
    def function(x: np.ndarray) -> tuple[float, np.ndarray]:
        loss, gradient = descent(x.reshape(start.shape).astype(np.float32))
        return loss, gradient.astype(np.float64).ravel()

    minimize(
        function,
        start.ravel().astype(np.float64),
        jac=True,
        method="L-BFGS-B",
        bounds=Bounds(0.0, 1.0),
        options={"maxiter": 10**9, "maxfun": 10**9, "ftol": 0.0, "gtol": 0.0, "maxcor": 10},
    )
