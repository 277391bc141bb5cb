"""The border to ONNX Runtime: the only importer of onnxruntime, and its errors as ours."""

from __future__ import annotations

import os
import re
import sys
from typing import Any

from .errors import MemoryLimit, ModelError, RuntimeMissing, StyleError

__all__ = ["CPU", "CUDA", "open_session", "runtime", "runtime_info", "translated"]

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"

_LOAD_CONFIG = "ORT_LOAD_CONFIG_FROM_MODEL"

# By ONNX Runtime's arena, by C++, and by CUDA and its libraries.
_NO_MEMORY = re.compile("allocate memory|bad allocation|out of memory|_ALLOC_FAILED")


def runtime() -> Any:
    """The module onnxruntime; it tells its maker nothing, unless the host has loaded it before.

    Raises:
        RuntimeMissing: it is not installed.
    """
    is_ours = "onnxruntime" not in sys.modules
    try:
        import onnxruntime
    except ImportError as error:
        raise RuntimeMissing(
            "ONNX Runtime is not installed: pip install 'impasto[cpu]' "
            "(or 'impasto[gpu]', but not both)"
        ) from error
    if is_ours:
        # Its wheels may send events over the network. That they keep a file of
        # them under the user's cache is decided before this, by ORT_DISABLE_TELEMETRY alone.
        onnxruntime.disable_telemetry_events()
    return onnxruntime


def runtime_info() -> dict[str, Any]:
    """Version and providers of the installed ONNX Runtime."""
    found = runtime()
    return {"version": found.__version__, "providers": found.get_available_providers()}


def open_session(program: bytes, options: Any, device: str, precision: str) -> Any:
    """ONNX Runtime's session for a serialised model on "cpu" or "cuda:N".

    Raises:
        RuntimeMissing: CUDA's libraries cannot be loaded.
        ModelError: the environment keeps ONNX Runtime from taking the options.
        Exception: whatever ONNX Runtime raises; see `translated`.
    """
    kind, _, number = device.partition(":")
    if kind == "cpu":
        provider, chosen = CPU, {"arena_extend_strategy": "kSameAsRequested"}
    else:
        # ONNX Runtime's own default is TF32.
        provider, chosen = CUDA, {"device_id": number, "use_tf32": str(int(precision == "tf32"))}
    if os.environ.get(_LOAD_CONFIG) == "1":
        raise ModelError(
            f"the environment has {_LOAD_CONFIG}=1, with which ONNX Runtime takes its options from "
            "models and not from Impasto: unset it"
        )
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
