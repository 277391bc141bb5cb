"""The border to ONNX Runtime: the only importer of onnxruntime, and its errors as ours."""

from __future__ import annotations

import re
from typing import Any

from .errors import MemoryLimit, ModelError, RuntimeMissing, StyleError

__all__ = ["CPU", "CUDA", "open_session", "runtime", "runtime_info", "translated"]

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"

# By ONNX Runtime's arena, by C++, and by CUDA and its libraries.
_NO_MEMORY = re.compile("allocate memory|bad allocation|out of memory|_ALLOC_FAILED")


def runtime() -> Any:
    """The module onnxruntime.

    Raises:
        RuntimeMissing: it is not installed.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise RuntimeMissing(
            "ONNX Runtime is not installed: pip install 'impasto[cpu]' "
            "(or 'impasto[gpu]', but not both)"
        ) from error
    return onnxruntime


def runtime_info() -> dict[str, Any]:
    """Version and providers of the installed ONNX Runtime."""
    found = runtime()
    return {"version": found.__version__, "providers": found.get_available_providers()}


def open_session(program: bytes, options: Any, device: str, precision: str) -> Any:
    """ONNX Runtime's session for a serialised model on "cpu" or "cuda:N".

    Raises:
        RuntimeMissing: CUDA's libraries cannot be loaded.
        Exception: whatever ONNX Runtime raises; see `translated`.
    """
    kind, _, number = device.partition(":")
    if kind == "cpu":
        provider, chosen = CPU, {"arena_extend_strategy": "kSameAsRequested"}
    else:
        # ONNX Runtime's own default is TF32.
        provider, chosen = CUDA, {"device_id": number, "use_tf32": str(int(precision == "tf32"))}
    session = runtime().InferenceSession(
        program, options, providers=[(provider, chosen)], enable_fallback=0
    )
    if provider not in session.get_providers():  # what cannot be loaded is left out in silence
        raise RuntimeMissing("ONNX Runtime cannot use CUDA: its libraries could not be loaded")
    return session


def translated(error: Exception, kind: type[ModelError], what: str) -> StyleError:
    """One of our errors for one of ONNX Runtime's: `kind`, or ours already, or a lack of memory."""
    text = " ".join(str(error).split())
    if isinstance(error, StyleError):
        return error
    if isinstance(error, MemoryError) or _NO_MEMORY.search(text):
        return MemoryLimit("there is not enough memory for this size")
    return kind(f"{what}: {text[:300]}")
