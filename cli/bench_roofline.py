"""How fast this machine multiplies matrices: one large product in ONNX Runtime, timed."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..engine.programs import Program
from ..engine.session import Session, Weights
from ..export.encode import encode
from ..export.graph import Graph
from .bench_child import serve

__all__ = ["product_program"]


def product_program() -> Program:
    """`product`: the matrix product of `left` and `right`, both float32 and of any size."""
    b = Graph()
    b.output("product", b.op("MatMul", b.input("left", ("M", "K")), b.input("right", ("K", "N"))))
    return Program(encode(b, "roofline"), (), weights_are_inputs=False)


def measure(job: Mapping[str, Any]) -> dict[str, Any]:
    """10^9 operations a second in the best of `job["evaluations"]` products of `job["side"]`."""
    session = Session(product_program(), Weights({}), job["threads"], "cpu")
    random, side = np.random.default_rng(0), job["side"]
    feeds = {name: random.random((side, side), np.float32) for name in ("left", "right")}
    durations = []
    for _ in range(job["evaluations"]):
        began = time.perf_counter()
        session.run(feeds, ["product"])
        durations.append(time.perf_counter() - began)
    return {"gflops": 2 * side**3 / min(durations) / 1e9}


if __name__ == "__main__":
    serve(measure)
