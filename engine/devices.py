"""Which device computes, and how precisely: what was asked for, if it can be used."""

from __future__ import annotations

import re
from types import FunctionType
from typing import Any, Literal, TypeAlias, get_args

from .checks import shown
from .errors import OptionsError, RuntimeMissing, StyleError
from .runtime import CUDA, open_session, runtime, translated

__all__ = ["Precision", "choose_device", "is_device"]

Precision: TypeAlias = Literal["float32", "tf32"]

# An ONNX model of one Identity, float[1] `x` to `y`: what opens wherever a device can be used.
_SMALLEST_MODEL = (
    b'\x08\t:7\n\x10\n\x01x\x12\x01y"\x08Identity\x12\x01pZ\x0f\n\x01x\x12\n\n\x08\x08\x01'
    b"\x12\x04\n\x02\x08\x01b\x0f\n\x01y\x12\n\n\x08\x08\x01\x12\x04\n\x02\x08\x01B\x04\n\x00\x10\x12"
)


def is_device(name: object) -> bool:
    """Whether this is "auto", "cpu", "cuda" or "cuda:N"; not whether it can be used."""
    return isinstance(name, str) and bool(re.fullmatch("auto|cpu|cuda(:[0-9]{1,3})?", name))


def choose_device(device: str, precision: Precision = "float32") -> str:
    """ "cpu" or "cuda:N" for what was asked for: "auto", "cpu", "cuda" or "cuda:N".

    "auto" is the first CUDA device where one can be used, and else the processor.

    Raises:
        OptionsError: no such device or precision, or a precision that the device does not have.
        RuntimeMissing: CUDA was asked for by name and cannot be used (no silent fall-back).
    """
    if not is_device(device):
        raise OptionsError(f"device must be auto, cpu, cuda or cuda:N, not {shown(device)}")
    if precision not in get_args(Precision):
        raise OptionsError(f"precision must be float32 or tf32, not {shown(precision)}")
    chosen = _usable(device)
    if chosen == "cpu" and precision != "float32":
        raise OptionsError(
            f"precision must be float32 where the processor computes: {precision} needs CUDA"
        )
    return chosen


def _usable(device: str) -> str:
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
    found = runtime()
    if CUDA not in found.get_available_providers():
        raise RuntimeMissing(
            "this ONNX Runtime has no CUDA: pip install 'impasto[gpu]' has, in an environment "
            "without impasto[cpu]"
        )
    complaints = _load_libraries(found)
    options = found.SessionOptions()
    options.log_severity_level = 4
    try:
        open_session(_SMALLEST_MODEL, options, device, "float32")
    except RuntimeMissing as error:
        first = f" ({complaints[0]})" if complaints else ""
        raise RuntimeMissing(f"{error}{first}") from error
    except Exception as error:
        raise translated(error, RuntimeMissing, f"ONNX Runtime cannot use {device}") from error


def _load_libraries(found: Any) -> list[str]:
    """Load CUDA's libraries of pip's nvidia-* packages, where no linker looks; what went wrong.

    That is no error yet: they may be loaded already, or not be needed. ONNX Runtime's own function
    prints what it misses, so it is given a `print` that collects: redirecting standard output would
    take the lines of other threads too.
    """
    complaints: list[str] = []

    def collect(*words: object, **_: object) -> None:
        text = re.sub(r"\x1b\[[0-9;]*m", "", " ".join(map(str, words)))  # it prints in colours
        complaints.append(" ".join(text.split())[:200])

    preload = getattr(found, "preload_dlls", None)
    if isinstance(preload, FunctionType):
        names = {**preload.__globals__, "print": collect}
        silent = FunctionType(
            preload.__code__, names, None, preload.__defaults__, preload.__closure__
        )
        try:
            silent()
        except Exception as error:
            collect(error)
    return complaints
