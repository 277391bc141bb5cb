"""The figures of a benchmark as people read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .console import emit
from .tables import emit_table

__all__ = ["print_figures"]

_ROWS = (
    ("one evaluation, s", "evaluation_seconds", ".3f"),
    ("the first one, s", "first_evaluation_seconds", ".3f"),
    ("from start to its end, s", "start_to_first_seconds", ".2f"),
    ("session ready, s", "session_seconds", ".2f"),
    ("peak memory, MB", "peak_rss_mb", ".0f"),
    ("GFLOP/s", "gflops", ".0f"),
    ("of the matrix product's", "of_roofline", ".2f"),
    ("error of the gradient", "gradient_error", ".1e"),
)


def print_figures(figures: Mapping[str, Any]) -> None:
    """A table with a column for each contender, and what it comes to in words."""
    contenders = figures["contenders"]
    rows = []
    for heading, measure, form in _ROWS:
        values = [contender[measure] for contender in contenders.values()]
        if any(value is not None for value in values):
            rows.append([heading, *(_cell(value, form) for value in values)])
    emit(_heading(figures))
    emit_table(["median, least-most", *contenders], rows)
    for sentence in _sentences(figures):
        emit(sentence)


def _cell(value: Any, form: str) -> str:
    if value is None:
        return ""
    if isinstance(value, Mapping):
        median, least, most = (format(value[key], form) for key in ("median", "least", "most"))
        return f"{median}\n{least}-{most}"
    return format(value, form)


def _heading(figures: Mapping[str, Any]) -> str:
    return (
        f"{figures['model']} at {figures['width']} x {figures['height']}, "
        f"lowering: {figures['lowering']}, threads: {figures['threads']}, "
        f"rounds: {figures['rounds']}, "
        f"{figures['flops'] / 1e9:.0f} GFLOP an evaluation by direct convolution"
    )


def _sentences(figures: Mapping[str, Any]) -> list[str]:
    roofline = figures["roofline_gflops"]["median"]
    sentences = [f"A matrix product runs at {roofline:.0f} GFLOP/s on this machine."]
    if exact := figures.get("exact"):
        size = f"{exact['width']} x {exact['height']}"
        sentences.append(f"Gradients are compared with those of float64 at {size}.")
    if best := figures.get("torch_best"):
        sentence = f"Impasto is {figures['times_faster']:.2f} times as fast as {best}"
        if (memory := figures["memory_of_torch"]) is not None:
            sentence += f", in {memory:.2f} times its memory"
        sentences.append(f"{sentence}.")
    return sentences + list(figures["notes"])
