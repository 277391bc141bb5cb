"""From what the processes told to the figures of a benchmark."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .bench_contenders import IMPASTO, ROOFLINE, Records

__all__ = ["figures_of", "spread"]

# Called with a record of `run_child`; the names are those of the result.
_MEASURES: Mapping[str, Callable[[Mapping[str, Any]], float | None]] = {
    "evaluation_seconds": lambda record: record["evaluation_seconds"],
    "first_evaluation_seconds": lambda record: record["first_evaluation_seconds"],
    "start_to_first_seconds": lambda record: record["first_done"] - record["began"],
    "session_seconds": lambda record: record.get("session_seconds"),
    "peak_rss_mb": lambda record: record["peak_rss_mb"],
}


def spread(values: Sequence[float | None]) -> dict[str, float] | None:
    """Median, least and most; None where nothing was measured."""
    measured = [value for value in values if value is not None]
    if not measured:
        return None
    return {
        "median": statistics.median(measured),
        "least": min(measured),
        "most": max(measured),
    }


def figures_of(
    records: Records, flops: int, gradient_errors: Mapping[str, float]
) -> dict[str, Any]:
    """The roofline, every contender's figures, and how Impasto stands to torch.

    Args:
        records: of every round, by contender.
        flops: of one evaluation, see `evaluation_flops`.
        gradient_errors: by contender, as far as they are known.
    """
    records = dict(records)
    roofline = spread([record["gflops"] for record in records.pop(ROOFLINE.name)])
    assert roofline is not None
    found: dict[str, Any] = {}
    for name, told in records.items():
        figures: dict[str, Any] = {
            measure: spread([value(record) for record in told])
            for measure, value in _MEASURES.items()
        }
        gflops = flops / figures["evaluation_seconds"]["median"] / 1e9
        found[name] = figures | {
            "gflops": gflops,
            "of_roofline": gflops / roofline["median"],
            "loss": told[-1]["loss"],
            "gradient_error": gradient_errors.get(name),
        }
    return {"roofline_gflops": roofline, "contenders": found} | _comparison(found)


def _comparison(found: Mapping[str, Any]) -> dict[str, Any]:
    """Against the one of torch's ways that is the fastest here."""
    seconds = {name: figures["evaluation_seconds"]["median"] for name, figures in found.items()}
    ours = seconds.pop(IMPASTO.name)
    if not seconds:
        return {}
    best = min(seconds, key=lambda name: seconds[name])
    peaks = [found[name]["peak_rss_mb"] for name in (IMPASTO.name, best)]
    told = all(peak is not None for peak in peaks)
    return {
        "torch_best": best,
        "times_faster": seconds[best] / ours,
        "memory_of_torch": peaks[0]["median"] / peaks[1]["median"] if told else None,
    }
