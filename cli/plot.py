"""The one module that knows matplotlib: the curves of the loss as a picture file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..engine.errors import OptionsError
from ..engine.files import atomic_writer
from .curves import COLOURS, TOTAL, loss_marks

if TYPE_CHECKING:
    from .curves import History

__all__ = ["check_plot", "write_plot"]

_SUFFIXES = (".svg", ".png")


def check_plot(path: Path) -> None:
    """Raise `OptionsError` where the suffix is of no format that is written."""
    if path.suffix.lower() not in _SUFFIXES:
        raise OptionsError(
            f"cannot tell the format of the plot {str(path)!r}; "
            f"known suffixes: {' '.join(_SUFFIXES)}"
        )


def write_plot(path: Path, history: History) -> None:
    """Write the plot as a whole or not at all.

    Raises:
        OutputError: it cannot be written; what was at `path` is unchanged.
    """
    # A figure of its own: `pyplot` would keep it, and choose a window system for the process.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 5), layout="constrained")
    FigureCanvasAgg(figure)
    _draw(figure.add_subplot(), history)
    with atomic_writer(path) as stream:
        figure.savefig(stream, format=path.suffix.lower().removeprefix("."), dpi=150)


def _draw(axes: Any, history: History) -> None:
    axes.set_yscale("log")
    axes.set_xlabel("evaluations")
    axes.set_ylabel("loss")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", linewidth=0.5, alpha=0.4)
    for level in history.levels:
        axes.axvline(level.first, color="0.6", linewidth=0.8, linestyle=":")
        axes.annotate(
            level.name,
            (level.first, 1),
            xycoords=("data", "axes fraction"),
            xytext=(0, 3),
            textcoords="offset points",
            fontsize=8,
            color="0.4",
        )
    for number, curve in enumerate(history.curves):
        for index, piece in enumerate(curve.pieces):
            axes.plot(
                *zip(*piece, strict=True),
                color="black" if curve.name == TOTAL else COLOURS[(number - 1) % len(COLOURS)],
                linewidth=2 if curve.name == TOTAL else 1.2,
                marker="o" if len(piece) == 1 else None,
                markersize=3,
                label=None if index else curve.name,
            )
    if history.curves:
        marks = loss_marks(*axes.get_ylim())
        axes.set_yticks(marks, [f"{mark:g}" for mark in marks])
        axes.minorticks_off()
        axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False)
