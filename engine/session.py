"""One program in ONNX Runtime: opened with bounded threads and memory, run with mapped errors.

The only importer of onnxruntime.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from .errors import (
    CorruptModel,
    MemoryLimit,
    ModelError,
    OptionsError,
    RuntimeMissing,
    StyleError,
)
from .stop import Stop, Stopped

__all__ = ["Session", "Weights", "choose_device", "runtime_info"]

_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
# An ONNX model of one Identity, float[1] `x` to `y`: what opens wherever a device can be used.
_SMALLEST_MODEL = (
    b'\x08\t:7\n\x10\n\x01x\x12\x01y"\x08Identity\x12\x01pZ\x0f\n\x01x\x12\n\n\x08\x08\x01'
    b"\x12\x04\n\x02\x08\x01b\x0f\n\x01y\x12\n\n\x08\x08\x01\x12\x04\n\x02\x08\x01B\x04\n\x00\x10\x12"
)


def choose_device(device: str) -> str:
    """ "cpu" or "cuda:N" for what was asked for: "auto", "cpu", "cuda" or "cuda:N".

    "auto" is the first CUDA device where one can be used, and else the processor.

    Raises:
        OptionsError: no such device.
        RuntimeMissing: CUDA was asked for by name and cannot be used (no silent fall-back).
    """
    if not isinstance(device, str) or not re.fullmatch("auto|cpu|cuda(:[0-9]{1,3})?", device):
        raise OptionsError(f"device must be auto, cpu, cuda or cuda:N, not {device!r}")
    kind, _, number = device.partition(":")
    if kind == "cpu":
        return "cpu"
    chosen = f"cuda:{int(number or 0)}"
    try:
        _require_cuda(chosen)
    except StyleError:
        if kind == "auto":
            return "cpu"
        raise
    return chosen


def _require_cuda(device: str) -> None:
    """Open a session there: that CUDA is compiled in says nothing of libraries and hardware."""
    runtime = _runtime()
    if _PROVIDERS["cuda"] not in runtime.get_available_providers():
        raise RuntimeMissing(
            "this ONNX Runtime has no CUDA: install it with pip install 'impasto[gpu]'"
        )
    options = runtime.SessionOptions()
    options.log_severity_level = 4
    try:
        session = runtime.InferenceSession(
            _SMALLEST_MODEL, options, providers=[_provider(device)], enable_fallback=0
        )
    except Exception as error:
        raise _translated(error, RuntimeMissing, f"ONNX Runtime cannot use {device}") from error
    if _PROVIDERS["cuda"] not in session.get_providers():
        raise RuntimeMissing("ONNX Runtime cannot use CUDA: its libraries could not be loaded")


def runtime_info() -> dict[str, Any]:
    """Version and providers of the installed ONNX Runtime."""
    runtime = _runtime()
    return {"version": runtime.__version__, "providers": runtime.get_available_providers()}


class Weights:
    """A network's weights as ONNX Runtime values, from which every session makes its own copy.

    They belong to the process that made them: the runtime's threads do not survive a fork.
    """

    def __init__(self, arrays: Mapping[str, np.ndarray]) -> None:
        value = _runtime().OrtValue.ortvalue_from_numpy
        self.arrays = {name: np.ascontiguousarray(a, np.float32) for name, a in arrays.items()}
        self.values = {name: value(array) for name, array in self.arrays.items()}
        self._process = os.getpid()

    def check_process(self) -> None:
        """Refuse a forked child, where a lock may be held, or a thread awaited, for ever.

        Raises:
            ModelError: this is another process than the one that made the weights.
        """
        if os.getpid() != self._process:
            raise ModelError("the engine was made before a fork: make one in the child process")


class Session:
    """A program, ready to run. Safe to use from several threads at once; not after a fork.

    Args:
        program: a serialised ONNX model whose weights are declared as external.
        weight_names: which of `weights` the program declares.
        weights: of the network; other sessions may have the same ones.
        threads: processors to use at most.
        device: as `choose_device` returns it.
        lean: for a program that runs seldom: less memory and less speed.

    Raises:
        CorruptModel: ONNX Runtime cannot load the program.
    """

    def __init__(
        self,
        program: bytes,
        weight_names: Iterable[str],
        weights: Weights,
        threads: int,
        device: str,
        lean: bool,
    ) -> None:
        runtime = _runtime()
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # A level's buffers have one size, but every level another: a memory plan per size is held
        # for ever, and measured 5.2 GB where the plain arena took 3.1 GB.
        options.enable_mem_pattern = False
        # Which node runs first decides how long results are held. Measured at 1024 x 768 on VGG16:
        # one evaluation peaks at 2.3 GB in this order and at 3.7 GB in the default one, no slower.
        options.execution_order = runtime.ExecutionOrder.PRIORITY_BASED
        # Pre-packed copies of the weights bring no speed in 3x3 convolutions.
        options.add_session_config_entry("session.disable_prepacking", "1")
        # Idle threads sleep: a server's other work needs the processors.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 4
        if lean:
            # Without convolutions in blocks of channels, for which all weights are laid out anew:
            # a session of VGG16 takes 48 MB then, and not 131 MB.
            options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
        names = list(weight_names)
        options.add_external_initializers(names, [weights.values[name] for name in names])
        try:
            self._session = runtime.InferenceSession(
                program, options, providers=[_provider(device)], enable_fallback=0
            )
        except Exception as error:
            what = "ONNX Runtime cannot load the program"
            raise _translated(error, CorruptModel, what) from error
        self._weights = weights  # ONNX Runtime wants them to outlive the session
        self._gives_memory_back = lean and device == "cpu"

    def run(
        self,
        feeds: Mapping[str, np.ndarray],
        outputs: Sequence[str],
        stop: Stop | None = None,
    ) -> dict[str, np.ndarray]:
        """Run the program and return the named outputs; all are computed, named or not.

        Raises:
            Stopped: `stop` was requested before or during the run.
            MemoryLimit: memory could not be had; the session can still be used.
            ModelError: anything else that ONNX Runtime reports.
        """
        self._weights.check_process()
        run_options = _runtime().RunOptions()
        run_options.log_severity_level = 4
        if self._gives_memory_back:
            run_options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")

        def terminate() -> None:
            run_options.terminate = True

        stop = stop or Stop()
        with stop.calling(terminate):
            try:
                results = self._session.run(list(outputs), dict(feeds), run_options)
            except Exception as error:
                if stop.reason is not None:
                    raise Stopped(stop.reason) from error
                raise _translated(error, ModelError, "ONNX Runtime failed") from error
        return dict(zip(outputs, results, strict=True))


def _runtime() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise RuntimeMissing(
            "ONNX Runtime is not installed: pip install 'impasto[cpu]' "
            "(or 'impasto[gpu]', but not both)"
        ) from error
    return onnxruntime


def _provider(device: str) -> Any:
    kind, _, number = device.partition(":")
    if kind == "cpu":
        return (_PROVIDERS["cpu"], {"arena_extend_strategy": "kSameAsRequested"})
    # TF32 rounds products to 10 bits: results would differ visibly from the CPU's.
    return (_PROVIDERS["cuda"], {"device_id": number, "use_tf32": "0"})


def _translated(error: Exception, kind: type[ModelError], what: str) -> StyleError:
    text = " ".join(str(error).split())
    if isinstance(error, MemoryError) or "allocate memory" in text or "bad allocation" in text:
        return MemoryLimit("there is not enough memory for this size")
    return kind(f"{what}: {text[:300]}")
